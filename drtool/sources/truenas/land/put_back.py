"""The appliance's own configuration is put back by a person: it replaces everything at once, and nothing of it can be kept aside."""

from __future__ import annotations

from typing import Final

from drtool.model.errors import DrtoolError, NotFound, Refused, Unavailable
from drtool.sources.truenas.api.release_number import read_release
from drtool.sources.truenas.inventory.parts import Parts

BY_HAND: Final = "it replaces everything at once, and nothing of it can be kept aside"


def refuse_to_put_back(parts: Parts, saved_by: str) -> DrtoolError:
    """Return the refusal that says whether this NAS would take the configuration, and how a person uploads it."""
    try:
        there = str(parts.client.read("system.version"))
    except (NotFound, Unavailable):
        there = ""  # it may be gone: what to do with the file is told all the same
    fits = _fits(saved_by, there)
    taken_out = f"drtool restore {parts.wants.system or 'SET'} --to directory /root/recovered"
    upload = (
        f"{taken_out}, then upload config.tar on the NAS (System, General, Manage Configuration, Upload File). It restarts, "
        "and removes the authorized keys that are not in the file: keep another way in. Every step: runbooks/truenas-lost.md"
    )
    first = f"install {saved_by} or later first: runbooks/truenas-lost.md, step 2. The file itself: {taken_out}"
    return Refused(
        f"the configuration of an appliance is put back by a person: {_verdict(saved_by, there, fits=fits)}",
        hint=first if fits is False else upload,
        safe="nothing was changed on the NAS",
    )


def _verdict(saved_by: str, there: str, *, fits: bool | None) -> str:
    both = f"it was saved by {saved_by or 'an unknown release'}, and this NAS is {there or 'not known'}"
    if fits is None:
        return f"{both}: compare them yourself, as an older release refuses it"
    if not fits:
        return f"{both}: an older release refuses it"
    return f"{both}: {'the same release' if read_release(saved_by) == read_release(there) else 'a newer release, which converts it'}"


def _fits(saved_by: str, there: str) -> bool | None:
    """Tell whether one release takes what another saved, None where that cannot be told."""
    old, new = read_release(saved_by), read_release(there)
    return None if old is None or new is None else new >= old
