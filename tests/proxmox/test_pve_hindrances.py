from __future__ import annotations

from typing import Any

import pytest

from drtool.sources.proxmox.hindrances import hindrances

ROOT = {"rootfs": "local-zfs:subvol-200-disk-0,size=8G"}


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"scsi0": "local-lvm:vm-100-disk-0,size=32G"}, []),
        ({"scsi0": "file=local-lvm:vm-100-disk-0,backup=1"}, []),
        ({"scsi0": "local-lvm:vm-100-disk-0,backup=0,size=32G"}, ["left out of backups: scsi0"]),
        ({"virtio3": "local-lvm:vm-100-disk-0,backup=no"}, ["left out of backups: virtio3"]),
        ({"ide2": "none,media=cdrom"}, []),
        ({"ide2": "local:iso/debian.iso,media=cdrom,size=1G"}, []),
        ({"ide2": "local:vm-100-cloudinit,media=cdrom"}, []),
        ({"efidisk0": "local-lvm:vm-100-disk-1,efitype=4m", "tpmstate0": "local-lvm:vm-100-disk-2"}, []),
        ({"scsi1": "/dev/disk/by-id/ata-X,size=1T"}, ["disks that are devices of its node: scsi1 (/dev/disk/by-id/ata-X)"]),
        ({"unused0": "local-lvm:vm-100-disk-3", "unused11": "local-lvm:vm-100-disk-4"}, ["unused disks: unused0, unused11"]),
        ({"hostpci0": "0000:01:00,pcie=1"}, ["devices passed through: hostpci0"]),
        ({"hostpci0": "mapping=gpu", "usb1": "mapping=stick"}, ["devices passed through: hostpci0, usb1"]),
        ({"usb0": "spice", "usb1": "spice,usb3=1", "usb2": "host=spice", "serial0": "socket"}, []),
        ({"usb0": "host=1-2", "serial1": "/dev/ttyS0"}, ["devices passed through: serial1, usb0"]),
        ({"scsi0": "local-zfs:base-103-disk-0/vm-104-disk-0,size=8G"}, ["linked clone of: 103"]),
        ({"scsi0": "nas:103/base-103-disk-0.qcow2/104/vm-104-disk-0.qcow2"}, ["linked clone of: 103"]),
        ({"scsi0": "local-zfs:base-104-disk-0,size=8G", "template": 1}, []),
        (ROOT, []),
        ({**ROOT, "mp0": "local-zfs:subvol-200-disk-1,mp=/var/mail,backup=1"}, []),
        ({**ROOT, "mp0": "local-zfs:subvol-200-disk-1,mp=/var/mail"}, ["left out of backups: mp0"]),
        ({**ROOT, "mp0": "local-zfs:subvol-200-disk-1,mp=/var/mail,backup=0"}, ["left out of backups: mp0"]),
        ({**ROOT, "mp0": "/srv/photos,mp=/photos"}, ["bind mounts, which no backup holds: mp0 (/srv/photos)"]),
        ({**ROOT, "mp0": "/srv/photos,mp=/photos,backup=1"}, ["bind mounts, which no backup holds: mp0 (/srv/photos)"]),
        ({**ROOT, "dev0": "/dev/dri/card0"}, ["devices passed through: dev0"]),
        ({**ROOT, "dev0": "path=/dev/dri/card0"}, ["devices passed through: dev0"]),
        (
            {**ROOT, "lxc": [["lxc.mount.entry", "/srv srv none bind 0 0"], ["lxc.apparmor.profile", "unconfined"]]},
            ["lines of LXC that mount, which no backup holds: /srv srv none bind 0 0"],
        ),
        ({f"unused{number}": "x:y" for number in range(7)}, ["unused disks: unused0, unused1, unused2, unused3 and 3 more"]),
    ],
)
def test_what_backups_lack_is_told(config: dict[str, Any], told: list[str]) -> None:
    assert list(hindrances(config, 104)) == told


@pytest.mark.parametrize(
    "config",
    [
        {"scsi0": None, "hostpci0": 7, "mp0": ["x"], "lxc": "x", "unused0": {}},
        {"lxc": [["lxc.mount.entry"], 7, None, [1, 2]], "scsi0": "," * 4096},
        {"scsi0": "x" * 5000, "scsi99999": "a:b,backup=0", "": "", ",": ","},
    ],
)
def test_what_is_of_another_shape_is_passed_over(config: dict[str, Any]) -> None:
    assert hindrances(config, 104) == ()


def test_what_would_move_a_cursor_is_spelled_out() -> None:
    (told,) = hindrances({**ROOT, "mp0": "/srv/\x1b[2J,mp=/x"}, 104)
    assert told.isprintable()
