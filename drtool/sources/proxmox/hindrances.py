"""What a guest's configuration says of what its backups will not hold, and of what ties it to its node or to another guest."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from drtool.sources.proxmox import door

_DISK: Final = re.compile(r"(ide|sata|scsi|virtio)\d{1,3}|efidisk0|tpmstate0|rootfs|mp\d{1,3}")
_PASSED: Final = re.compile(r"(hostpci|usb|dev|serial|parallel)\d{1,3}")
_UNUSED: Final = re.compile(r"unused\d{1,3}")
_BASE: Final = re.compile(r"(?:^|[:/])base-(\d{3,9})-")
_SOCKETS: Final = ("spice", "socket")
"""What stands where a device would, and is none."""
_MOST: Final = 4096
_SHOWN: Final = 4


@dataclass(frozen=True, slots=True)
class _Disk:
    """One disk or mount point: its key, where it lies, its options."""

    key: str
    place: str
    options: Mapping[str, str]

    @property
    def is_path(self) -> bool:
        """Whether it is a path of the node, and no volume of a storage."""
        return self.place.startswith("/")

    @property
    def is_device(self) -> bool:
        return self.place.startswith("/dev/")

    @property
    def shown(self) -> str:
        return f"{self.key} ({door.line(self.place)})" if self.is_path else self.key


def hindrances(config: Mapping[str, Any], vmid: int) -> tuple[str, ...]:
    """Return in words what backups of this guest lack, and what keeps it where it is; `config` is as the platform gives it."""
    disks = tuple(_disks(config))
    container = any(each.key == "rootfs" for each in disks)
    bound = [each for each in disks if container and each.is_path and not each.is_device]
    devices = [each for each in disks if each.is_device]
    out = [each for each in disks if each not in bound and _is_left_out(each, container=container)]
    passed = [key for key, value in _texts(config) if _PASSED.fullmatch(key) and _first(value) not in _SOCKETS]
    unused = [key for key, _value in _texts(config) if _UNUSED.fullmatch(key)]
    bases = sorted({match[1] for each in disks if (match := _BASE.search(each.place)) and int(match[1]) != vmid})
    found = (
        ("left out of backups", [each.shown for each in out]),
        ("bind mounts, which no backup holds", [each.shown for each in bound]),
        ("lines of LXC that mount, which no backup holds", _raw_mounts(config)),
        ("disks that are devices of its node", [each.shown for each in devices]),
        ("devices passed through", passed),
        ("unused disks", unused),
        ("linked clone of", bases),
    )
    return tuple(f"{words}: {_some(names)}" for words, names in found if names)


def _disks(config: Mapping[str, Any]) -> Iterator[_Disk]:
    for key, value in _texts(config):
        if _DISK.fullmatch(key):
            first, *rest = value.split(",")
            options = {name: text for name, _equals, text in (part.partition("=") for part in rest)}
            name, equals, text = first.partition("=")
            place = text if equals and name in ("file", "volume") else first
            if options.get("media") != "cdrom" and place != "none":
                yield _Disk(key, place, options)


def _is_left_out(disk: _Disk, *, container: bool) -> bool:
    """Tell by Proxmox VE's own rule: a disk is in unless it says no, a mount point of a container is out unless it says yes."""
    chosen = disk.options.get("backup")
    if container and disk.key.startswith("mp"):
        return not door.is_on(chosen)
    return chosen is not None and not door.is_on(chosen) and not container


def _raw_mounts(config: Mapping[str, Any]) -> list[str]:
    lines = config.get("lxc")
    pairs = [each for each in lines if isinstance(each, list) and len(each) == 2] if isinstance(lines, list) else []  # noqa: PLR2004 - key, value
    return [door.line(pair[1]) for pair in pairs[:_MOST] if pair[0] in ("lxc.mount.entry", "lxc.mount.fstab")]


def _texts(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield what is text and no longer than it may be, in the order of its keys."""
    yield from ((key, value) for key, value in sorted(config.items()) if isinstance(value, str) and len(value) <= _MOST)


def _first(value: str) -> str:
    return value.partition(",")[0].removeprefix("host=")


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"
