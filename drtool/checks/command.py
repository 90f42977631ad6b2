from __future__ import annotations

import re
from collections.abc import Mapping

from drtool.checks.subject import nothing, respelled, subjects
from drtool.model.command import Command
from drtool.model.errors import NotFound, Refused, TimedOut
from drtool.model.negative_control import Fault
from drtool.model.plan import Answer
from drtool.model.quantity import parse_duration
from drtool.ports import Question

_SHOWN = 300


class CommandCheck:
    """Runs an operator's command where the restored thing can be seen and compares its exit code and output."""

    kind = "command"
    beyond: Mapping[str, str] = {"run": "the command"}

    def ask(self, question: Question) -> Answer:
        """Answer by one command per subject, with DRTOOL_RESTORED and the sandbox's own variables; `compared` counts the commands."""
        from drtool.checks import schema  # noqa: PLC0415 - heavy, and only an asked check needs it

        keys = schema.Command.model_validate(dict(question.check.settings))
        of = question.check.of
        expected = f"exit code {keys.expect_exit}"
        if keys.expect_output is not None:
            expected += f" and output that matches {keys.expect_output}"
        found = subjects(question, of)
        if not found:
            return nothing(of, expected)
        timeout = question.timeout if keys.timeout is None else parse_duration(keys.timeout)
        passed = True
        observed = []
        for subject in found:
            environment = dict(question.inspections[subject.restored.workload].environment)
            if subject.root:
                place = subject.inside()
                if place.problem:
                    passed = False
                    observed.append(place.problem)
                    continue
                environment["DRTOOL_RESTORED"] = place.path
            else:
                environment["DRTOOL_RESTORED"] = ""
            command = Command(tuple(keys.run), environment=environment, timeout_seconds=timeout.total_seconds())
            try:
                completed = subject.runner.run(command)
            except NotFound as error:
                return Answer(passed=False, expected=expected, observed=error.what, skipped=error.what)
            except (Refused, TimedOut) as error:
                passed = False
                observed.append(error.what)
                continue
            output = completed.standard_output.decode("utf-8", "replace")
            right = completed.exit_code == keys.expect_exit
            right = right and (keys.expect_output is None or re.search(keys.expect_output, output) is not None)
            passed = passed and right
            said = output.strip()[-_SHOWN:] if keys.expect_output is not None else completed.said(_SHOWN)
            observed.append(f"exit code {completed.exit_code}" + (f": {said}" if said and not right else ""))
        return Answer(passed=passed, expected=expected, observed="; ".join(observed), compared=len(found))

    def spoil(self, question: Question, fault: Fault) -> Question | None:
        """Expect another exit code."""
        if fault is not Fault.WRONG_ANSWER:
            return None
        return respelled(question, expect_exit=(question.check.settings.get("expect_exit", 0) + 1) % 256)
