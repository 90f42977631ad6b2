from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace

from drtool.engine.actions.work import Work
from drtool.engine.adapters import Adapters
from drtool.engine.nobody import unless_nobody_was_to
from drtool.model.address import usable_addresses
from drtool.model.errors import Conflict
from drtool.model.plan import Answer, Ask, Restored, Result
from drtool.ports import Question


def ask_step(work: Work, action: Ask) -> Answer:
    """Ask a check as the plan has it, and judge silence by who was to answer."""
    restored = tuple(as_restored(work.result(step)) for step in action.cutovers.values())
    answer = ask_planned(work.adapters, action, restored, before=work.results.get(action.before))
    return unless_nobody_was_to(answer, work.step, work.plan, work.results)


@contextlib.contextmanager
def question_of(adapters: Adapters, action: Ask, restored: tuple[Restored, ...]) -> Iterator[Question]:
    """Open the question a planned check asks of what was restored: each thing is opened to be seen once, and closed always."""
    with contextlib.ExitStack() as stack:
        opened = {thing.workload: stack.enter_context(adapters.sources[thing.source].inspect(thing)) for thing in restored}
        inspections = {name: replace(each, addresses=usable_addresses(each.addresses)) for name, each in opened.items()}
        yield Question(action.check, restored, inspections, action.instant, adapters.clock.now())


def ask(
    adapters: Adapters,
    action: Ask,
    restored: tuple[Restored, ...],
    *,
    spoil: Callable[[Question], Question] = lambda question: question,
) -> Answer:
    """Ask one check of what was restored, from where it can be seen.

    `spoil` changes the question, for the negative control.
    """
    check = adapters.checks[action.check.kind]
    with question_of(adapters, action, restored) as question:
        missing = [name for name, inspection in question.inspections.items() if not inspection.up]
        if missing:
            observed = question.inspections[missing[0]].note or "it is not"
            return Answer(passed=False, expected=f"{', '.join(missing)} is in service", observed=observed)
        return check.ask(spoil(question))


def ask_planned(adapters: Adapters, action: Ask, restored: tuple[Restored, ...], *, before: Result | None) -> Answer:
    """Ask a check as a plan has it; one whose address somebody answered in the step `before` is red and not asked."""
    if action.early:
        return _ask_early(adapters, action)
    return _not_restored(action, before) or ask(adapters, action, restored)


def _ask_early(adapters: Adapters, action: Ask) -> Answer:
    """Ask at an address before anything is restored; right when nobody answers."""
    address = action.check.name
    with question_of(adapters, action, ()) as question:
        someone = adapters.checks[action.check.kind].ask(question)
    expected = f"nobody answers at {address} before anything is restored"
    if not someone.passed:
        return Answer(passed=True, expected=expected, observed="nobody does", compared=1)
    words = (
        f"something answered at {address} before anything was restored: it is not what was restored; give the check an address inside"
        " the sandbox, such as a port of 127.0.0.1 that only what is started there uses"
    )
    return Answer(passed=False, expected=expected, observed=words, compared=1)


def _not_restored(action: Ask, early: Result | None) -> Answer | None:
    """Return the red answer of a check whose address somebody answered early, or that nobody asked early; None: it may be asked."""
    if not action.before:
        return None
    if isinstance(early, Answer):
        return None if early.passed else early
    words = "its address was not asked then, so what answers now may not be what was restored"
    return Answer(passed=False, expected="nobody answers before anything is restored", observed=words)


def as_restored(result: Result) -> Restored:
    """Return what a step put in place; Conflict when its result is another."""
    if not isinstance(result, Restored):
        raise Conflict("a check was planned for something that was not restored")
    return result
