"""What the timers of a policy have to do: which calls, when, with which secrets, and what they may write."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Final

from drtool.model.errors import Unscheduled
from drtool.model.kind import KindFacts
from drtool.model.policy import Policy
from drtool.model.secret import SecretReference, parse_reference
from drtool.planning.own import OwnPlace
from drtool.planning.schedule import every_task

MINUTE_SECONDS: Final = 60
STEPS: Final = tuple(minutes * MINUTE_SECONDS for minutes in (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60))
"""How often a timer may call: what divides an hour, so that it calls at the same minutes of each."""
_RUNS_COMMANDS: Final = "command"
"""The check that runs what the policy says."""


def calls_of(policy: Policy) -> tuple[str, ...]:
    """Return the verbs that timers have to call; raises Unscheduled when nothing of the policy has a schedule."""
    verbs = {task.verb for task in every_task(policy)}
    calls = (*(("run",) if verbs - {"drill"} else ()), *(("drill",) if "drill" in verbs else ()))
    if not calls:
        raise Unscheduled(
            "nothing in the policy has a schedule, so a timer would find nothing due",
            hint='add `schedule: "30 2 * * *"` to a set; to take away timers of before: drtool schedule remove',
            safe="nothing was changed",
        )
    return calls


def offset_of(policy: str, *, machine: str, every_seconds: int) -> int:
    """Return when within its turn a machine calls: the same each time, and spread over machines and policies."""
    digest = hashlib.sha256(f"{machine}/{policy}".encode()).digest()
    return int.from_bytes(digest[:8]) % every_seconds


def names_of(policy: Policy, scheme: str) -> tuple[str, ...]:
    """Name the secrets of one scheme that anything in a policy refers to, sorted."""
    return tuple(sorted({each.value for each in _references(policy) if each.scheme == scheme}))


def needs_more(policy: Policy, facts: Mapping[str, KindFacts]) -> bool:
    """Tell whether timers' calls need more than folders of this machine: a platform that is mounted here, or a command of the policy.

    What a command writes, nobody knows; rclone writes renewed tokens into its configuration.
    """
    known = [facts.get(source.kind, KindFacts()) for source in policy.sources.values()]
    mounted = any(not each.directories for each in known)
    hooks = any(
        hook for each in policy.sets.values() for hooks in (getattr(each.hooks, one.name) for one in fields(each.hooks)) for hook in hooks
    )
    sources = any(source.settings.get(key) for source in policy.sources.values() for key in facts.get(source.kind, KindFacts()).runs)
    checks = any(check.kind == _RUNS_COMMANDS for each in policy.sets.values() for check in each.checks)
    rclone = any(each.address.location.startswith("rclone:") for each in policy.repositories.values())
    return mounted or hooks or sources or checks or rclone or any(each.scheme == "command" for each in _references(policy))


def writable(policy: Policy, own: Iterable[OwnPlace], facts: Mapping[str, KindFacts]) -> tuple[str, ...] | None:
    """Return the paths of this machine that timers' calls write to; None: they may write anywhere, and need more than that.

    `own` is what of drtool lies on this machine, `facts` what is known of each kind of source.
    """
    if needs_more(policy, facts):
        return None
    paths = {each.path for each in own if each.is_written}
    paths |= {str(each.settings["directory"]) for each in policy.notify if "directory" in each.settings}
    paths |= set(_planted(policy))
    return tuple(sorted(paths))


def _planted(policy: Policy) -> Iterator[str]:
    """Return the protected folders of this machine into which a run writes a canary."""
    for protect in (each for backup_set in policy.sets.values() for each in backup_set.protect):
        here = protect.source in policy.sources and not any(policy.sources[protect.source].settings.values())
        if here and protect.selector.get("canary"):
            yield from map(str, protect.selector.get("paths", ()))


def _references(value: object) -> Iterator[SecretReference]:
    match value:
        case SecretReference():
            yield value
        case str():
            found = parse_reference(value)
            if found is not None:
                yield found
        case Mapping():
            for each in value.values():
                yield from _references(each)
        case list() | tuple():
            for each in value:
                yield from _references(each)
        case _ if is_dataclass(value):
            for field in fields(value):
                yield from _references(getattr(value, field.name))
        case _:
            return
