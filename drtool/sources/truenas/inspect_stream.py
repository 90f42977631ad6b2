from __future__ import annotations

from drtool.model.plan import Restored
from drtool.ports import Inspection
from drtool.sources.truenas.datasets import find_dataset
from drtool.sources.truenas.parts import Parts, require_shell
from drtool.sources.truenas.shell import device_bytes, device_of, volume_at
from drtool.sources.truenas.ways import BLOCKS


def inspect_stream(parts: Parts, restored: Restored) -> Inspection:
    """Tell whether the NAS has what a stream was poured into: a volume by its device there, a dataset by its files."""
    reach = parts.reach()
    if restored.member.selector.get("way") == BLOCKS:
        shell = require_shell(parts)
        device = device_of(volume_at(restored.path) or reach.dataset_of(restored.path))
        size = restored.member.artifacts[0].census.bytes
        seen, said = device_bytes(shell, device)
        note = "" if seen == size else f"{device} has {seen} bytes instead of {size}" if seen else f"{device}: {said}"
        return Inspection(seen == size, shell.runner, note=note, path=device)
    runner, name = reach.files.runner, reach.dataset_of(restored.path)
    found = find_dataset(parts.client, name) if name else None
    if found is None:
        return Inspection(up=False, runner=runner, note=f"{name or restored.path} is not on the NAS")
    if not found.mountpoint:  # an encrypted one arrives locked
        return Inspection(up=True, runner=runner, path="", note=f"{name} is locked: unlock it on the NAS")
    there = reach.files.exists(restored.path)
    return Inspection(there, runner, note="" if there else f"{restored.path} is not seen here")
