"""What wakes drtool on this machine: what that has to be for a policy, what is there, and what changes."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from drtool.app.runtime import Runtime
from drtool.model.command import Command
from drtool.model.errors import DrtoolError, Refused
from drtool.model.timer import Change, Credential, OtherTimers, SchedulePlan, TimerFile, WantedTimers
from drtool.planning import timers as planning
from drtool.timers import cron, files, systemd

_FIVE_MINUTES: Final = 300
_CREDENTIALS: Final = "/etc/credstore"
_ENCRYPTED: Final = "/etc/credstore.encrypted"
_OF_THE_SYSTEM: Final = "/etc/systemd/system"
_OF_CRON: Final = "/etc/cron.d"
_SYSTEMD: Final = "/run/systemd/system"
"""There where the machine was booted with systemd: sd_booted(3)."""
_NOT_BOOTED: Final = b"offline"
"""What systemctl(1) answers where the machine was not booted with systemd."""


@dataclass(frozen=True, slots=True)
class TimerWish:
    """How a person wants to have timers: by cron or systemd, of the system or of this user, written where, asking how often."""

    by_cron: bool = False
    of_a_user: bool = False
    directory: str = ""
    """Where the files go; empty: where systemd or cron reads them, which is told to it, too."""
    every_seconds: int | None = None
    """None: as what is installed does, every five minutes where nothing is."""
    policy_paths: tuple[str, ...] = ()

    @property
    def options(self) -> tuple[str, ...]:
        """By which options of `schedule` this kind is meant."""
        where = ("--directory", self.directory) if self.directory else ()
        return (*(("--cron",) if self.by_cron else ()), *(("--user",) if self.of_a_user else ()), *where)


_KINDS: Final = (TimerWish(), TimerWish(of_a_user=True), TimerWish(by_cron=True))


def timer_files(runtime: Runtime, wish: TimerWish) -> tuple[TimerFile, ...]:
    """Return the files that the timers of this policy have to be; Refused where it cannot be told how drtool is called."""
    wanted = _wanted(runtime, wish)
    return (cron.crontab(wanted),) if wish.by_cron else systemd.units(wanted)


def plan_schedule(runtime: Runtime, wish: TimerWish, *, install: bool = False, remove: bool = False) -> SchedulePlan:
    """Return what has to change where timers lie, or what goes with `remove`; Refused where somebody else's file lies in the way.

    With `install` also where timers of another kind call it already, or where there is no systemd to start any.
    """
    wanted = () if remove else timer_files(runtime, wish)
    changes = files.compare(_folder(wish), wanted, names=_names(runtime.policy.name, wish))
    others, hindrance = _others(runtime.policy.name, wish), "" if wish.directory else _hindrance(runtime, wish)
    plan = SchedulePlan(changes, _systemctl(wish), others=others, hindrance=hindrance)
    if install:
        _require_startable(plan, wish)
    if wish.directory:
        return plan
    there = () if hindrance else plan.timers(Change.SAME)
    return replace(plan, asleep=tuple(name for name in there if _tell(runtime, plan, "is-active", "--quiet", name)))


def usual_words() -> tuple[str, ...]:
    """Return the words of `schedule` by which whoever asks gets what this machine starts; who may write none is shown lines."""
    is_root = os.geteuid() == 0
    if os.path.isdir(_SYSTEMD):
        return ("install",) if is_root else ("install", "--user")
    return ("install" if is_root else "print", "--cron")


def _require_startable(plan: SchedulePlan, wish: TimerWish) -> None:
    """Refuse what would be called twice, or started by nothing."""
    if plan.others:
        first = plan.others[0]
        raise Refused(
            f"{first.path} calls it already: with these timers, too, it would be called twice",
            hint=f"{shlex.join(('drtool', 'schedule', 'remove', *first.options))}, then this again",
            safe="nothing was changed",
        )
    if plan.hindrance and not wish.by_cron:
        crontab = "drtool schedule print --cron, and add the lines by `crontab -e`"
        raise Refused(
            plan.hindrance,
            hint=crontab if wish.of_a_user else "drtool schedule install --cron; for a machine that is yet to start: --directory",
            safe="nothing was changed",
        )


@dataclass(frozen=True, slots=True)
class InstalledTimers:
    """Timers of one kind as they lie on this machine: what kind, in which folder, and the text of each file by its path."""

    wish: TimerWish
    folder: str
    texts: Mapping[str, str]


def installed_timers(policy: str) -> tuple[InstalledTimers, ...]:
    """Return the timers of this machine that call a policy: those of the system, of this user, and of cron."""
    calling = (wish for wish in _KINDS if files.calling(_folder(wish), _names(policy, wish), ()))
    return tuple(InstalledTimers(wish, _folder(wish), files.ours(_folder(wish), _names(policy, wish))) for wish in calling)


def schedule(runtime: Runtime, plan: SchedulePlan) -> tuple[str, ...]:
    """Write and remove what was planned, and let systemd know; returns in words what was not possible."""
    if plan.is_idle:
        return ()
    gone, now = plan.timers(Change.REMOVE), () if plan.hindrance else ("--now",)
    told = _tell(runtime, plan, "disable", *now, *gone) if gone else ()
    files.carry_out(plan.changes)
    if plan.hindrance:
        return told
    told += _tell(runtime, plan, "daemon-reload")
    changed = plan.timers(Change.CHANGE)
    told += _tell(runtime, plan, "restart", *changed) if changed else ()  # enabled already, it would go on by its old calendar
    there = (*plan.timers(Change.ADD, Change.CHANGE), *plan.asleep)
    return told + (_tell(runtime, plan, "enable", "--now", *there) if there else ())


def _wanted(runtime: Runtime, wish: TimerWish) -> WantedTimers:
    from drtool.app.composition import FACTS  # noqa: PLC0415 - every platform's front door
    from drtool.planning.own import own_places  # noqa: PLC0415 - likewise

    policy, state = runtime.policy, os.path.abspath(runtime.state_directory)
    every = wish.every_seconds or files.every_of(_folder(wish), _names(policy.name, wish))
    every = every if every in planning.STEPS else _FIVE_MINUTES
    return WantedTimers(
        policy=policy.name,
        program=_program(),
        policy_paths=wish.policy_paths,
        state_directory=state,
        calls=planning.calls_of(policy),
        every_seconds=every,
        offset_seconds=planning.offset_of(policy.name, machine=runtime.notary.machine, every_seconds=every),
        credentials=tuple(map(_credential, planning.names_of(policy, "credential"))),
        writable=planning.writable(policy, own_places(policy, state_directory=state), FACTS),
        of_a_user=wish.of_a_user,
    )


def _others(policy: str, wish: TimerWish) -> tuple[OtherTimers, ...]:
    """Return what calls with the same files of the policy, of other kinds than the one wished for.

    In a folder of their own, timers of the system and of a user are the same files.
    """
    others = [kind for kind in _KINDS if kind.options != wish.options]
    if wish.directory:
        others = [replace(kind, directory=wish.directory) for kind in _KINDS[::2] if kind.by_cron is not wish.by_cron]
    found = [OtherTimers(files.calling(_folder(kind), _names(policy, kind), wish.policy_paths), kind.options) for kind in others]
    return tuple(each for each in found if each.path)


def _hindrance(runtime: Runtime, wish: TimerWish) -> str:
    """Say why nothing here would act on the files; empty: something does, as far as can be told."""
    if wish.by_cron:
        return "" if cron.is_read() else "no cron is running here: nothing will read this file"
    answer = runtime.adapters.local.run(Command((*_systemctl(wish), "is-system-running"))) if shutil.which("systemctl") else None
    is_down = answer is None or answer.standard_output.strip() == _NOT_BOOTED
    return "systemd does not run here: nothing would start these timers" if is_down else ""


def _systemctl(wish: TimerWish) -> tuple[str, ...]:
    """Return by which words systemd is told something; empty: there is nobody to tell."""
    told = shutil.which("systemctl") is not None and not (wish.by_cron or wish.directory)
    return ("systemctl", *wish.options) if told else ()


def _names(policy: str, wish: TimerWish) -> tuple[str, ...]:
    return cron.crontab_names(policy) if wish.by_cron else systemd.unit_names(policy)


def _credential(name: str) -> Credential:
    """Say where systemd finds a credential: in its encrypted store where one lies there, in the other else."""
    encrypted = os.path.join(_ENCRYPTED, name)
    return Credential(name, encrypted, encrypted=True) if os.path.exists(encrypted) else Credential(name, os.path.join(_CREDENTIALS, name))


def _program() -> str:
    """Return by which full path a timer calls this very program."""
    beside = os.path.join(os.path.dirname(sys.executable), "drtool")
    found = beside if os.access(beside, os.X_OK) else shutil.which("drtool")
    if found is None:
        raise Refused(
            "it cannot be told where the program drtool lies",
            hint="put it on the PATH",
            safe="nothing was changed",
        )
    return os.path.abspath(found)


def _folder(wish: TimerWish) -> str:
    if wish.directory:
        return os.path.abspath(wish.directory)
    if wish.by_cron:
        return _OF_CRON
    if wish.of_a_user:
        home = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
        return os.path.join(home, "systemd", "user")
    return _OF_THE_SYSTEM


def _tell(runtime: Runtime, plan: SchedulePlan, *words: str) -> tuple[str, ...]:
    """Tell systemd something; what it does not do a person has to."""
    if not plan.systemctl:
        return ()
    argv = (*plan.systemctl, *words)
    try:
        completed = runtime.adapters.local.run(Command(argv))
    except DrtoolError as error:
        return (f"`{' '.join(argv)}` was not possible: {error.what}",)
    return () if completed.exit_code == 0 else (f"`{' '.join(argv)}` said: {' '.join(completed.said().split())}",)
