from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from drtool.sources.proxmox import door
from drtool.sources.proxmox.configuration.calls import OF_CLUSTER, OF_GUEST, OF_NODE, Call
from drtool.sources.proxmox.configuration.gather import FORMAT, INDEX

_GUEST: Final = re.compile(r"nodes/([^/]+)/(qemu|lxc)/([0-9]+)\.json")
_RELEASE: Final = re.compile(r"([0-9]{1,4})\.([0-9]{1,4})")
_NEVER_EMPTY: Final = ("access/domains.json", "access/roles.json", "access/users.json", "cluster/status.json", "storage.json")
"""What every cluster has some of: a realm, the roles that are built in, root@pam, a node, the storage `local`."""


@dataclass(slots=True)
class Looked:
    """What was looked at of a cluster's configuration, and what is wrong with it."""

    compared: int = 0
    bytes: int = 0
    problems: list[str] = field(default_factory=list)


def verify(files: Mapping[str, bytes]) -> Looked:
    """Look at the files of a stored configuration without any cluster.

    Every file opens. What the release has to tell is there, or is named as missing: the expectation is the table of questions, not the
    index. The guests that have a file are those that the cluster's listing showed, each with its configuration, and what every cluster has
    is not empty.
    """
    looked = Looked(bytes=sum(map(len, files.values())))
    told = {name: value for name, body in files.items() for value in _parsed(looked, name, body)}
    index = told.get(INDEX)
    if not isinstance(index, dict) or index.get("format") != FORMAT:
        looked.problems.append(f"{INDEX} is missing, or is not of a kind that this release of drtool reads")
        return looked
    missing, nodes, guests, release = (index.get(name) for name in ("missing", "nodes", "guests", "release"))
    found = _RELEASE.fullmatch(str(release))
    if not (isinstance(missing, dict) and isinstance(nodes, dict) and isinstance(guests, dict) and found):
        looked.problems.append(f"{INDEX} does not tell release, nodes, guests and what is missing")
        return looked
    expectation = _Expectation((int(found[1]), int(found[2])), missing, nodes, guests)
    looked.problems += _differences(told, expectation)
    looked.problems += _unversioned(told, str(release))
    for name, call in expectation.shapes():
        folder = name.removesuffix(call.file)
        if name in told and not expectation.lacks(name):
            looked.problems += _misshapen(folder, told, call, expectation)
    looked.problems += [f"{name} lists nothing" for name in _NEVER_EMPTY if told.get(name) == [] and not expectation.lacks(name)]
    return looked


@dataclass(frozen=True, slots=True)
class _Expectation:
    release: tuple[int, int]
    missing: Mapping[str, Any]
    nodes: Mapping[str, Any]
    guests: Mapping[str, Any]

    def lacks(self, name: str) -> bool:
        """Tell whether a file, or the folder that holds it, is named as missing."""
        return any(name == each or name.startswith(f"{each}/") for each in self.missing)

    def names(self) -> Iterator[str]:
        """Yield the files that must be there, but for guests."""
        yield INDEX
        for call in OF_CLUSTER:
            yield from call.files if call.is_in(self.release) else ()
        for node in self.nodes:
            yield from (f"nodes/{node}/{name}" for call in OF_NODE if call.is_in(self.release) for name in call.files)

    def shapes(self) -> Iterator[tuple[str, Call]]:
        """Yield each file that holds the answer to a call, with the call."""
        yield from ((call.file, call) for call in OF_CLUSTER if call.is_in(self.release))
        for node in self.nodes:
            yield from ((f"nodes/{node}/{call.file}", call) for call in OF_NODE if call.is_in(self.release))

    def guest_files(self) -> dict[str, str]:
        """Return the file of each guest that was listed, by its number."""
        return {
            number: f"nodes/{each.get('node')}/{each.get('type')}/{number}.json" if isinstance(each, dict) else ""
            for number, each in self.guests.items()
        }


def _parsed(looked: Looked, name: str, body: bytes) -> Iterator[Any]:
    looked.compared += 1
    try:
        yield json.loads(body)
    except (ValueError, RecursionError):
        looked.problems.append(f"{door.line(name)} cannot be read")


def _differences(told: Mapping[str, Any], expected: _Expectation) -> Iterator[str]:
    if not expected.nodes:
        yield "no node is listed"
    wanted, guests = set(expected.names()), expected.guest_files()
    yield from (f"{name} is missing" for name in sorted(wanted - told.keys()) if not expected.lacks(name))
    stored = {name: found[3] for name in told if (found := _GUEST.fullmatch(name))}
    yield from (f"{name} is of no guest that was listed" for name, number in stored.items() if guests.get(number) != name)
    yield from (
        f"guest {door.line(number)} was listed, and its configuration is missing"
        for number, name in guests.items()
        if name not in stored and not expected.lacks(name)
    )
    for name in stored:
        yield from _hollow(name, told[name], expected)
    yield from (f"{door.line(name)} is nothing of this configuration" for name in sorted(told.keys() - wanted - stored.keys()))


def _misshapen(folder: str, told: Mapping[str, Any], call: Call, expected: _Expectation) -> Iterator[str]:
    """Yield what is of another shape than its question asks for, and rows of which nothing more is there."""
    name = f"{folder}{call.file}"
    answer = told[name]
    if call.rows:
        good = isinstance(answer, list) and all(isinstance(row, dict) for row in answer)
    else:
        good = isinstance(answer, dict) or (answer is None and call.may_be_null)
    if not good:
        yield f"{name} holds something else than was asked for"
        return
    for each in (f"{folder}{call.file_of(path)}" for path in call.of):
        if each not in told or expected.lacks(each):
            continue
        rows = told[each]
        if not isinstance(rows, dict):
            yield f"{each} holds something else than was asked for"
        else:
            names = {row[call.each] for row in answer if isinstance(row.get(call.each), str)}
            yield from (f"{each} lacks {door.line(missed)}" for missed in sorted(names - rows.keys()))


def _hollow(name: str, body: Any, expected: _Expectation) -> Iterator[str]:  # noqa: ANN401 - JSON
    """Yield what a guest's file lacks."""
    if not isinstance(body, dict) or not isinstance(body.get("config"), dict) or not body["config"]:
        yield f"{name} holds no configuration"
        return
    parts = {part.removesuffix(".json") for call in OF_GUEST if call.is_in(expected.release) for part in call.files}
    if not expected.lacks(name):
        yield from (f"{name} lacks {part}" for part in sorted(parts - body.keys()))


def _unversioned(told: Mapping[str, Any], release: str) -> Iterator[str]:
    version = told.get("version.json")
    if not isinstance(version, dict) or not str(version.get("version") or version.get("release")).startswith(release):
        yield f"version.json does not tell the release {door.line(release)}"
