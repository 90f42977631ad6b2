from __future__ import annotations

from typing import Final

from drtool.ports import Finding
from drtool.sources.truenas.api.shell import Shell, device_of
from drtool.sources.truenas.datasets.dataset import VOLUME
from drtool.sources.truenas.inventory.parts import Parts

_PROGRAMS: Final = ("dd", "blockdev", "sha256sum")
_LOOK: Final = 'for program do command -v "$program" >/dev/null || printf "%s " "$program"; done'


def examine_shell(parts: Parts, subject: str) -> list[Finding]:
    """Answer `doctor` for the NAS over SSH: its programs, and whether the user may read and write the devices of volumes."""
    volumes = [dataset.id for dataset in parts.listing.recent() if dataset.type == VOLUME and not dataset.is_under_way]
    if parts.shell is None:
        text = f"{', '.join(volumes[:3])} cannot be stored: a volume is read over SSH"
        return [Finding(subject, good=None, text=text, remedy="add `ssh:` to the source")] if volumes else []
    missing = parts.shell.require("looking for programs", "sh", "-c", _LOOK, "drtool", *_PROGRAMS).split()
    if missing:
        return [Finding(subject, good=False, text=f"{', '.join(missing)} not found over SSH", remedy="is `ssh:` the NAS?")]
    found = [Finding(subject, good=True, text=f"{parts.shell.runner.host_name()} answers over SSH and has what is needed")]
    if volumes and not _may_use(parts.shell, volumes[0]):
        text = f"its SSH user may not read and write {device_of(volumes[0])}"
        found.append(Finding(subject, good=False, text=text, remedy="put that user into the group `disk` on the NAS"))
    return found


def _may_use(shell: Shell, volume: str) -> bool:
    device = device_of(volume)
    return shell.run("test", "-r", device, "-a", "-w", device).exit_code == 0
