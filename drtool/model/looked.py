"""What persons have looked at of a set, by the quarantines that they released."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from drtool.model.hold import QUARANTINE, Hold, quarantines
from drtool.model.tolerance import FUTURE_TOLERANCE


@dataclass(frozen=True, slots=True)
class Looked:
    """What persons have looked at of a set, by the quarantines they released, or are asked to look at by one that stands.

    What was sealed up to `until` is as it should be. What was sealed in one of `unwatched`, from a quarantine to its release, was never
    compared with what was there before: it is no measure of anything while a point from before is there.
    """

    until: datetime
    unwatched: tuple[tuple[datetime, datetime], ...] = ()

    def at(self, sealed: datetime) -> bool:
        """Tell whether what was sealed then has been looked at."""
        return sealed <= self.until

    def measures_by(self, sealed: datetime) -> bool:
        """Tell whether what was sealed then, and not looked at, may say what is usual."""
        return not self.at(sealed) and not any(begun < sealed <= ended for begun, ended in self.unwatched)


def looked_at(records: tuple[Hold, ...], set: str, *, now: datetime) -> Looked | None:  # noqa: A002 - the vocabulary's word
    """Return what ours have looked at of a set: what was there when a quarantine was written, not what came until it was released.

    A date in the future says nothing: it is of a clock that was ahead.
    """
    ours = [record for record in records if record.counts and (record.kind, record.set) == (QUARANTINE, set)]
    begun = {record.id: record.created for record in ours if not record.releases}
    spans = [(begun.get(record.releases, record.created), record.created) for record in ours if record.releases]
    spans += [(hold.created, now) for hold in quarantines(records, set, now) if hold.counts]
    spans = [span for span in spans if span[0] <= now + FUTURE_TOLERANCE]
    return Looked(max(since for since, _until in spans), tuple(spans)) if spans else None
