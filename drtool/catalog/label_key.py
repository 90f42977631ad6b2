"""The key by which this state directory proves the labels that it leaves among a person's data."""

from __future__ import annotations

import contextlib
import os
import secrets
from typing import Any, Final

from drtool.catalog.runs import Runs
from drtool.catalog.storage import make_folder, read_json
from drtool.model.codec import canonical
from drtool.model.label import LabelProofs

_BYTES: Final = 32


def label_proofs(state_directory: str) -> LabelProofs:
    """Return the key, made at first need, and the runs there were before; where none can be kept it is one for this process alone."""
    return _read(state_directory) or _make(state_directory)


def _make(state_directory: str) -> LabelProofs:
    earlier = frozenset(folder.run for folder in Runs(state_directory).all())
    fresh = LabelProofs(secrets.token_bytes(_BYTES), earlier_runs=earlier)
    path = _file(state_directory)
    temporary = f"{path}.{secrets.token_hex(8)}.new"
    try:
        make_folder(state_directory)
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(canonical({"format": "drtool.label-key/1", "key": fresh.key.hex(), "earlier_runs": sorted(earlier)}))
            stream.flush()
            os.fsync(stream.fileno())
        if os.path.exists(path) and _read(state_directory) is None:
            os.replace(temporary, path)  # a damaged one proves nothing
        else:
            with contextlib.suppress(FileExistsError):
                os.link(temporary, path)  # two first calls at once agree on one key
    except OSError:
        return fresh
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
    return _read(state_directory) or fresh


def _read(state_directory: str) -> LabelProofs | None:
    data: Any = read_json(_file(state_directory))
    try:
        key, earlier = bytes.fromhex(data["key"]), frozenset(str(run) for run in data["earlier_runs"])
    except (KeyError, TypeError, ValueError):
        return None
    return LabelProofs(key, earlier_runs=earlier) if len(key) == _BYTES else None


def _file(state_directory: str) -> str:
    return os.path.join(state_directory, "label-key.json")
