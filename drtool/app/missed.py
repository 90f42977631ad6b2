"""A repository that this machine has written to and that is not there: never made anew unless a person gave it up."""

from __future__ import annotations

from collections.abc import Iterable

from drtool.engine.adapters import Adapters
from drtool.engine.remembered import Remembered
from drtool.model.errors import DrtoolError, NoRepository, Refused
from drtool.model.memory import missed_hint
from drtool.planning.memory import spell_vanished
from drtool.secrets.keyfile import is_missing


def accept(adapters: Adapters, name: str) -> tuple[str, ...]:
    """Take a repository as it is now for right, whatever was known to be there; returns what is no longer missed, in words."""
    repository = adapters.repositories[name]
    try:
        lost = spell_vanished(name, repository.list().vanished)
    except DrtoolError as error:
        if not isinstance(repository, Remembered) or not (isinstance(error, NoRepository) or _lacks_key(adapters, name)):
            raise
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
            raise Refused(f"the key {key} of {name} is not there", hint=missed_hint(name), safe="nothing was made")


def _lacks_key(adapters: Adapters, name: str) -> bool:
    return is_missing(adapters.policy.repositories[name].address.password)
