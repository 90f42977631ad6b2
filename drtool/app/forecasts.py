"""What earlier runs tell of the next recovery: joins what was measured, what is listed, and what is decided on paper."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from drtool import __version__
from drtool.app.runtime import Runtime
from drtool.catalog.lanes import Lanes, contents_of, together
from drtool.model.forecast import PastForecast, RtoForecast
from drtool.model.inventory import Listing
from drtool.model.lane import Experience
from drtool.model.plan import Plan
from drtool.model.point import Manifest
from drtool.model.summary import Summary
from drtool.planning.forecast import forecast
from drtool.planning.proof import fingerprint, versions
from drtool.planning.rto_forecast import newest_points, rto_forecasts
from drtool.planning.summary import summarise


@dataclass(frozen=True, slots=True)
class ForecastView:
    """How long each set would take from each copy, and how far past forecasts were off, as parts of what it really took; newest last."""

    rto_forecasts: tuple[RtoForecast, ...]
    past: tuple[PastForecast, ...]
    median_error: float | None
    worst_error: float | None
    as_of: datetime
    now: datetime


@dataclass(frozen=True, slots=True)
class Forecasts:
    """The experience of one host with one policy."""

    runtime: Runtime

    def known(self, listings: Mapping[str, Listing]) -> Experience:
        """Return what this host remembers and what the evidence in the listings tells."""
        records = [each for listing in listings.values() for each in listing.evidence if each.counts]
        return together(Lanes(self.runtime.state_directory).load(), records)

    def of_plan(self, plan: Plan, listings: Mapping[str, Listing], manifests: Iterable[Manifest]) -> Plan:
        """Add to a plan how long it will take, and remember what its manifests told of their members."""
        Lanes(self.runtime.state_directory).learn(content for manifest in manifests for content in contents_of(manifest))
        declared = min((each.declared for each in plan.objectives if each.declared is not None), default=None)
        looked = 0.0 if declared is None else max(0.0, (self.runtime.clock.now() - declared).total_seconds())
        return replace(plan, forecast=forecast(plan, self.known(listings).measurements, look_seconds=looked))

    def summary(self, listings: Mapping[str, Listing], *, now: datetime) -> Summary:
        """Return what the listings amount to, with how long each set would take and its fingerprint."""
        known = self.known(listings)
        newest = newest_points(listings, now=now)
        present = {}
        for name, backup_set in self.runtime.policy.sets.items():
            points = [newest[name, each] for each in self.runtime.policy.repositories_of(backup_set) if (name, each) in newest]
            last = max(points, key=lambda point: (point.instant, point.point), default=None)
            held = () if last is None else last.workloads
            parts = dict(fingerprint(self.runtime.policy, backup_set, workloads=held))
            if self.runtime.is_bare:
                del parts["copies"]  # nobody knows how many there are: one repository was named
            present[name] = {**parts, **versions(__version__, known.program)}
        forecasts = rto_forecasts(self.runtime.policy, newest, known, now=now)
        return summarise(self.runtime.policy, listings, now=now, rto_forecasts=forecasts, present=present)

    def view(self, sets: Iterable[str], listings: Mapping[str, Listing]) -> ForecastView:
        """Return the forecasts of sets from each of their copies, and what became of earlier ones."""
        from statistics import median  # noqa: PLC0415 - `status` needs none of it

        now = self.runtime.clock.now()
        known, names = self.known(listings), tuple(sets)
        found = rto_forecasts(self.runtime.policy, newest_points(listings, now=now), known, now=now, sets=names)
        past = tuple(each for each in known.past if each.set in names)
        errors = [each.error for each in past]
        return ForecastView(
            rto_forecasts=tuple(rto_forecast for name in names for rto_forecast in found[name]),
            past=past,
            median_error=median(errors) if errors else None,
            worst_error=max(errors, default=None),
            as_of=min((listing.taken for listing in listings.values()), default=now),
            now=now,
        )
