"""Reads all of a cluster's configuration, looks again for what changed meanwhile, and names what it could not read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from drtool.model.errors import DrtoolError, Interrupted, Refused, TimedOut, Unavailable
from drtool.sources.proxmox import door
from drtool.sources.proxmox.client import ApiClient
from drtool.sources.proxmox.configuration.answer import spelled
from drtool.sources.proxmox.configuration.calls import CONFIG, NOT_ASKED, OF_CLUSTER, OF_GUEST, OF_NODE, Call, Release
from drtool.sources.proxmox.configuration.reader import Part, Patience, Reader, SilentError
from drtool.sources.proxmox.guests import Guest, Listed, read_guests
from drtool.sources.proxmox.privileges import GUESTS, Held, read_privileges

FORMAT: Final = "drtool.proxmox/1"
INDEX: Final = "index.json"
LISTING: Final = "guests"
"""What is missing where the listing of guests is less than there is."""
_RELEASE: Final = re.compile(r"(\d{1,4})\.(\d{1,4})")
_QUESTIONS_OF_NODE: Final = 2
_QUESTIONS: Final = 3
_SILENT_NODES: Final = 3
"""Each question without an answer costs more than a minute."""
_NO_OTHER: Final = f"{_SILENT_NODES} nodes did not answer, and no other was asked"


@dataclass(slots=True)
class Gathered:
    """Everything that was read: the answers by file, why files are missing or less than there is, and what changed meanwhile."""

    release: Release
    listed: Listed
    part: Part = field(default_factory=Part)
    changed: list[str] = field(default_factory=list)

    def content(self) -> dict[str, bytes]:
        """Return the files as they are stored, with the index that tells of them all."""
        index = {
            "format": FORMAT,
            "release": ".".join(map(str, self.release)),
            "nodes": dict(self.listed.nodes),
            "guests": {
                str(guest.vmid): {"node": guest.node, "type": guest.type, "name": guest.name, "template": guest.template}
                for guest in self.listed.guests
            },
            "missing": self.part.missing,
            "not_asked": NOT_ASKED,
            "changed": self.changed,
            "files": sorted(self.part.files),
        }
        return {INDEX: spelled(index), **{name: spelled(value) for name, value in self.part.files.items()}}


def file_of(guest: Guest) -> str:
    """Return the name of the file with all that is told of a guest; a node's name and a number are all that is in it."""
    return f"nodes/{guest.node}/{guest.type}/{guest.vmid}.json"


def read_release(client: ApiClient) -> Release:
    """Return the release of a cluster; Refused where it does not tell one."""
    told = door.mapping(client.get("version"), "/version", client.source)
    found = _RELEASE.match(door.line(told.get("version") or told.get("release")))
    if found is None:
        raise Refused(f"{client.source} does not tell which release it is", hint=f"look what answers there: drtool doctor {client.source}")
    return int(found[1]), int(found[2])


def gather(client: ApiClient) -> Gathered:
    """Read the configuration of a cluster; what cannot be read is named, and stops nothing else.

    Raises Unavailable where nobody answers, and Refused where the token is not accepted or the cluster's listing makes no sense.
    """
    release, held = read_release(client), read_privileges(client, stores=True)
    work = _Work(Reader(client, release), Gathered(release, read_guests(client)))
    work.cluster()
    work.nodes(work.gathered.listed.nodes)
    work.guests(work.gathered.listed.guests)
    work.look_again()
    _note_what_is_hidden(work.gathered, (held, read_privileges(client, stores=True)))
    return work.gathered


