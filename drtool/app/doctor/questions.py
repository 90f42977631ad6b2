"""Every question of `doctor`, in the order of its answers; docs/doctor.md has a row for each."""

from __future__ import annotations

import itertools
from functools import partial
from typing import Final

from drtool.app.doctor import copies, keys, machine, notifiers, repositories, sandboxes, sets, sources, survival, timers
from drtool.app.doctor.asking import Question, asked, look
from drtool.app.runtime import Runtime
from drtool.app.working import working
from drtool.engine.observe import side_by_side
from drtool.model.nearest import named
from drtool.ports import Finding

QUESTIONS: Final = (
    Question("state", "Can the state directory be written, and by nobody else?", machine.state, of_machine=True),
    Question("runs", "Did runs die here, and did they leave anything?", machine.runs, of_machine=True),
    Question("evidence key", "Is the key at hand that signs evidence?", machine.evidence_key, of_machine=True),
    Question("machine", "Which machine is this, and does another write in its name?", machine.machine, of_machine=True),
    Question("timers", "Does anything call drtool by itself?", timers.timers, of_machine=True),
    Question("timer environment", "Has what the timers start all that the policy needs?", timers.timer_environment, of_machine=True),
    Question("power", "Does the UPS answer?", machine.power, of_machine=True),
    Question("modes", "Who else may write what decides, or read what is secret?", machine.modes, of_machine=True),
    Question("repositories", "Can each repository be worked with, from here and from where the work is done?", repositories.repositories),
    Question("growth", "When is a repository on a disk of this machine full?", repositories.growth),
    Question("memory", "Does each repository still hold what this machine knew there, undamaged?", repositories.remembered),
    Question("locks", "Is what kept points need locked for as long as promised?", repositories.locks),
    Question("forgetting", "Who forgets in a store that only takes?", repositories.forgetting),
    Question("keys", "Does a second key open each repository, and was it proven?", keys.keys),
    Question("sources", "Does each source answer, and has it what is needed?", sources.sources),
    Question("machines", "How soon does each other machine answer, by which clock, and what does its login print?", sources.machines),
    Question("hooks", "Can commands be run inside the workloads in which hooks are to run?", sources.hooks_inside),
    Question("sets", "Would a run find everything that a set protects, and may it be read?", sets.sets),
    Question("room", "Is there room for a restore in place?", sets.room),
    Question("copies", "What is left when one repository, one disk or one place is lost?", copies.copies),
    Question("proofs", "Could a drill prove each set?", sandboxes.proofs),
    Question("sandboxes", "Is each sandbox apart from what is in service, and large enough?", sandboxes.sandboxes),
    Question("drill keys", "Do the keys of drills open their repositories, and are they other keys?", keys.drill_keys),
    Question("ways", "Would a new machine find each repository?", survival.ways),
    Question("escrow", "Does what opens the way to a repository lie elsewhere too?", survival.escrow),
    Question("policy", "Does the policy lie in a repository too?", survival.travelling),
    Question("notify", "Can whoever is told how things ended be told?", notifiers.notifiers, of_machine=True),
)


def doctor(runtime: Runtime, subjects: tuple[str, ...] = ()) -> tuple[Finding, ...]:
    """Ask everything the policy names whether a run and a restore would work; with `subjects` only those names."""
    policy, adapters = runtime.policy, runtime.adapters
    for subject in subjects:  # a slip that asks nothing must not say that all is well
        named(
            subject,
            (*adapters.repositories, *adapters.sources, *policy.sandboxes, *policy.drills),
            "repository, source, sandbox or drill",
        )
    with working(runtime):
        known = look(runtime, subjects)
        wanted = [question for question in QUESTIONS if not (subjects and question.of_machine)]
        parts = [partial(asked, part, question=question.name) for question in wanted for part in question.parts(known)]
        return tuple(dict.fromkeys(itertools.chain.from_iterable(side_by_side(parts))))
