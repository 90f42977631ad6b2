"""Whether the next exact stream of a dataset can begin where that of an earlier point ended, and what stays on the NAS for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from drtool.model.errors import Refused
from drtool.model.point import Artifact, Member
from drtool.model.workload import CHAIN, Snapshot
from drtool.sources.truenas.api.shell import Shell
from drtool.sources.truenas.datasets.destroy import destroy_snapshot
from drtool.sources.truenas.datasets.labels import PREFIX, spell_expiry, stays
from drtool.sources.truenas.datasets.snapshot import base_label_of, read_snapshot
from drtool.sources.truenas.inventory.parts import Parts
from drtool.sources.truenas.inventory.ways import EXACT

BASE_LIFETIME: Final = timedelta(days=35)
"""So long a snapshot is kept for the next stream; a set that is stored less often sends all of it each time."""
_GUID: Final = re.compile(r"[1-9][0-9]{0,19}")
_NAME: Final = re.compile(rf"{PREFIX}-[A-Za-z0-9_.:-]{{1,200}}")


@dataclass(frozen=True, slots=True)
class Base:
    """Where the next stream begins: the links that are there already, of which point, and the snapshot that the last one ended at.

    Without links it is a whole one; `reason` says why so, where a person would not expect it.
    """

    links: tuple[Artifact, ...] = ()
    point: str = ""
    locator: str = ""
    reason: str = ""


def choose_base(shell: Shell, snapshot: Snapshot, *, limit: int) -> Base:
    """Choose where the stream of a snapshot begins: by what the earlier point recorded, compared with what the NAS has now."""
    earlier = snapshot.earlier
    if earlier is None or limit < 2:  # noqa: PLR2004 - one link is a whole stream
        return Base()
    links, now = earlier.member.artifacts, snapshot.workload.selector
    why = _why_not(earlier.member, now)
    if why or len(links) >= limit:
        return Base(reason=why)
    dataset, last = str(now["dataset"]), links[-1].facts
    locator = f"{dataset}@{last['snapshot']}"
    if read_guid(shell, dataset) != last["dataset"]:
        return Base(reason=f"{dataset} is another dataset than the one of the point {earlier.point}")
    if read_guid(shell, locator) != last["guid"]:
        return Base(reason=f"{locator}, at which the stream of the point {earlier.point} ended, is not on the NAS any more")
    return Base(links, earlier.point, locator)


def _why_not(member: Member, now: Mapping[str, object]) -> str:
    """Say why nothing can be added to what an earlier point has, by what was recorded alone; empty: it can."""
    was, dataset = member.selector, now.get("dataset")
    if was.get("way") != EXACT or was.get("dataset") != dataset:
        return f"{dataset} was not stored as an exact stream before"
    if not was.get(CHAIN):
        return f"{dataset} was not stored as a chain before"
    if (was.get("encrypted"), was.get("encryption")) != (now.get("encrypted"), now.get("encryption")):
        return f"{dataset} is encrypted otherwise than before"
    ends = ""
    for number, link in enumerate(member.artifacts):
        facts = link.facts
        if (
            link.form != "stream"
            or not _is_link(facts)
            or facts.get("base", "") != ends
            or facts["dataset"] != member.artifacts[0].facts["dataset"]
        ):
            return f"what is recorded of the stream {number} of {dataset} does not tell where it begins and ends"
        ends = facts["guid"]
    return ""


def _is_link(facts: Mapping[str, str]) -> bool:
    return bool(
        _GUID.fullmatch(facts.get("guid", "")) and _GUID.fullmatch(facts.get("dataset", "")) and _NAME.fullmatch(facts.get("snapshot", ""))
    )


def read_guid(shell: Shell, locator: str) -> str:
    """Return the number that ZFS gave a dataset or snapshot, which no other one has; empty where there is none of that name."""
    said = shell.run("zfs", "get", "-Hp", "-o", "value", "guid", locator)
    text = said.standard_output.decode("utf-8", "replace").strip()
    if said.exit_code != 0:
        if "does not exist" in said.said(300) or "could not find" in said.said(300):
            return ""
        raise Refused(f"the guid of {locator} cannot be read: {said.said(300)}", hint="drtool doctor tells what the user of `ssh:` may do")
    return text if _GUID.fullmatch(text) else ""


def facts_of(shell: Shell, locator: str, base: Base) -> dict[str, str]:
    """Return what is recorded of a stream: the dataset and the snapshot at which it ends, by number, and the one at which it begins."""
    dataset, _, name = locator.partition("@")
    facts = {"dataset": read_guid(shell, dataset), "guid": read_guid(shell, locator), "snapshot": name}
    return facts | ({"base": base.links[-1].facts["guid"]} if base.links else {})


def keep_base(parts: Parts, shell: Shell, snapshot: str, base: Base, *, wanted: bool) -> None:
    """Keep a snapshot that was sent for the next stream (`wanted`), and destroy those of ours that are no base any more.

    The one at which the earlier point ends stays until the next run: whether this point is sealed is not known yet.
    """
    if wanted:
        _keep(parts, shell, snapshot)
    dataset = snapshot.partition("@")[0]
    for row in parts.client.read("pool.snapshot.query", [["dataset", "=", dataset]], {"select": ["name"]}):
        name = str(row["name"])
        own = name.partition("@")[2]
        if name not in (snapshot, base.locator) and _NAME.fullmatch(own) and not stays(own, now=parts.clock.now()):
            _destroy_if_base(parts, name)


def _keep(parts: Parts, shell: Shell, snapshot: str) -> None:
    expires = spell_expiry(parts.clock.now(), BASE_LIFETIME)
    for assignment in (f"{PREFIX}:expires={expires}", f"{PREFIX}:what=base"):  # from the second on it is one
        if shell.run("zfs", "set", assignment, snapshot).exit_code != 0:
            return  # it goes with its run, and the next stream is a whole one and says why
    parts.taken.bases.add(snapshot)


def _destroy_if_base(parts: Parts, name: str) -> None:
    told = read_snapshot(parts.client, name)
    label = base_label_of(told) if told is not None else None
    if label is not None and (label.by, label.source, label.machine) == (parts.by, parts.name, parts.owner.machine()):
        destroy_snapshot(parts.client, name)