class _Work:
    """One reading under way; nodes that do not answer are asked nothing else."""

    def __init__(self, reader: Reader, gathered: Gathered) -> None:
        self.gathered = gathered
        self._reader = reader
        self._silent: dict[str, str] = {}
        self._answered = {""}
        self._patience: dict[str, Patience] = {}

    def cluster(self) -> None:
        """Read what is told of the cluster as a whole."""
        patience = self._patience_with("")
        try:
            self._take(self._reader.read(OF_CLUSTER, "", patience))
        except SilentError:
            raise _away(patience) from None

    def nodes(self, nodes: Mapping[str, bool]) -> None:
        """Read what is told of each node that is online."""
        for node in sorted(nodes):
            if not nodes[node]:
                self._silence(node, "it is offline")
            elif self._is_asked(node):
                self._take(self._part(node, OF_NODE, f"/nodes/{node}").below(f"nodes/{node}/"))
            else:
                self._silence(node, _NO_OTHER)

    def guests(self, guests: Iterable[Guest]) -> None:
        """Read what is told of each guest whose node answers, into one file each."""
        for guest in guests:
            if guest.node not in self.gathered.listed.nodes:
                self._lose(file_of(guest), f"its node {guest.node} is none that the cluster lists")
            elif self._is_asked(guest.node):
                part = self._part(guest.node, OF_GUEST, f"/nodes/{guest.node}/{guest.type}/{guest.vmid}")
                if CONFIG.file in part.files:
                    self._take(Part({file_of(guest): {name.removesuffix(".json"): each for name, each in part.files.items()}}))
                for name, why in part.missing.items():
                    self._lose(file_of(guest), f"{name.removesuffix('.json')}: {why}")
            elif f"nodes/{guest.node}" not in self.gathered.part.missing:
                self._lose(file_of(guest), self._silent.get(guest.node, _NO_OTHER))

    def look_again(self) -> None:
        """Read once more what tells of a change, and what changed: each file is of one instant, and all of them perhaps not."""
        earlier, self.gathered.listed = self.gathered.listed, read_guests(self._reader.client)
        before, after = ({file_of(guest): guest for guest in each.guests} for each in (earlier, self.gathered.listed))
        for file in before.keys() - after.keys():
            self.gathered.part.files.pop(file, None)
            self.gathered.part.missing.pop(file, None)
            self.gathered.changed.append(f"{file}: removed, or moved to another node")
        fresh = [after[file] for file in sorted(after.keys() - before.keys())]
        self.gathered.changed += [f"{file_of(guest)}: new" for guest in fresh]
        for node in sorted(self.gathered.listed.nodes.keys() - earlier.nodes.keys()):
            self.nodes({node: self.gathered.listed.nodes[node]})
        self.guests(fresh)
        self._compare(OF_CLUSTER, "", "")
        for node in sorted(earlier.nodes):
            if self._is_asked(node):
                self._compare(OF_NODE, f"/nodes/{node}", f"nodes/{node}/")
        self.guests([guest for file, guest in after.items() if file in before and self._has_changed(guest)])

    def _has_changed(self, guest: Guest) -> bool:
        file = file_of(guest)
        if file not in self.gathered.part.files or not self._is_asked(guest.node):
            return False
        path, known = f"/nodes/{guest.node}/{guest.type}/{guest.vmid}", self.gathered.part.files[file]["config"]
        if not self._differs(CONFIG, path, file, known):
            return False
        del self.gathered.part.files[file]  # it is read anew
        self.gathered.part.missing.pop(file, None)
        return True

    def _compare(self, calls: Iterable[Call], base: str, folder: str) -> None:
        """Ask calls once more, and read what differs anew with what belongs to it."""
        files, node = self.gathered.part.files, base.rpartition("/")[2]
        for call in calls:
            file = f"{folder}{call.file}"
            if call.again and file in files and self._is_asked(node) and self._differs(call, base, file, files[file]):
                for name in call.files:
                    self.gathered.part.missing.pop(f"{folder}{name}", None)
                self._take(self._part(node, (call,), base).below(folder))

    def _differs(self, call: Call, base: str, file: str, known: Any) -> bool:  # noqa: ANN401 - JSON
        """Ask once more; a node that fell silent since is asked nothing else, and what was read of it counts."""
        try:
            same = self._reader.again(call, base) == known
        except (Interrupted, TimedOut):
            raise
        except DrtoolError as error:
            self.gathered.changed.append(f"{file}: whether it changed could not be asked: {error.what}")
            node = base.split("/")[2] if base else ""
            try:
                self._patience_with(node)(error)
            except SilentError:
                self._silent[node] = f"it does not answer: {error.what}"
            return False
        if not same:
            self.gathered.changed.append(f"{file}: changed while it was read, and read again")
        return not same

    def _part(self, node: str, calls: Iterable[Call], base: str) -> Part:
        """Read calls of a node; what was read before it fell silent counts."""
        patience = self._patience_with(node)
        part = Part()
        for call in calls:
            try:
                each = self._reader.read((call,), base, patience)
            except SilentError:
                if not node:
                    raise _away(patience) from None
                self._silence(node, f"it does not answer: {patience.words}")
                break
            self._answered |= {node} if each.files else set()
            part.files |= each.files
            part.missing |= each.missing
        return part

    def _patience_with(self, node: str) -> Patience:
        return self._patience.setdefault(node, Patience(_QUESTIONS_OF_NODE if node else _QUESTIONS))

    def _is_asked(self, node: str) -> bool:
        """Tell whether a node, or the cluster (no name), is asked anything else; one that answered is, however many others do not."""
        silent = sum(words.startswith("it does not answer") for words in self._silent.values())
        return node not in self._silent and (node in self._answered or silent < _SILENT_NODES)

    def _silence(self, node: str, why: str) -> None:
        if node not in self._silent:
            self._silent[node] = why
            of = ", ".join(str(guest.vmid) for guest in self.gathered.listed.guests if guest.node == node)
            self._lose(f"nodes/{node}", f"{why}; nothing more of it was read" + (f", nor of its guests {of}" if of else ""))

    def _take(self, part: Part) -> None:
        self.gathered.part.files |= part.files
        for file, why in part.missing.items():
            self._lose(file, why)

    def _lose(self, file: str, why: str) -> None:
        self.gathered.part.lose(file, why)


def _away(patience: Patience) -> Unavailable:
    return Unavailable(patience.words, hint="look at the load of the nodes, and run again")


def _note_what_is_hidden(gathered: Gathered, told: tuple[Held, Held]) -> None:
    """Note of each listing that shows less than there is to a token without a privilege; what it had before and after counts."""
    lost = gathered.part.lose
    for call in OF_CLUSTER:
        need = call.whole_with
        if need is not None and call.is_in(gathered.release) and not all(need.is_met(held) for held in told):
            lost(call.file, f"it may lack some: the token lacks {need.words}")
    if not all(GUESTS.is_met(held) for held in told):
        lost(LISTING, f"there may be more guests: the token lacks {GUESTS.words}")
    if gathered.listed.unreadable:
        lost(LISTING, f"unreadable in the listing of guests, or there twice: {gathered.listed.unreadable}")
