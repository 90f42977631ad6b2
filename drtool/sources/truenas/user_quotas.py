"""What single users and groups may use of a dataset: recorded where the policy asks for it, as it costs questions of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from drtool.model.errors import DrtoolError, Interrupted
from drtool.sources.truenas.client import Client

_KINDS: Final = ("USER", "GROUP")
_BYTES: Final = "quota"
_OBJECTS: Final = "obj_quota"
_AT_ONCE: Final = 100
"""The NAS takes no more in one call."""


def read_quotas(client: Client, dataset: str) -> list[dict[str, Any]]:
    """Return the quotas of users and groups of a dataset, in the words of `pool.dataset.set_quota`."""
    found = []
    for kind in _KINDS:
        for row in client.read("pool.dataset.get_quota", dataset, kind):
            for name, told in ((kind, _BYTES), (f"{kind}OBJ", _OBJECTS)):
                value = row.get(told)
                if isinstance(value, int) and value > 0:
                    found.append({"quota_type": name, "id": str(row.get("id")), "quota_value": value})
    return found


def set_quotas(client: Client, dataset: str, quotas: Iterable[Mapping[str, Any]]) -> str:
    """Give a dataset what was recorded of another, and return what the person must know, mostly nothing.

    Data is worth more than a limit: where the NAS takes them not, the restore goes on without them.
    """
    wanted = [each for each in map(_asked, quotas) if each is not None]
    for start in range(0, len(wanted), _AT_ONCE):
        batch: Sequence[dict[str, Any]] = wanted[start : start + _AT_ONCE]
        try:
            # setting the same twice does no harm: when its answer was lost it is simply asked for again
            client.change("pool.dataset.set_quota", dataset, batch, look=lambda: False)
        except Interrupted:
            raise
        except DrtoolError as error:
            return f"without the quotas of {len(wanted) - start} users and groups: {error.what}"
    return ""


def _asked(told: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return one of them as it is asked for, None for what is none: a point's manifest is not believed."""
    kind, identity, value = told.get("quota_type"), str(told.get("id")), told.get("quota_value")
    good = kind in {f"{each}{what}" for each in _KINDS for what in ("", "OBJ")} and isinstance(value, int) and value > 0
    return {"quota_type": kind, "id": identity, "quota_value": value} if good else None
