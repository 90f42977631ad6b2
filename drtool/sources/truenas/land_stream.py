from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from drtool.model.command import Command
from drtool.model.errors import Corrupt, DrtoolError, Interrupted
from drtool.model.plan import Landed
from drtool.ports import Landing, LandRequest
from drtool.sources.truenas.create import create_dataset, mark_dataset
from drtool.sources.truenas.datasets import VOLUME, free_bytes
from drtool.sources.truenas.destroy import destroy_snapshot
from drtool.sources.truenas.discover import KIND
from drtool.sources.truenas.encrypt import Way
from drtool.sources.truenas.encryption import hidden
from drtool.sources.truenas.inherit import inherited_mark, taken_of
from drtool.sources.truenas.labels import Label
from drtool.sources.truenas.land import encryption_of, place_of, require_room, waiting_name
from drtool.sources.truenas.parts import Parts, require_shell
from drtool.sources.truenas.shell import BLOCK, Shell, command_of, device_of, wait_for_device
from drtool.sources.truenas.staging import remove_staging
from drtool.sources.truenas.takes import settable, spell
from drtool.sources.truenas.ways import BLOCKS

_ONLY_AT_BIRTH: Final = ("casesensitivity",)


@contextlib.contextmanager
def land_stream(parts: Parts, request: LandRequest) -> Iterator[Landing]:
    """Open a new volume, or a dataset to be, for one stream that flows into a command of the NAS.

    Before it counts as landed a volume is read back and compared with the digest of the point; ZFS checks its own streams.
    """
    shell, member = require_shell(parts), request.member
    blocks = member.selector.get("way") == BLOCKS
    target, above = place_of(parts, request)
    require_room(parts, above, _needed(member.selector, request.bytes))
    name = waiting_name(parts, request, target, above)
    way = encryption_of(parts, member.selector, above=above, original=request.destination.form == "original") if blocks else Way()
    label = parts.label(
        "staging",
        request.run,
        request.expires.isoformat(),
        {"state": "landing", "target": target, "point": request.point, "form": request.destination.form},
    )
    try:
        into = (
            _make_volume(parts, shell, request, name, label.properties(name) | way.mark() | inherited_mark(member.selector), way)
            if blocks
            else _receive_into(name, label)
        )
        note = "; ".join(filter(None, (way.note, spell(settable(member.selector.get("properties", {}))[1]))))
        yield Landing("", shell.runner, replace(_landed(parts, request, name=name, target=target, blocks=blocks), note=note), into)
        if blocks:
            _read_back(parts, shell, request, name)
        else:
            _settle(parts, request, name)
        mark_dataset(parts.client, name, {"drtool:state": "landed"})
    except Interrupted:
        raise  # told to stop: the label hands it to the sweep
    except DrtoolError:
        with contextlib.suppress(DrtoolError):
            remove_staging(parts, name)
        raise


def _landed(parts: Parts, request: LandRequest, *, name: str, target: str, blocks: bool) -> Landed:
    reach, in_sandbox = parts.reach(), request.destination.form == "sandbox"
    waits = reach.path_of(name) if in_sandbox else name
    shown = device_of(target) if blocks else reach.shown_at(target, request.run)
    return Landed(
        workload=request.member.workload,
        source=parts.name,
        destination=request.destination,
        staging=waits,
        content=waits,
        target=reach.path_of(target) if in_sandbox else shown,
        marker=waits,
        kind=KIND,
        opened=not blocks,
    )


def _needed(recorded: Mapping[str, Any], size: int) -> int:
    """A sparse volume takes as much room as it holds, not as it is large."""
    properties = recorded.get("properties", {})
    return int(recorded.get("held", size)) if properties.get("sparse") else size


def _make_volume(parts: Parts, shell: Shell, request: LandRequest, name: str, marks: Mapping[str, str], way: Way) -> Command:
    recorded: Mapping[str, Any] = request.member.selector
    size = request.member.artifacts[0].census.bytes
    wanted, _without = taken_of(recorded, sandbox=True)  # of a volume room is reserved by its size
    properties: dict[str, Any] = {**wanted, "type": VOLUME, "volsize": size}
    properties["force_size"] = True  # whether there is room was asked; the NAS would want a fifth of the pool to stay free
    if request.destination.form == "sandbox":
        properties["sparse"] = True
    with hidden(*way.secret.values()):
        create_dataset(parts.client, name, {**recorded.get("users", {}), **marks}, properties | way.request())
    device = wait_for_device(shell, name, size=size, clock=parts.clock)
    # nocreat: without the device a plain file would be written in its place
    return command_of("dd", f"of={device}", f"bs={BLOCK}", "iflag=fullblock", "conv=nocreat,notrunc,fsync", "status=none")


def _read_back(parts: Parts, shell: Shell, request: LandRequest, name: str) -> None:
    census = request.member.artifacts[0].census
    device = wait_for_device(shell, name, size=census.bytes, clock=parts.clock)
    shell.run("blockdev", "--flushbufs", device)  # so that it is read from the pool
    said = shell.require(f"reading {name} back", "sha256sum", "--zero", "--", device)
    if said.split(" ")[0] != census.sha256:
        raise Corrupt(
            f"{name} is not what was stored: its SHA-256 differs after it was written",
            hint="look at the pool on the NAS (zpool status); restore again",
            safe="what is in service was not touched",
        )


def _receive_into(name: str, label: Label) -> Command:
    marks = [word for key, value in label.properties(name).items() for word in ("-o", f"{key}={value}")]
    return command_of("zfs", "receive", *marks, "--", name)


def _settle(parts: Parts, request: LandRequest, name: str) -> None:
    """Give a received dataset what was recorded, and take away the snapshot that came with it."""
    recorded: Mapping[str, Any] = request.member.selector
    for row in parts.client.read("pool.snapshot.query", [["dataset", "=", name]], {"select": ["id"]}):
        destroy_snapshot(parts.client, str(row["id"]))
    given = {key: value for key, value in recorded.get("properties", {}).items() if key not in _ONLY_AT_BIRTH}
    wanted, _without = taken_of({"properties": given}, sandbox=request.destination.form == "sandbox", free=free_bytes(parts.client, name))
    if wanted:
        # setting the same twice does no harm: when its answer was lost it is simply asked for again
        parts.client.change("pool.dataset.update", name, wanted, look=lambda: False)
    mark_dataset(parts.client, name, recorded.get("users", {}))
