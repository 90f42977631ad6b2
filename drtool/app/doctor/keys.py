"""What `doctor` asks of keys: is there one beside the one in use, was it ever proven, and does it lie elsewhere."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from typing import Final

from drtool.app.doctor.asking import Known, Part
from drtool.app.doctor.disks import disks_of
from drtool.app.keys.opening import require_open
from drtool.model.errors import DrtoolError, Interrupted, Refused
from drtool.model.key import RepositoryKey
from drtool.model.policy import DrillPolicy
from drtool.model.secret import SecretReference
from drtool.planning.words import spell_count, spell_duration
from drtool.ports import Finding

_PROVEN_FOR: Final = timedelta(days=365)
_FILED: Final = frozenset({"file", "credential"})
"""Secrets that are files of this machine."""


def keys(known: Known) -> Iterable[Part]:
    """Ask of each repository whether a second key opens it, and was proven to: the one in use goes with this machine."""
    for name in known.repositories:
        if known.keys.get(name):
            yield Part(f"{name}: keys", partial(_keys, known, name))


def drill_keys(known: Known) -> Iterable[Part]:
    """Try the keys that drills open with: escrowed ones, which are another than the one in use, and lie elsewhere."""
    for drill in known.policy.drills.values():
        if drill.key is not None and (not known.subjects or drill.name in known.subjects or drill.repository in known.subjects):
            yield Part(f"drill {drill.name}: key", partial(_drill_key, known, drill, drill.key))
            if drill.key.scheme == "file":
                yield Part(f"drill {drill.name}: medium", partial(_medium, known, drill, drill.key))


def _keys(known: Known, name: str) -> list[Finding]:
    subject, found = f"{name}: keys", known.keys[name]
    used = known.policy.repositories[name].address.password
    others = [key for key in found if not key.current]
    if not others:
        where = ", a file of this machine" if used.scheme in _FILED else ""
        text = f"its only key is {used}{where}: where that goes, nobody reads {name} again"
        remedy = f"drtool key add {name} --file FILE, on a medium that is kept elsewhere; then: drtool key prove {name} --file FILE"
        return [Finding(subject, good=None, text=text, remedy=remedy)]
    newest = max((key for key in others if key.last_proven), key=lambda key: key.last_proven or key.created, default=None)
    prove = f"bring the medium that holds it, and: drtool key prove {name} --file FILE"
    if newest is None or newest.last_proven is None:
        text = f"{spell_count(len(others), 'key')} beside the one in use, and never proven: {', '.join(map(_spelled, others))}"
        return [Finding(subject, good=None, text=text, remedy=prove)]
    age = known.adapters.clock.now() - newest.last_proven
    text = f"{_spelled(newest)} opened it alone {spell_duration(age)} ago"
    if age > _PROVEN_FOR:
        return [Finding(subject, good=None, text=f"{text}: that is long for a medium", remedy=prove)]
    return [Finding(subject, good=True, text=text)]


def _spelled(key: RepositoryKey) -> str:
    return f"{key.id} ({key.user}@{key.host})"


def _drill_key(known: Known, drill: DrillPolicy, key: SecretReference) -> list[Finding]:
    """A key that is not at hand is where an escrowed key belongs, and no fault before its drill; one that opens nothing is a fault.

    So is a copy of the key in use under another name: only here are both asked.
    """
    subject, runtime = f"drill {drill.name}: key", known.runtime
    try:
        used = require_open(runtime.opened_with(drill.repository, key).adapters, drill.repository, key, what=f"the drill {drill.name}")
    except Refused as error:
        return [Finding(subject, good=None, text=error.what, remedy=error.hint)]
    if used.id and used.id == _id_in_use(known, drill.repository):
        text = f"{used.words} is the key that {drill.repository} is opened with every day: it proves nothing about another"
        return [Finding(subject, good=False, text=text, remedy=f"drtool key add {drill.repository} --file FILE")]
    return [Finding(subject, good=True, text=f"{used.words} opens {drill.repository}")]


def _id_in_use(known: Known, repository: str) -> str:
    try:
        return known.adapters.key_ring(repository).current()
    except Interrupted:
        raise
    except DrtoolError:  # told where the repository is examined
        return ""


def _medium(known: Known, drill: DrillPolicy, key: SecretReference) -> list[Finding]:
    """Tell of an escrowed key that lies on the disk of the one in use: it goes with it."""
    used, escrowed = known.policy.repositories[drill.repository].address.password, os.path.expanduser(key.value)
    if used.scheme != "file" or not os.path.exists(escrowed):
        return []
    both = disks_of(escrowed) & disks_of(os.path.expanduser(used.value))
    if not both:
        return []
    text = f"{key} lies on the disk of the key in use ({' and '.join(sorted(both))}): what takes the one takes the other"
    remedy = "move it to a medium that is kept elsewhere, and name there in `key:` where that is mounted for the drill"
    return [Finding(f"drill {drill.name}: medium", good=None, text=text, remedy=remedy)]
