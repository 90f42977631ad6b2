from __future__ import annotations

import io
import posixpath
import tarfile
from collections.abc import Mapping
from typing import Final

from drtool.model.command import Command
from drtool.model.negative_control import Fault
from drtool.model.plan import Answer
from drtool.ports import Inspection, Question
from drtool.sources.proxmox.configuration.verify import verify

CHECK: Final = "proxmox_config"
_MOST_BYTES: Final = 512 << 20
_EXPECTED: Final = "every file opens, the guests that were listed have their configuration, and nothing is missing but what the point names"


class ConfigurationCheck:
    """Looks at the restored configuration of a cluster without any cluster: what a drill of it is."""

    kind = CHECK
    beyond: Mapping[str, str] = {}

    def ask(self, question: Question) -> Answer:
        """Answer from the restored files; `compared` counts those that were looked at."""
        of = question.check.of
        found = [item for item in question.restored if item.member.selector.get("system") and of in ("", item.workload, item.source)]
        if not found:
            return Answer(passed=False, expected=_EXPECTED, observed="no configuration of a cluster was restored")
        if any(item.paths for item in found):
            return Answer(passed=False, expected=_EXPECTED, observed="", skipped="only some paths were restored")
        problems: list[str] = []
        compared = size = 0
        for item in found:
            inspection = question.inspections.get(item.workload)
            if inspection is None:
                problems.append(f"{item.workload} cannot be seen")
                continue
            looked = verify(_content(inspection))
            compared, size = compared + looked.compared, size + looked.bytes
            problems += looked.problems
        observed = "; ".join([f"{compared} files looked at, of {size} bytes", *problems])
        return Answer(passed=not problems, expected=_EXPECTED, observed=observed, compared=compared, bytes=size)

    def spoil(self, question: Question, fault: Fault) -> Question | None:
        """Return None: what is wrong for it lies in the files."""
        del question, fault
        return None


def _content(inspection: Inspection) -> dict[str, bytes]:
    """Return the files there by name, read by one command however many they are; links and the like are none."""
    packed = inspection.runner.run(
        Command(("tar", "--create", "--file=-", f"--directory={inspection.root or '/nonexistent'}", "--", ".")), keep_bytes=_MOST_BYTES
    )
    if packed.exit_code != 0:
        return {}
    found = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(packed.standard_output), mode="r:") as archive:
            for entry in archive:
                body = archive.extractfile(entry) if entry.isreg() else None
                if body is not None:
                    found[posixpath.normpath(entry.name)] = body.read()
    except tarfile.TarError:
        return {}
    return found
