from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from drtool.checks.web import is_of_this_machine
from drtool.model.address import PLACEHOLDER, as_host
from drtool.model.plan import Answer
from drtool.ports import Question

Ask = Callable[[str, float], Answer]
"""Asks at one place, within so many seconds until somebody accepts."""


def ask_placed(question: Question, text: str, *, seconds: float, ask: Ask) -> Answer:
    """Ask at `text`; where its host is `{address}`, at the addresses of everything that was restored, each thing until one answers.

    Not asked, by name, where the platform tells no address; the first thing whose answer is not right is the answer of all.
    """
    if PLACEHOLDER not in text:
        return ask(text, seconds)
    answers = []
    for thing in question.restored:
        answers.append(_ask_one(question, thing.workload, text, seconds=seconds, ask=ask))
        if not answers[-1].passed:
            return answers[-1]
    if not answers:
        words = "nothing was restored that has an address"
        return Answer(passed=False, expected=question.check.name, observed=words, skipped=words)
    total, size = sum(answer.compared for answer in answers), sum(answer.bytes for answer in answers)
    return replace(answers[0], observed="; ".join(answer.observed for answer in answers), compared=total, bytes=size)


def _ask_one(question: Question, workload: str, text: str, *, seconds: float, ask: Ask) -> Answer:
    inspection = question.inspections.get(workload)
    told = inspection.addresses if inspection is not None else ()
    addresses = [address for address in told if not is_of_this_machine(address)]
    if not addresses:
        why = f"the addresses that are told of {workload} are this machine's own" if told else f"no address is told of {workload}"
        return Answer(passed=False, expected=f"an answer at {text}", observed=why, skipped=why)
    unanswered = []
    for address in addresses:
        answer = ask(text.replace(PLACEHOLDER, as_host(address), 1), seconds / len(addresses))
        answer = replace(answer, observed=f"at {address}: {answer.observed}", skipped=answer.skipped and f"at {address}: {answer.skipped}")
        if not answer.silent and not answer.skipped:
            return answer
        unanswered.append(answer)
    return next((answer for answer in unanswered if answer.silent), unanswered[0])  # silence was asked, whatever could not be
