from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from drtool.model.command import Command
from drtool.model.errors import Corrupt, DrtoolError, Interrupted
from drtool.model.plan import Landed
from drtool.ports import Landing, LandingWay, LandRequest
from drtool.sources.truenas.api.shell import BLOCK, Shell, command_of, device_of, wait_for_device
from drtool.sources.truenas.datasets.dataset import VOLUME, free_bytes
from drtool.sources.truenas.datasets.destroy import destroy_snapshot
from drtool.sources.truenas.datasets.labels import Label
from drtool.sources.truenas.inventory.located import Located, locator_of
from drtool.sources.truenas.inventory.parts import Parts, require_shell
from drtool.sources.truenas.inventory.takes import settable, spell
from drtool.sources.truenas.inventory.ways import BLOCKS
from drtool.sources.truenas.keys.encryption import hidden
from drtool.sources.truenas.land.create import create_dataset, mark_dataset
from drtool.sources.truenas.land.encrypt import EncryptionMethod
from drtool.sources.truenas.land.files import encryption_of, place_of, require_room, waiting_name
from drtool.sources.truenas.land.inherit import inherited_mark, taken_of
from drtool.sources.truenas.land.staging import remove_staging
from drtool.sources.truenas.read.chain import read_guid

_ONLY_AT_BIRTH: Final = ("casesensitivity",)


@contextlib.contextmanager
def land_stream(parts: Parts, request: LandRequest) -> Iterator[Landing]:
    """Open a new volume, or a dataset to be, for streams that flow one after the other into a command of the NAS.

    Before it counts as landed a volume is read back and compared with the digest of the point; ZFS checks its own streams.
    """
    shell, member = require_shell(parts), request.member
    blocks = member.selector.get("way") == BLOCKS
    target, above = place_of(parts, request)
    require_room(parts, above, _needed(member.selector, request.bytes))
    name = waiting_name(parts, request, target, above)
    way = (
        encryption_of(parts, member.selector, above=above, original=request.destination.form == "original")
        if blocks
        else EncryptionMethod()
    )
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
        landed = _landed(parts, request, name=name, target=target, blocks=blocks)
        more = LandingWay(
            shell.runner, into=command_of("zfs", "receive", "-F", "--", name)
        )  # it is ours and new: what was touched in it goes
        ways = {artifact.name: more for artifact in request.member.artifacts[1:]}
        yield Landing(replace(landed, note=note), LandingWay(shell.runner, into=into), ways)
        if blocks:
            _read_back(parts, shell, request, name)
        else:
            _require_links(shell, request, name)
            _settle(parts, request, name)
        mark_dataset(parts.client, name, {"drtool:state": "landed"})
    except Interrupted:
        raise  # told to stop: the label hands it to the sweep
    except DrtoolError:
        with contextlib.suppress(DrtoolError):
            remove_staging(parts, name)
        raise


def _landed(parts: Parts, request: LandRequest, *, name: str, target: str, blocks: bool) -> Landed:
    file_access, in_sandbox = parts.file_access(), request.destination.form == "sandbox"
    waits = file_access.path_of(name) if in_sandbox else name
    shown = device_of(target) if blocks else file_access.shown_at(target, request.run)
    there = file_access.path_of(target) if in_sandbox else shown
    return Landed(
        workload=request.member.workload,
        source=parts.name,
        destination=request.destination,
        target=there,
        locator=locator_of(Located(waits, there, request.reserved if in_sandbox else "")),
        opened=not blocks,
    )


def _needed(recorded: Mapping[str, Any], size: int) -> int:
    """A sparse volume takes as much room as it holds, not as it is large."""
    properties = recorded.get("properties", {})
    return int(recorded.get("held", size)) if properties.get("sparse") else size


def _make_volume(parts: Parts, shell: Shell, request: LandRequest, name: str, marks: Mapping[str, str], way: EncryptionMethod) -> Command:
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


def _require_links(shell: Shell, request: LandRequest, name: str) -> None:
    """See by the numbers that ZFS gave its snapshots that all streams came, each after the one before it."""
    for artifact in request.member.artifacts:
        wanted = artifact.facts.get("guid", "")
        if wanted and (came := read_guid(shell, f"{name}@{artifact.facts.get('snapshot', '')}")) != wanted:
            raise Corrupt(
                f"{artifact.name} is not what was sent: its snapshot has the guid {came or 'of none'}, and {wanted} was recorded",
                hint="restore again; if it stays so, choose another point",
                safe="what is in service was not touched",
            )


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
