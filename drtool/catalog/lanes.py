"""What earlier runs measured, read off their plans and journals and off evidence, and kept in one small file of the state directory."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from drtool.catalog.storage import make_folder, read_json, write_atomically
from drtool.model.codec import canonical, decode
from drtool.model.evidence import Evidence
from drtool.model.lane import Content, Experience, Lane, Measurement

if TYPE_CHECKING:
    from drtool.model.plan import Plan
    from drtool.model.point import Manifest
    from drtool.model.report import Report

PER_LANE = 12
"""Only the newest measurements of a lane are kept."""
PAST = 100
"""So many forecasts are kept beside what came of them."""
IN_EVIDENCE = 16
"""So many steps, those that took longest, travel in the tags of evidence."""
_RECOVERIES = frozenset({"restore", "drill"})


def contents_of(manifest: Manifest) -> tuple[Content, ...]:
    """Return what the workloads of a point hold."""
    return tuple(
        Content(
            manifest.set,
            member.workload,
            member.source,
            member.kind,
            next((artifact.form for artifact in member.artifacts), ""),
            sum(artifact.census.bytes for artifact in member.artifacts),
            sum(artifact.census.files for artifact in member.artifacts),
            manifest.instant,
        )
        for member in manifest.members
    )


def spelled(found: Iterable[Measurement]) -> Mapping[str, Any]:
    """Return the measurements of one drill as the bounded JSON value that travels with its evidence."""
    chosen = sorted(found, key=lambda each: -each.seconds)[:IN_EVIDENCE]
    restores = [each for each in chosen if each.lane.action == "restore"]
    if not restores:
        return {}
    return {
        "run": restores[0].run,
        "to": restores[0].lane.destination,
        "cache": restores[0].lane.cache,
        "program": restores[0].program,
        "steps": [
            [each.lane.action, each.lane.source, each.lane.kind, each.step, each.bytes, each.files, each.seconds]
            for each in sorted(chosen, key=lambda each: each.step)
        ],
    }


def of_evidence(evidence: Evidence) -> tuple[Measurement, ...]:
    """Read the measurements that travel with a drill's evidence; what does not fit is left out."""
    found = []
    value: Any = evidence.details.get("measured")
    with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError):
        for action, source, kind, step, size, files, seconds in value["steps"] if value else ():
            restored = action == "restore"
            lane = Lane(
                action=str(action),
                source=str(source),
                destination=str(value["to"]),
                repository=evidence.repository if restored else "",
                cache=str(value["cache"]) if restored else "",
                kind=str(kind),
                subject={"ask": str(step), "cutover": str(step).partition("/cutover/")[2]}.get(action, ""),
            )
            program = str(value["program"]) if restored else ""
            run = str(value["run"])
            found.append(Measurement(lane, int(size), int(files), float(seconds), evidence.started, run, str(step), program))
    return tuple(found)


def together(known: Experience, records: Iterable[Evidence]) -> Experience:
    """Add what evidence tells to what this host remembers: a run that it remembers itself counts once."""
    runs = {each.run for each in known.measurements}
    told: list[Measurement] = []
    held: list[Content] = []
    for evidence in records:
        for each in of_evidence(evidence):
            if each.run not in runs:
                told.append(each)
            workload = each.step.partition("/restore/")[2]
            if each.lane.action == "restore" and workload:
                held.append(Content(evidence.set, workload, each.lane.source, "", each.lane.kind, each.bytes, each.files, each.at))
    return replace(
        known,
        measurements=newest((*known.measurements, *dict.fromkeys(told))),
        contents=_latest((*held, *known.contents)),
    )


def newest(found: Iterable[Measurement]) -> tuple[Measurement, ...]:
    """Keep the newest measurements of each lane, in order of age."""
    kept: dict[Lane, int] = {}
    chosen = []
    for each in sorted(found, key=lambda each: (each.at, each.run, each.step), reverse=True):
        kept[each.lane] = kept.get(each.lane, 0) + 1
        if kept[each.lane] <= PER_LANE:
            chosen.append(each)
    return tuple(reversed(chosen))


def _latest(found: Iterable[Content]) -> tuple[Content, ...]:
    latest: dict[tuple[str, str], Content] = {}
    for each in found:
        known = latest.get((each.set, each.workload))
        if known is None or each.at >= known.at:
            latest[each.set, each.workload] = each
    return tuple(latest.values())


class Lanes:
    """The experience of this host: a cache that is made anew from the journals when it is absent or damaged."""

    def __init__(self, state_directory: str) -> None:
        self._folder = state_directory
        self._path = os.path.join(state_directory, "lanes.json")

    def load(self) -> Experience:
        """Return what this host remembers."""
        data = read_json(self._path)
        try:
            return decode(Experience, data) if isinstance(data, dict) else self.rebuild()
        except (KeyError, TypeError, ValueError, AttributeError):
            return self.rebuild()

    def rebuild(self) -> Experience:
        """Read every journal of this host again."""
        from drtool.catalog.runs import Runs  # noqa: PLC0415 - reading journals is rare, looking is not

        known = Experience()
        for folder in reversed(list(Runs(self._folder).all())):
            plan = folder.plan()
            report = folder.report() if plan is not None and plan.verb in {"run", *_RECOVERIES} else None
            if plan is not None and report is not None:
                known = _with(known, plan, report)
        self._save(known)
        return known

    def take(self, plan: Plan, report: Report) -> None:
        """Remember a run that has just ended."""
        if plan.verb in {"run", *_RECOVERIES}:
            self._save(_with(self.load(), plan, report))

    def learn(self, found: Iterable[Content]) -> None:
        """Remember what manifests told of their members."""
        known = self.load()
        latest = _latest((*known.contents, *found))
        if latest != known.contents:
            self._save(replace(known, contents=latest))

    def _save(self, known: Experience) -> None:
        with contextlib.suppress(OSError):  # a cache: an unwritable state directory costs only its speed
            make_folder(self._folder)
            write_atomically(self._path, canonical(known))


def _with(known: Experience, plan: Plan, report: Report) -> Experience:
    from drtool.catalog.measured import contents, measurements, past_forecasts  # noqa: PLC0415 - nouns of plans, which a look needs none of

    programs = [str(step.result["program"]) for step in report.steps if step.result.get("program")]
    timed = measurements(plan, report) if plan.verb in _RECOVERIES else ()
    return Experience(
        measurements=newest(dict.fromkeys((*known.measurements, *timed))),
        contents=_latest((*known.contents, *contents(plan, report))),
        past=tuple(dict.fromkeys((*known.past, *past_forecasts(plan, report))))[-PAST:],
        program=programs[-1] if programs else known.program,
    )
