from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from drtool.model.command import Command, Completed
from drtool.model.errors import Conflict, NotFound, Refused
from drtool.ports import Clock, RemoteRunner

_FIND: Final = 'PATH="$PATH:/usr/sbin:/sbin"; exec "$@"'
"""A user who is not root does not have the programs of ZFS on its path."""
_DEVICES: Final = "/dev/zvol/"
_APPEARS_WITHIN: Final = (0.1, 0.2, 0.5, 1.0, 1.0, 2.0, 2.0, 4.0, 4.0)
BLOCK: Final = "1M"


@dataclass(frozen=True, slots=True)
class Shell:
    """The NAS as it is reached over SSH, for what its API does not hand out: blocks of volumes and streams of ZFS."""

    runner: RemoteRunner

    def run(self, *argv: str) -> Completed:
        """Run a program of the NAS; NotFound when it has none of that name."""
        try:
            return self.runner.run(command_of(*argv))
        except NotFound:
            raise NotFound(f"the program {argv[0]} is not installed on {self.runner.name}", hint="is `ssh:` the NAS?") from None

    def require(self, doing: str, *argv: str) -> str:
        """Run a program of the NAS and return what it prints; Refused with its last words when it fails."""
        completed = self.run(*argv)
        if completed.exit_code != 0:
            raise Refused(f"{doing} failed on {self.runner.name}: {completed.said(300)}", hint="drtool doctor tells what its user may do")
        return completed.standard_output.decode("utf-8", "replace")


def command_of(*argv: str) -> Command:
    """Return the command that runs a program of the NAS, also one for administrators."""
    return Command(("sh", "-c", _FIND, "drtool", *argv))


def device_of(volume: str) -> str:
    """Return the device node of a volume on the NAS; udev writes a plus sign for each blank of its name.

    Refused for what is no name of a volume: what a NAS calls its things is not believed.
    """
    if any(part in ("", ".", "..") for part in volume.split("/")) or "\0" in volume:
        raise Refused(f"{volume!r} is no name of a volume", hint="look at it on the NAS", safe="nothing was read or written")
    return _DEVICES + volume.replace(" ", "+")


def volume_at(path: str) -> str:
    """Return the volume whose device node a path is, empty where it is none."""
    return path.removeprefix(_DEVICES).replace("+", " ") if path.startswith(_DEVICES) else ""


def wait_for_device(shell: Shell, volume: str, *, size: int, clock: Clock) -> str:
    """Return the device of a volume once it is there: a new one appears a little after the volume.

    Raises NotFound when it does not come, Conflict when it has another size than the NAS says.
    """
    device, said = device_of(volume), ""
    for wait in (*_APPEARS_WITHIN, None):
        seen, said = device_bytes(shell, device)
        if seen == size:
            return device
        if seen:
            raise Conflict(
                f"{device} has {seen} bytes and the NAS says that {volume} has {size}",
                hint="was the volume made larger meanwhile? run again",
                safe="nothing was read from it or written to it",
            )
        if wait is not None:
            clock.sleep(wait)
    raise NotFound(f"{device} did not appear: {said}", hint="may the user of `ssh:` read it? look at `volmode` of the volume on the NAS")


def device_bytes(shell: Shell, device: str) -> tuple[int, str]:
    """Return the size of a device, 0 with what was said while it cannot be asked."""
    completed = shell.run("blockdev", "--getsize64", device)
    text = completed.standard_output.strip()
    return (int(text), "") if completed.exit_code == 0 and text.isdigit() else (0, completed.said(200))
