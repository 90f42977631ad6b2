"""What single users and groups may use of a dataset: recorded where the policy asks for it, as it costs questions of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from drtool.model.errors import Conflict, DrtoolError, Interrupted, NotFound, Refused
from drtool.sources.truenas.api.client import ApiClient

_KINDS: Final = ("USER", "GROUP")
_BYTES: Final = "quota"
_OBJECTS: Final = "obj_quota"
_AT_ONCE: Final = 100
"""The NAS takes no more in one call."""
_REFUSALS: Final = 32
"""After so many the rest is no longer asked for one by one: a key that may set none would ask a thousand times."""
_LARGEST: Final = 2**63 - 1
_NUMBER: Final = re.compile("[0-9]{1,10}")


def read_quotas(client: ApiClient, dataset: str) -> list[dict[str, Any]]:
    """Return the quotas of users and groups of a dataset, in the words of `pool.dataset.set_quota`."""
    found = []
    for kind in _KINDS:
        for row in client.read("pool.dataset.get_quota", dataset, kind):
            for name, told in ((kind, _BYTES), (f"{kind}OBJ", _OBJECTS)):
                value = row.get(told)
                if isinstance(value, int) and value > 0:
                    found.append({"quota_type": name, "id": str(row.get("id")), "quota_value": value})
    return found


def set_quotas(client: ApiClient, dataset: str, recorded: object) -> str:
    """Give a dataset the quotas recorded of another, and return what the person must know, mostly nothing.

    Only once the data is there: a NAS gives nobody files beyond his limit. Data is worth more than a limit: where the NAS takes one not,
    the restore goes on without it. What was recorded comes out of a point's manifest, and is not believed.
    """
    told = recorded if isinstance(recorded, Sequence) and not isinstance(recorded, str) else [] if recorded is None else [recorded]
    asked = [each for each in map(_asked, told) if each is not None]
    wanted = [each for each in asked if int(each["id"])]
    refused, why = _set(client, dataset, wanted)
    refused += len(asked) - len(wanted)
    nonsense = len(told) - len(asked)
    notes = [f"without the quotas of {refused} users and groups: {why or 'a NAS sets none of number 0'}" if refused else ""]
    notes.append(f"without {nonsense} recorded quotas that are none" if nonsense else "")
    return "; ".join(filter(None, notes))


def _set(client: ApiClient, dataset: str, wanted: Sequence[dict[str, Any]]) -> tuple[int, str]:
    """Set as many as the NAS takes; return how many it does not take, and its words for that.

    It takes all of one call or none, and tells which one it minds in words alone: what is refused is asked for again by halves.
    """
    waiting = [wanted[start : start + _AT_ONCE] for start in range(0, len(wanted), _AT_ONCE)]
    refused, refusals, why = 0, 0, ""
    while waiting:
        batch = waiting.pop(0)
        try:
            # setting the same twice does no harm: when its answer was lost it is simply asked for again
            client.change("pool.dataset.set_quota", dataset, batch, look=lambda: False)
        except Interrupted:
            raise
        except DrtoolError as error:
            why, refusals = why or error.what, refusals + 1
            half = len(batch) // 2
            if half and refusals <= _REFUSALS and isinstance(error, Refused | NotFound | Conflict):
                waiting[:0] = [batch[:half], batch[half:]]
            else:
                refused += len(batch)
    return refused, why


def _asked(told: object) -> dict[str, Any] | None:
    """Return one of them as it is asked for, None for what is none."""
    if not isinstance(told, Mapping):
        return None
    kind, identity, value = told.get("quota_type"), str(told.get("id")), told.get("quota_value")
    named = isinstance(kind, str) and kind in {f"{each}{what}" for each in _KINDS for what in ("", "OBJ")}
    limited = isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _LARGEST
    return {"quota_type": kind, "id": identity, "quota_value": value} if named and limited and _NUMBER.fullmatch(identity) else None
