"""Ends a restic that only tries again and again: since 0.17 it would do so for a quarter of an hour."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

from drtool.model.errors import Unavailable
from drtool.ports import Clock, LineListener
from drtool.repositories.restic.errors import RETRYING, is_damage, is_permanent, last_words, of_disk, translate_words
from drtool.repositories.restic.output import number, parse_line
from drtool.repositories.restic.phases import COUNTED

type_variable = TypeVar("type_variable")

_LOCK_GONE = re.compile(rb"Load\(<lock/.*(no such file|does not exist|not found|NoSuchKey)", re.IGNORECASE)
GONE_LOCKS = 5
"""How often a command begins again because of a lock that was removed while it looked."""
PATIENCE = 2
"""How often a cause that does not cure itself may be met."""


class LockGoneError(Unavailable):
    """An old restic (0.14) tries for a quarter of an hour to read a lock whose owner has just removed it; a fresh one does not meet it."""


class Watch:
    """Listens to a running restic; raises Unavailable when it retried for longer than `seconds` without moving a byte.

    A cause that trying again does not cure, such as a missing bucket or a refused key, is raised the second time it is met; a lock that
    is gone is raised at once, as LockGoneError.
    """

    def __init__(
        self,
        repository: str,
        clock: Clock,
        seconds: float,
        on_output: LineListener | None,
        on_error: LineListener | None,
        consume: Callable[[bytes], object] | None,
        *,
        on_disk: bool = False,
    ) -> None:
        self._repository = repository
        self._clock = clock
        self._seconds = seconds
        self._on_output = on_output
        self._on_error = on_error
        self._consume = consume
        self._retrying_since: float | None = None
        self._said = ""
        self._moved = 0
        self._counted: tuple[bytes | Any, ...] = ()
        self._refused = 0
        self._on_disk = on_disk

    def output(self, line: bytes) -> None:
        """Take a line of standard output: progress counts as life only when it moves."""
        message = parse_line(line)
        if message is not None and message.get("message_type") == "status":
            moved = number(message, "bytes_done") + number(message, "bytes_restored") + number(message, "files_done")
            if moved > self._moved:
                self._moved = moved
                self._retrying_since = None
            else:
                self._judge()
        elif (counted := COUNTED.match(line.rstrip())) is not None and counted.groups() != self._counted:
            self._counted = counted.groups()
            self._retrying_since = None
        if self._on_output is not None:
            self._on_output(line)

    def error(self, line: bytes) -> None:
        """Take a line of standard error; restic also retries what is damaged, which is no matter of the network."""
        text = line.decode("utf-8", "replace")
        text = of_disk(text) if self._on_disk else text
        if RETRYING.search(line) and _LOCK_GONE.search(line):
            raise LockGoneError(
                f"restic waits for a lock of {self._repository} that is gone: {last_words(text, limit=300)}",
                hint="wait until others have finished; then again",
                safe="what was stored before is untouched",
            )
        if RETRYING.search(line) and self._on_disk and is_damage(text):
            self._refuse(text)  # an old restic reads for a quarter of an hour again what will never be longer
        elif RETRYING.search(line) and not is_damage(text):
            self._said = text
            if self._retrying_since is None:
                self._retrying_since = self._clock.monotonic()
            if is_permanent(text):
                self._refuse(text)
            self._judge()
        if self._on_error is not None:
            self._on_error(line)

    def _refuse(self, text: str) -> None:
        self._refused += 1
        if self._refused >= PATIENCE:
            raise translate_words(text, code=1, repository=self._repository, verb="go on")

    def chunk(self, data: bytes) -> None:
        """Take bytes that a command gave out."""
        self._retrying_since = None
        if self._consume is not None:
            self._consume(data)

    def _judge(self) -> None:
        if self._retrying_since is None or self._clock.monotonic() - self._retrying_since <= self._seconds:
            return
        raise Unavailable(
            f"the repository {self._repository} has not answered for {self._seconds:g} s: {last_words(self._said, limit=300)}",
            hint=f"check the network and the server, then: drtool doctor {self._repository}",
            safe="what was stored before is untouched",
        )


def past_gone_locks(once: Callable[[], type_variable]) -> type_variable:
    """Begin again while restic only waits for a lock that others have removed; it meets that before it reads or writes anything."""
    for _attempt in range(GONE_LOCKS):
        try:
            return once()
        except LockGoneError:
            continue
    return once()
