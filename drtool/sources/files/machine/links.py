from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace

from drtool.model.errors import NotFound, Refused, TimedOut
from drtool.model.ledger import Existing
from drtool.sources.files.machine.asking import require
from drtool.trees.filesystem import FileSystem


def with_what_links_lead_to(file_system: FileSystem, found: Iterable[Existing]) -> list[Existing]:
    """Add to the paths of each the places that links on their way lead to: of a link a set stores no more than the link.

    Where the machine does not tell them, each that has paths is a problem.
    """
    known = list(found)
    paths = list(dict.fromkeys(path for each in known for path in each.paths))
    try:
        real = dict(zip(paths, _real(file_system, paths), strict=True)) if paths else {}
    except (NotFound, Refused, TimedOut) as error:
        unknown = f"nobody knows where it lies: {error.what}"
        return [replace(each, problem=each.problem or unknown) if each.paths else each for each in known]
    return [replace(each, paths=tuple(dict.fromkeys((*each.paths, *(real[path] for path in each.paths))))) for each in known]


def _real(file_system: FileSystem, paths: list[str]) -> list[str]:
    given = b"".join(os.fsencode(path) + b"\0" for path in paths)
    told = require(file_system, "xargs", "-0", "-r", "realpath", "-m", "-z", "--", standard_input=given).split(b"\0")[:-1]
    if len(told) != len(paths):
        raise Refused(f"realpath tells of {len(told)} paths and not of {len(paths)}")
    return [os.fsdecode(path) for path in told]
