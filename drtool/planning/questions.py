"""The questions of a restore or drill: which are asked of what, and what each waits for."""

from __future__ import annotations

from collections.abc import Iterable

from drtool.model.outcome import Outcome
from drtool.model.plan import Ask, Skipped, Step
from drtool.model.point import Manifest
from drtool.model.policy import BackupSet
from drtool.planning.draft import Draft, cutover_id
from drtool.planning.implied_checks import address_of, always_asked, why_asked
from drtool.planning.limits import used_of
from drtool.planning.order import Nesting
from drtool.planning.selection import Selected


def _ask_id(name: str, label: str) -> str:
    return f"{name}/ask/{label}"


def _used(item: Selected) -> tuple[str, ...]:
    return used_of(item.member.source, item.member.selector)


def count_before_more(draft: Draft, manifest: Manifest, items: Iterable[Selected]) -> None:
    """Ask the census of what others will be put inside before they are: afterwards it holds more than was counted."""
    for item in items:
        name, workload = manifest.set, item.member.workload
        if not draft.places.surrounds(name, workload):
            continue
        for label, check in always_asked([item]):
            step = Step(
                id=_ask_id(name, label),
                action=Ask(check=check, cutovers={workload: draft.cutovers[name][workload]}, instant=manifest.instant),
                why=f"{why_asked(check)}, before more is put inside it",
                set=name,
                workload=workload,
                needs=(draft.cutovers[name][workload],),
                uses=_used(item),
            )
            draft.steps.append(step)
            if check.kind == "census":
                draft.counted[name, workload] = step.id


def ask_steps(
    draft: Draft,
    backup_set: BackupSet,
    manifest: Manifest,
    items: tuple[Selected, ...],
    *,
    after: tuple[str, ...],
    nesting: Nesting,
) -> None:
    """Ask the checks of a set: those that are always asked, and the policy's own."""
    name, by_name = backup_set.name, {item.member.workload: item for item in items}
    asked = [each for each in always_asked(items) if _ask_id(name, each[0]) not in draft.counted.values()]
    if draft.request.paths:
        draft.skipped.extend(Skipped(f"check {check.name}", "only some paths are restored", set=name) for check in backup_set.checks)
    else:
        asked.extend((check.name, check) for check in backup_set.checks)
    taken: dict[str, int] = {}
    commands: list[str] = []
    for label, check in asked:
        concerned = (
            [check.of] if check.of in by_name else [workload for workload, item in by_name.items() if check.of in ("", item.member.source)]
        )
        if not concerned:
            chosen = bool(draft.request.workloads)
            outcome = Outcome.SUCCEEDED if chosen else Outcome.FAILED
            reason = f"{check.of} is not among what is restored"
            draft.skipped.append(Skipped(f"check {check.name}", reason, outcome.value, set=name, of="check"))
            continue
        taken[label] = taken.get(label, 0) + 1
        cutovers = {workload: draft.cutovers[name][workload] for workload in concerned}
        moving = dict.fromkeys(cutover_id(name, outer) for workload in concerned for outer in nesting.around(workload))
        started = commands if address_of(check) else ()  # such a command may start what answers there
        begun = draft.started.get(name, {})
        starters = (*after, *commands, *draft.cutovers[name].values(), *begun.values()) if address_of(check) or check.kind == "sql" else ()
        identifier = _ask_id(name, label) if taken[label] == 1 else f"{_ask_id(name, label)}:{taken[label]}"
        draft.steps.append(
            Step(
                id=identifier,
                action=Ask(check=check, cutovers=cutovers, instant=manifest.instant, started_by=starters),
                why=why_asked(check),
                set=name,
                workload=concerned[0] if len(concerned) == 1 else "",
                needs=(*cutovers.values(), *(begun[workload] for workload in concerned if workload in begun)),
                after=tuple(dict.fromkeys((*after, *moving, *started))),
                uses=tuple(dict.fromkeys(name for workload in concerned for name in _used(by_name[workload]))),
            )
        )
        if check.kind == "command":
            commands.append(identifier)
