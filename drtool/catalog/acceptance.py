"""What this state directory knows of who it is and whom it accepts, on the local disk."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator
from urllib.parse import quote, unquote

from drtool.catalog.storage import make_folder, read_json, write_atomically
from drtool.model.codec import canonical, decode, encode
from drtool.model.standing import Acceptance

_FORMAT = "drtool.acceptance/1"


class AcceptanceFile:
    """`<state>/accepted/NAME.json`, one for each policy's name; where it cannot be written, what is learnt holds for this call."""

    def __init__(self, state_directory: str, *, by: str) -> None:
        self._path = os.path.join(state_directory, "accepted", f"{quote(by, safe='')}.json")
        self._learnt: Acceptance | None = None

    def load(self) -> Acceptance:
        """Return what is known; an absent or damaged file knows nobody."""
        if self._learnt is not None:
            return self._learnt
        data = read_json(self._path)
        with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError):
            if data is not None:
                return decode(Acceptance, data)
        return Acceptance()

    def update(self, change: Callable[[Acceptance], Acceptance]) -> Acceptance:
        """Change what is known, alone on this host, and return it; killed at any moment, the old or the new stands."""
        try:
            with self._alone():
                known = self.load()
                changed = change(known)
                if changed != known:
                    write_atomically(self._path, canonical({"format": _FORMAT, **encode(changed)}))
                return changed
        except OSError:
            self._learnt = change(self.load())
            return self._learnt

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        make_folder(os.path.dirname(self._path))
        descriptor = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def sharing(state_directory: str, *, by: str, signer: str) -> tuple[str, ...]:
    """Return the names of the other policies for which this state directory signed with a key."""
    names: list[str] = []
    with contextlib.suppress(OSError):
        names = [
            unquote(each.removesuffix(".json")) for each in os.listdir(os.path.join(state_directory, "accepted")) if each.endswith(".json")
        ]
    return tuple(sorted(each for each in names if each != by and signer in AcceptanceFile(state_directory, by=each).load().signers))
