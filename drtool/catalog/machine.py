"""Which machine this is: one id for each state directory, or the name that the environment gives."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import socket
from collections.abc import Mapping

from drtool.catalog.storage import make_folder
from drtool.model.bounds import MACHINE
from drtool.model.errors import Refused

VARIABLE = "DRTOOL_MACHINE"
_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_DIGITS = 10


def machine_id(state_directory: str, environment: Mapping[str, str]) -> str:
    """Return the id of this machine; made at first need, empty where none is known and none can be kept.

    Raises Refused when $DRTOOL_MACHINE is no plain name: it stands in tags and on screens.
    """
    named = environment.get(VARIABLE, "")
    if named:
        if not MACHINE.fullmatch(named):
            raise Refused(
                f"${VARIABLE} is no name of a machine",
                hint="letters, digits, dots and dashes, at most 64: such as backup-nas",
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
    host = re.sub(r"[^a-z0-9]+", "-", socket.gethostname().partition(".")[0].lower()).strip("-")[:20]
    fresh = f"{host or 'machine'}-{''.join(secrets.choice(_ALPHABET) for _ in range(_DIGITS))}"
    path = _file(state_directory)
    temporary = f"{path}.{secrets.token_hex(8)}.new"  # threads ask at once, too
    try:
        make_folder(state_directory)
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as stream:
            stream.write(fresh + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)  # two first calls at once agree on one id
    except OSError:
        return ""
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
    return kept_id(state_directory)


def _file(state_directory: str) -> str:
    return os.path.join(state_directory, "machine")
