"""What `doctor` asks of sources and of the machines they are on: does each answer, how soon, by which clock, and what its login prints."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from functools import partial
from typing import Final

from drtool.app.doctor.asking import Known, Part
from drtool.engine.adapters import Adapters
from drtool.engine.hook import hook_runner
from drtool.model.command import Command
from drtool.model.errors import DrtoolError, Interrupted
from drtool.model.policy import Hook
from drtool.planning.words import spell_duration
from drtool.ports import Clock, Finding, Runner
from drtool.process import shown

_LOGIN_SECONDS: Final = 60.0
_LARGEST_SKEW_SECONDS: Final = 60.0
_SLOW_SECONDS: Final = 2.0


def sources(known: Known) -> Iterable[Part]:
    """Ask each source whether it answers and has what is needed; also those that a sandbox that was named is on."""
    sandboxes = (known.policy.sandboxes[name] for name in known.subjects if name in known.policy.sandboxes)
    named = (source for each in sandboxes for source in each.places)
    platforms = known.adapters.sources
    for name in dict.fromkeys((*known.asked_of(platforms), *named)):
        yield Part(f"source {name}", platforms[name].examine)


def machines(known: Known) -> Iterable[Part]:
    """Ask each other machine once for its time: how soon that comes, how far its clock is off, and what its login prints besides."""
    for name in known.sources:
        runner = known.adapters.sources[name].runner
        if not known.is_here(name):
            yield Part(f"source {name}: machine", partial(_machine, name, runner, known.adapters.clock))


def hooks_inside(known: Known) -> Iterable[Part]:
    """Ask whether commands can be run inside the workloads in which hooks are to run; none is run."""
    phases = [backup_set.hooks for backup_set in known.policy.sets.values()]
    hooks = [hook for hooks in phases for phase in fields(hooks) for hook in getattr(hooks, phase.name)]
    wanted = {hook.workload: hook for hook in hooks if hook.workload and (not known.subjects or hook.source in known.subjects)}
    for hook in wanted.values():
        yield Part(f"hook inside {hook.workload}", partial(_can_be_run, known.adapters, hook))


def _can_be_run(adapters: Adapters, hook: Hook) -> tuple[Finding, ...]:
    with hook_runner(adapters, hook) as runner:
        return (Finding(f"hook inside {hook.workload}", good=True, text=f"commands can be run by {runner.name}"),)


def _machine(source: str, runner: Runner, clock: Clock) -> list[Finding]:
    began, sent = clock.monotonic(), clock.now()
    try:
        answer = runner.run(Command(("date", "+%s"), timeout_seconds=_LOGIN_SECONDS))
    except Interrupted:
        raise
    except DrtoolError:  # told where the source is examined
        return []
    took = clock.monotonic() - began
    told = answer.standard_output.strip()
    skew = int(told) - sent.timestamp() - took / 2 if answer.exit_code == 0 and told.isdigit() else None
    return [
        *_told_of_login(source, runner, shown(answer.beside)),
        _told_of_line(source, runner, took),
        *_told_of_clock(source, runner, skew),
    ]


def _told_of_login(source: str, runner: Runner, printed: str) -> list[Finding]:
    """Tell what the login shell of another machine prints: drtool passes over it, sftp and scp do not."""
    if not printed:
        return []
    text = f"the login shell of {runner.name} prints: {printed}; drtool passes over it, and sftp breaks by it"
    return [Finding(f"source {source}: login", good=None, text=text, remedy="let it print nothing for those who are no terminal")]


def _told_of_line(source: str, runner: Runner, took: float) -> Finding:
    slow = took > _SLOW_SECONDS
    remedy = f"ping {runner.name}; a login that looks up names waits for them: UseDNS no, in sshd_config there" if slow else ""
    text = f"{runner.name} answers a command in {took:.1f} s{', and every command there waits as long' if slow else ''}"
    return Finding(f"source {source}: latency", good=None if slow else True, text=text, remedy=remedy)


def _told_of_clock(source: str, runner: Runner, skew: float | None) -> list[Finding]:
    if skew is None:
        return []
    if abs(skew) <= _LARGEST_SKEW_SECONDS:
        return [Finding(f"source {source}: clock", good=True, text=f"the clock of {runner.name} agrees with ours")]
    text = f"the clock of {runner.name} is {spell_duration(abs(skew))} {'ahead of' if skew > 0 else 'behind'} ours"
    return [
        Finding(f"source {source}: clock", good=False, text=text, remedy="let both machines keep time by NTP: timedatectl set-ntp true")
    ]
