from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from drtool.model.errors import Refused, Unavailable


@dataclass(frozen=True, slots=True)
class Begun:
    """A job that a call of ours began. The NAS counts jobs anew when it restarts, so its number alone may lead to another one.

    `asker` is what the ids of our calls begin with, `what` the words for it.
    """

    number: int
    asker: str
    method: str
    params: Sequence[Any] = field(repr=False)
    what: str
    source: str

    def find(self, rows: Any, *, earlier: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ANN401 - JSON
        """Return the job among what the NAS lists; raises Unavailable when only another one has its number, or none.

        `earlier` is what was found when it was asked before, empty the first time.
        """
        for row in _list(rows):
            if isinstance(row, dict) and self._is(row) and earlier.get("time_started") in (None, row.get("time_started")):
                return row
        raise Unavailable(
            f"{self.source} no longer knows its job {self.number} ({self.what})", hint="look at the jobs of the NAS; it may have restarted"
        )

    def has_ended(self, row: Mapping[str, Any]) -> bool:
        """Tell whether the job did its work; raises Refused when it failed."""
        state = row.get("state")
        if state in ("FAILED", "ABORTED"):
            why = str(row.get("error") or "it was aborted")[:300]
            raise Refused(f"{self.what} failed on {self.source}: {why}", hint="look at the jobs of the NAS")
        return state == "SUCCESS"

    def _is(self, row: Mapping[str, Any]) -> bool:
        """Only what the NAS tells speaks against it: it may leave out which calls began a job, and it hides arguments that are secret."""
        calls = [call for call in _list(row.get("message_ids")) if call is not None]
        if row.get("method") != self.method or (calls and not any(str(call).startswith(self.asker) for call in calls)):
            return False
        told = _list(row.get("arguments"))
        return all(given == each for given, each in zip(self.params, told, strict=False) if isinstance(given, str))


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
