from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from drtool import process
from drtool.model.bounds import told_machine
from drtool.model.workload import Leftover

PREFIX: Final = "drtool"
LIFETIME: Final = timedelta(hours=48)
"""How long what a run makes while it reads is left alone when the run is not known to be over."""
_LONGEST: Final = 60
_UNTIL: Final = "%Y%m%dT%H%M%SZ"
_STAYS: Final = re.compile(rf"{PREFIX}-until-(\d{{8}}T\d{{6}}Z)-", re.ASCII)
_OF_LABELS: Final = ("what", "by", "source", "run", "expires", "machine", "pool", "id")
"""What every label consists of; the rest are marks that stand alone too."""


@dataclass(frozen=True, slots=True)
class Label:
    """Who made something on the NAS, in which run, and until when it may stay; kept there as user properties `drtool:…`.

    `what` is `snapshot`, `base`, `clone`, `staging`, `sandbox` or `kept`. `more` are facts of that kind of thing.
    """

    what: str
    by: str
    source: str
    run: str
    expires: str = ""
    more: Mapping[str, str] = field(default_factory=dict)
    id: str = field(default_factory=lambda: secrets.token_hex(8), compare=False)
    """Fresh for each, as not every release tells what was set from what came down: what shows the id of the dataset above has no own."""
    machine: str = ""
    """Which machine made it; empty: a release that did not write that down."""

    def words(self) -> dict[str, str]:
        """Return it by name, without what is empty."""
        own = {"what": self.what, "by": self.by, "source": self.source, "run": self.run, "expires": self.expires, "machine": self.machine}
        plain = {**own, **self.more}
        return {name: value for name, value in plain.items() if value}

    def properties(self, place: str) -> dict[str, str]:
        """Return it as user properties of the dataset or snapshot at `place`."""
        return {f"{PREFIX}:{name}": value for name, value in {**self.words(), "pool": _pool(place), "id": self.id}.items()}

    def leftover(self, locator: str) -> Leftover:
        """Return the thing at `locator` as what a run left."""
        return Leftover(self.source, self.what, locator, self.run, self.by, expires=self.expires, machine=self.machine)


def read_label(marks: Mapping[str, str], place: str) -> Label | None:
    """Read the label off what we wrote on the dataset or snapshot at `place`, None where that is none.

    One that came with a replica is none: it was made for another pool.
    """
    plain = dict(marks)
    if plain.pop("pool", _pool(place)) != _pool(place):
        return None
    known = {key: plain.pop(key, "") for key in ("what", "by", "source", "run", "expires", "id", "machine")}
    if not known["what"] or not known["by"] or not known["source"]:
        return None
    return Label(**{**known, "machine": told_machine(known["machine"])}, more=plain)


def read_marks(properties: Mapping[str, Any], above: Mapping[str, Any] | None = None) -> dict[str, str]:
    """Return what we wrote on a thing itself, by name without the prefix; `above` are the properties of the dataset above it.

    Releases with `truenas_pylibzfs` call every user property local. So what the one above shows with the same value came down from it,
    but for the parts of a label that differs from the label above.
    """
    own = {name: text for name, (text, set_here) in _told(properties).items() if set_here}
    down = {name: text for name, (text, _) in _told(above or {}).items()}
    labelled = any(own.get(name) != down.get(name) for name in _OF_LABELS)
    return {name: text for name, text in own.items() if text != down.get(name) or (labelled and name in _OF_LABELS)}


def _told(properties: Mapping[str, Any]) -> dict[str, tuple[str, bool]]:
    return {
        name.removeprefix(f"{PREFIX}:"): (str(told.get("rawvalue") or told.get("value") or ""), _is_own(told))
        if isinstance(told, Mapping)
        else (str(told), True)
        for name, told in properties.items()
        if name.startswith(f"{PREFIX}:")
    }


def _is_own(told: Mapping[str, Any]) -> bool:
    source = told.get("source")
    kind = source.get("type") if isinstance(source, Mapping) else source
    return not str(kind or "LOCAL").upper().startswith(("INHERITED", "DEFAULT", "RECEIVED"))


def _pool(place: str) -> str:
    return place.partition("/")[0].partition("@")[0]


def run_of(label: str) -> str:
    """Return the run that works now; outside of one, what the label begins with."""
    return process.current_scope().label.partition("/")[0] or label.partition("/")[0]


def snapshot_name(label: str, *, until: datetime | None = None) -> str:
    """Return a label as the name of a snapshot: always ours by its prefix, and outside of any schedule's naming schema.

    `until` when it stays stands in its name: nobody has to be asked for the labels of all that stay, and a person sees it.
    """
    plain = re.sub(r"[^A-Za-z0-9_.:-]", "-", label).removeprefix(f"{PREFIX}-")
    return f"{PREFIX}-{plain}" if until is None else f"{PREFIX}-until-{until.astimezone(UTC):{_UNTIL}}-{plain}"


def stays(name: str, *, now: datetime) -> bool:
    """Tell by its name alone whether a snapshot of ours stays as yet, whatever its label says."""
    match = _STAYS.match(name)
    return match is not None and match[1] > f"{now.astimezone(UTC):{_UNTIL}}"


def stable_name(dataset: str, *, by: str, source: str, what: str) -> str:
    """Return where the clone of a dataset lies: the same in every run, so that a second run reads only what changed."""
    pool, _, rest = dataset.partition("/")
    digest = hashlib.sha256(f"{by}\0{source}\0{what}\0{dataset}".encode()).hexdigest()[:10]
    readable = re.sub(r"[^A-Za-z0-9_.-]", "-", rest or pool)[-_LONGEST:]
    return f"{pool}/{PREFIX}-{what}-{digest}-{readable}"


def spell_expiry(now: datetime, lifetime: timedelta = LIFETIME) -> str:
    """Return when a lifetime that begins now ends, as RFC 3339."""
    return (now + lifetime).astimezone(UTC).isoformat()
