from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from drtool.model.command import Command
from drtool.model.negative_control import Fault
from drtool.model.plan import Answer
from drtool.ports import Inspection, Question
from drtool.sources.truenas.configuration.verify import ARCHIVE, FACTS, KEYS, verify
from drtool.trees.inside import regular_files

CHECK: Final = "truenas_config"
_MOST_BYTES: Final = 512 * 1024 * 1024
_EXPECTED: Final = "the archive opens, its database is whole, the secret seed and every dataset key are there"


class ApplianceCheck:
    """Looks at the restored configuration of an appliance without any NAS: what a drill of it is."""

    kind = CHECK
    beyond: Mapping[str, str] = {}

    def ask(self, question: Question) -> Answer:
        """Answer from the restored files; `compared` counts what was looked at."""
        of = question.check.of
        found = [item for item in question.restored if item.member.selector.get("system") and of in ("", item.workload, item.source)]
        if not found:
            return Answer(passed=False, expected=_EXPECTED, observed="no configuration of an appliance was restored")
        if any(item.paths for item in found):
            return Answer(passed=False, expected=_EXPECTED, observed="", skipped="only some paths were restored")
        problems: list[str] = []
        compared = size = 0
        for item in found:
            inspection = question.inspections.get(item.workload)
            if inspection is None:
                problems.append(f"{item.workload} cannot be seen")
                continue
            looked = verify({name: _content(inspection, name) for name in (ARCHIVE, KEYS, FACTS)})
            compared, size = compared + looked.compared, size + looked.bytes
            problems += looked.problems
        observed = "; ".join([f"{compared} things looked at in {size} bytes", *problems])
        return Answer(passed=not problems, expected=_EXPECTED, observed=observed, compared=compared, bytes=size)

    def spoil(self, question: Question, fault: Fault) -> Question | None:
        """Return None: what is wrong for it lies in the files."""
        del question, fault
        return None


def _content(inspection: Inspection, name: str) -> bytes:
    runner, root = inspection.runner, inspection.root or ""
    path = f"{root.rstrip('/')}/{name}"
    size = regular_files(runner, root, [path]).get(path)
    if size is None or size > _MOST_BYTES:
        return b""
    completed = runner.run(Command(("cat", "--", path)), keep_bytes=_MOST_BYTES)
    return completed.standard_output if completed.exit_code == 0 else b""
