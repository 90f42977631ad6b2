from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from drtool import process
from drtool.model.workload import Leftover

PREFIX: Final = "drtool"
LIFETIME: Final = timedelta(hours=48)
"""How long what a run makes while it reads is left alone when the run is not known to be over."""
_LONGEST: Final = 60


@dataclass(frozen=True, slots=True)
class Label:
    """Who made something on the NAS, in which run, and until when it may stay; kept there as user properties `drtool:…`.

    `what` is `snapshot`, `clone`, `staging`, `sandbox` or `kept`. `more` are facts of that kind of thing.
    """

    what: str
    by: str
    source: str
    run: str
    expires: str = ""
    more: Mapping[str, str] = field(default_factory=dict)

    def words(self) -> dict[str, str]:
        """Return it by name, without what is empty."""
        plain = {"what": self.what, "by": self.by, "source": self.source, "run": self.run, "expires": self.expires, **self.more}
        return {name: value for name, value in plain.items() if value}

    def properties(self, place: str) -> dict[str, str]:
        """Return it as user properties of the dataset or snapshot at `place`."""
        return {f"{PREFIX}:{name}": value for name, value in {**self.words(), "pool": _pool(place)}.items()}

    def leftover(self, locator: str) -> Leftover:
        """Return the thing at `locator` as what a run left."""
        return Leftover(self.source, self.what, locator, self.run, self.by, expires=self.expires)


def read_label(properties: Mapping[str, Any], place: str) -> Label | None:
    """Read the label off what the NAS tells of the properties of the dataset or snapshot at `place`, None where it has none of its own.

    One that was inherited is not its own, and neither is one that came with a replica: that was made for another pool.
    """
    plain = read_marks(properties)
    if plain.pop("pool", _pool(place)) != _pool(place):
        return None
    known = {key: plain.pop(key, "") for key in ("what", "by", "source", "run", "expires")}
    if not known["what"] or not known["by"] or not known["source"]:
        return None
    return Label(**known, more=plain)


def read_marks(properties: Mapping[str, Any]) -> dict[str, str]:
    """Return what we wrote on a thing itself, by name without the prefix."""
    return {
        name.removeprefix(f"{PREFIX}:"): str(told.get("rawvalue") or told.get("value") or "")
        for name, told in properties.items()
        if name.startswith(f"{PREFIX}:") and isinstance(told, Mapping) and _is_own(told)
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


def snapshot_name(label: str) -> str:
    """Return a label as the name of a snapshot: always ours by its prefix, and outside of any schedule's naming schema."""
    plain = re.sub(r"[^A-Za-z0-9_.:-]", "-", label)
    return plain if plain.startswith(f"{PREFIX}-") else f"{PREFIX}-{plain}"


def stable_name(dataset: str, *, by: str, source: str, what: str) -> str:
    """Return where the clone of a dataset lies: the same in every run, so that a second run reads only what changed."""
    pool, _, rest = dataset.partition("/")
    digest = hashlib.sha256(f"{by}\0{source}\0{what}\0{dataset}".encode()).hexdigest()[:10]
    readable = re.sub(r"[^A-Za-z0-9_.-]", "-", rest or pool)[-_LONGEST:]
    return f"{pool}/{PREFIX}-{what}-{digest}-{readable}"


def spell_expiry(now: datetime, lifetime: timedelta = LIFETIME) -> str:
    """Return when a lifetime that begins now ends, as RFC 3339."""
    return (now + lifetime).astimezone(UTC).isoformat()
