"""Which machine this is: one id for each state directory, or the name that the environment gives."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from drtool.catalog.storage import write_once
from drtool.model.bounds import MACHINE
from drtool.model.errors import Refused
from drtool.model.label import UNKNOWN_MACHINE

VARIABLE = "DRTOOL_MACHINE"
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_DIGITS = 10


def machine_id(state_directory: str, environment: Mapping[str, str]) -> str:
    """Return the id of this machine; made at first need, empty where none is known and none can be kept.

    Raises Refused when $DRTOOL_MACHINE is no plain name: it stands in tags and on screens.
    """
    named = environment.get(VARIABLE, "")
    if named:
        if not MACHINE.fullmatch(named) or named == UNKNOWN_MACHINE:
            raise Refused(
                f"${VARIABLE} is no name of a machine",
                hint=f"letters, digits, dots and dashes, at most 64, and not `{UNKNOWN_MACHINE}`: such as backup-nas",
                safe="nothing was started",
            )
        return named
    return kept_id(state_directory) or _make(state_directory)


def kept_id(state_directory: str) -> str:
    """Return the id that a state directory keeps; empty: none yet, or not readable."""
    try:
        with open(_file(state_directory), encoding="ascii", errors="replace") as stream:
            text = stream.read(256).strip()
    except OSError:
        return ""
    return text if MACHINE.fullmatch(text) else ""


def _make(state_directory: str) -> str:
    host = re.sub(r"[^a-z0-9]+", "-", os.uname().nodename.partition(".")[0].lower()).strip("-")[:20]
    fresh = f"{host or 'machine'}-{''.join(_ALPHABET[byte % len(_ALPHABET)] for byte in os.urandom(_DIGITS))}"
    try:
        write_once(_file(state_directory), f"{fresh}\n".encode("ascii"))
    except OSError:
        return ""
    return kept_id(state_directory)


def _file(state_directory: str) -> str:
    return os.path.join(state_directory, "machine")
