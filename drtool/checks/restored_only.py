from __future__ import annotations

from drtool.model.kind import named_by
from drtool.model.negative_control import Fault
from drtool.model.plan import Answer
from drtool.ports import Check, Question


class RestoredOnly:
    """A check of a policy that came out of a repository: it looks at what was restored; beyond that it is not asked."""

    def __init__(self, check: Check) -> None:
        self.kind = check.kind
        self.beyond = check.beyond
        self._check = check

    def ask(self, question: Question) -> Answer:
        named = named_by(self.beyond, question.check.settings)
        if not named:
            return self._check.ask(question)
        words = f"{' and '.join(named)} came out of the repository; --trust-commands asks it"
        return Answer(passed=False, expected=question.check.name, observed="", skipped=words)

    def spoil(self, question: Question, fault: Fault) -> Question | None:
        return None if named_by(self.beyond, question.check.settings) else self._check.spoil(question, fault)
