from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Change(StrEnum):
    """What installing would do to one file."""

    ADD = "add"
    CHANGE = "change"
    REMOVE = "remove"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class Credential:
    """A secret that systemd hands over under a name: the file it lies in, and whether that is encrypted (systemd-creds)."""

    name: str
    path: str
    encrypted: bool = False


@dataclass(frozen=True, slots=True)
class WantedTimers:
    """What the timers of one policy have to do, and as whom.

    `calls` are verbs that find something by a schedule: `run`, `drill`. `offset_seconds` lies within `every_seconds` and is the same at
    each installation on one machine, so that many machines do not ask one server in the same second. `writable` are the paths that a
    run has to write to; None: everything, as commands of the policy or platforms that are mounted need more than limits would leave.
    """

    policy: str
    program: str
    policy_paths: tuple[str, ...]
    state_directory: str
    calls: tuple[str, ...]
    every_seconds: int
    offset_seconds: int
    credentials: tuple[Credential, ...] = ()
    writable: tuple[str, ...] | None = None
    of_a_user: bool = False

    @property
    def minutes(self) -> tuple[int, ...]:
        """The minutes of each hour at which it calls."""
        return tuple(range(self.offset_seconds // 60, 60, self.every_seconds // 60))

    @property
    def seconds(self) -> int:
        """The second of these minutes."""
        return self.offset_seconds % 60


@dataclass(frozen=True, slots=True)
class TimerFile:
    """One file as it has to be: its name in its folder, and its text."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file as it is and as it has to be; empty text: it is not there, or has to go.

    `of` are the files of a policy that it calls drtool with now, as it spells them, where those are others than it has to be called with.
    """

    path: str
    change: Change
    before: str = ""
    after: str = ""
    of: str = ""


@dataclass(frozen=True, slots=True)
class OtherTimers:
    """A timer of another kind than the one asked for, which calls with the same policy; `options` of `schedule` mean its kind."""

    path: str
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SchedulePlan:
    """What installing or removing timers would do: files, and by which words systemd is told of it; empty: it is not.

    `asleep` are timers whose files are there and which nothing wakes: systemd does not know them, or somebody stopped them. `hindrance`
    says why nothing here would act on the files.
    """

    changes: tuple[FileChange, ...]
    systemctl: tuple[str, ...] = ()
    asleep: tuple[str, ...] = ()
    others: tuple[OtherTimers, ...] = ()
    hindrance: str = ""

    @property
    def is_idle(self) -> bool:
        """Whether everything is as it has to be."""
        return not self.asleep and all(change.change is Change.SAME for change in self.changes)

    @property
    def is_installed(self) -> bool:
        """Whether anything of the kind asked for is there, whatever it says."""
        return any(change.change is not Change.ADD for change in self.changes)

    def timers(self, *changes: Change) -> tuple[str, ...]:
        """Name the timers among the files of which one of these is to be done."""
        names = (each.path.rpartition("/")[2] for each in self.changes if each.change in changes)
        return tuple(name for name in names if name.endswith(".timer"))
