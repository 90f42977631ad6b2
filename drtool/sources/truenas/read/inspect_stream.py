from __future__ import annotations

from drtool.model.plan import Restored
from drtool.ports import Inspection
from drtool.sources.truenas.api.shell import device_bytes, device_of, volume_at
from drtool.sources.truenas.datasets.dataset import find_dataset
from drtool.sources.truenas.inventory.located import seen_at
from drtool.sources.truenas.inventory.parts import Parts, require_shell
from drtool.sources.truenas.inventory.ways import BLOCKS


def inspect_stream(parts: Parts, restored: Restored) -> Inspection:
    """Tell whether the NAS has what a stream was poured into: a volume by its device there, a dataset by its files."""
    file_access = parts.file_access()
    path, sandbox = seen_at(restored)
    if restored.member.selector.get("way") == BLOCKS:
        shell = require_shell(parts)
        device = device_of(volume_at(path) or file_access.dataset_of(path))
        size = restored.member.artifacts[0].census.bytes
        seen, said = device_bytes(shell, device)
        note = "" if seen == size else f"{device} has {seen} bytes instead of {size}" if seen else f"{device}: {said}"
        return Inspection(seen == size, shell.runner, note=note, root=device, sandbox=sandbox)
    runner, name = file_access.files.runner, file_access.dataset_of(path)
    found = find_dataset(parts.client, name) if name else None
    if found is None:
        return Inspection(up=False, runner=runner, note=f"{name or path} is not on the NAS", root=path)
    if not found.mountpoint:  # an encrypted one arrives locked
        return Inspection(up=True, runner=runner, note=f"{name} is locked: unlock it on the NAS")
    there = file_access.files.exists(path)
    return Inspection(there, runner, note="" if there else f"{path} is not seen here", root=path, sandbox=sandbox)
