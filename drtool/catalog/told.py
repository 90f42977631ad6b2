from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from drtool.catalog.storage import make_folder, read_json, write_atomically
from drtool.model.codec import canonical, decode, encode
from drtool.model.signal import Heard

HEARD_FORMAT = "drtool.heard/1"
_MOST_CALLS = 50
"""So many calls of systemd that told of their own end are remembered, newest last."""


class HeardBook:
    """What each notifier of a policy really took: only what arrived was told. A cache: what it does not know is told again."""

    def __init__(self, state_directory: str, *, by: str) -> None:
        self._folder, self._by = state_directory, by
        self._path = os.path.join(state_directory, "heard.json")

    def load(self) -> dict[str, dict[str, Heard]]:
        """Return what each notifier heard of each subject; one that is not named is not known."""
        found: dict[str, dict[str, Heard]] = {}
        for notifier, heard in _entries(self._read()["policies"].get(self._by)):
            known = found.setdefault(notifier, {})
            for about, body in _entries(heard):
                with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError):
                    known[about] = decode(Heard, body)
        return found

    def learn(self, told: Mapping[str, Mapping[str, Heard | None]], *, notifiers: Collection[str]) -> None:
        """Remember what arrived (None: it is over) of these notifiers alone; what cannot be written is told again."""

        def edit(book: dict[str, Any]) -> None:
            before = self.load()
            heard = {notifier: _after(before.get(notifier, {}), told.get(notifier, {})) for notifier in {*before, *told} & {*notifiers}}
            book["policies"][self._by] = heard

        if told:
            self._change(edit)

    def mark(self, call: str) -> None:
        """Remember that a call of systemd, by its $INVOCATION_ID, told of its own bad end."""

        def edit(book: dict[str, Any]) -> None:
            book["calls"] = [*(each for each in book["calls"] if each != call), call][-_MOST_CALLS:]

        self._change(edit)

    def is_marked(self, call: str) -> bool:
        """Tell whether that call told of its own bad end."""
        return call in self._read()["calls"]

    def _read(self) -> dict[str, Any]:
        data = read_json(self._path)
        found = data if isinstance(data, dict) else {}
        calls = found.get("calls")
        return {
            "format": HEARD_FORMAT,
            "policies": dict(_entries(found.get("policies"))),
            "calls": [str(each) for each in calls] if isinstance(calls, list) else [],
        }

    def _change(self, edit: Callable[[dict[str, Any]], None]) -> None:
        """Write the book anew as `edit` leaves it; what cannot be written is not remembered."""
        with contextlib.suppress(OSError):
            make_folder(self._folder)
            with self._alone():
                book = self._read()
                edit(book)
                write_atomically(self._path, canonical(book))

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other processes of this host out for the moment of a change; nobody waits for anything while holding this."""
        descriptor = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _entries(value: object) -> list[tuple[str, Any]]:
    return [(str(key), each) for key, each in value.items()] if isinstance(value, dict) else []


def _after(known: Mapping[str, Heard], news: Mapping[str, Heard | None]) -> dict[str, Any]:
    return {about: encode(each) for about, each in {**known, **news}.items() if each is not None}
