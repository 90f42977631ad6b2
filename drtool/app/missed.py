"""A repository that this machine has written to and that is not there: never made anew unless a person gave it up."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final

from drtool.engine.adapters import Adapters
from drtool.engine.remembered import Remembered
from drtool.model.errors import DrtoolError, NoRepository, Refused
from drtool.model.location import LocationError, parse_location
from drtool.model.memory import missed_hint
from drtool.planning.memory import spell_vanished
from drtool.secrets.keyfile import is_missing

_BRING_BACK: Final = (
    "is its disk mounted, and its name in the policy spelled right? Else bring that key back: the recovery sheet says which it is"
)


def accept(adapters: Adapters, name: str) -> tuple[str, ...]:
    """Take a repository as it is now for right, whatever was known to be there; returns what is no longer missed, in words."""
    repository = adapters.repositories[name]
    try:
        lost = spell_vanished(name, repository.list().vanished)
    except DrtoolError as error:
        if not isinstance(repository, Remembered) or not (isinstance(error, NoRepository) or _lacks_key(adapters, name)):
            raise
        _refuse_given_up(adapters, name)
        repository.give_up()
        return (f"{name} is not there, and is missed no longer; now a new one can be made: drtool init {name}",)
    if isinstance(repository, Remembered):
        repository.accept()
    return tuple(f"accepted: {sentence}" for sentence in lost) or (f"{name} is accepted as it is; nothing was missed there",)


def refuse_missed(adapters: Adapters, names: Iterable[str]) -> None:
    """Refuse to make anew what this machine has written to before, and whose key is not there now."""
    for name in names:
        repository = adapters.repositories[name]
        if isinstance(repository, Remembered) and repository.was_there and _lacks_key(adapters, name):
            key = adapters.policy.repositories[name].address.password
            hint = _BRING_BACK if _lies_there(adapters, name) else missed_hint(name)
            raise Refused(f"the key {key} of {name} is not there", hint=hint, safe="nothing was made")


def _refuse_given_up(adapters: Adapters, name: str) -> None:
    """Refuse to give up a repository that lies on this machine: its key alone is missing."""
    if _lacks_key(adapters, name) and _lies_there(adapters, name):
        key = adapters.policy.repositories[name].address.password
        raise Refused(f"{name} lies there, and its key {key} alone is not there", hint=_BRING_BACK, safe="nothing was given up")


def _lies_there(adapters: Adapters, name: str) -> bool:
    try:
        location = parse_location(adapters.policy.repositories[name].address.location)
    except LocationError:
        return False
    return location.scheme == "path" and os.path.lexists(os.path.join(location.path, "config"))


def _lacks_key(adapters: Adapters, name: str) -> bool:
    return is_missing(adapters.policy.repositories[name].address.password)
