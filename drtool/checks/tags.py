from __future__ import annotations

import os
import re
from typing import Final

from drtool.checks.subject import Subject, stream_fields
from drtool.model.policy import Settings

CACHE_TAG: Final = "CACHEDIR.TAG"


def tagged_directories(subject: Subject, rules: Settings) -> tuple[bytes, ...]:
    """Return the restored directories, relative to their root, that carry a tag by which a selector leaves their content out."""
    tags = [str(rule).partition(":")[0] for rule in rules.get("exclude_if_present", ())]
    tags += [CACHE_TAG] if rules.get("exclude_caches") else []
    if not tags:
        return ()
    found: list[bytes] = []
    wanted: list[str] = []
    for tag in tags:
        wanted += ["-o"] if wanted else []
        wanted += ["-name", re.sub(r"([*?\[\]\\])", r"\\\1", os.fsdecode(tag))]
    stream_fields(subject.runner, ("find", subject.top, "(", *wanted, ")", "-printf", r"%P\0"), found.append)
    return tuple(name.rpartition(b"/")[0] for name in found)
