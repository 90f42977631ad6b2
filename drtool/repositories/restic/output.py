"""What restic prints, line by line: JSON and plain words mixed, on both streams, in the shapes of 0.14 to 0.19."""

from __future__ import annotations

import json
import os
import re
from typing import Any

from drtool.model.command import Completed
from drtool.model.errors import Refused
from drtool.ports import Progress, ProgressListener

Message = dict[str, Any]

_KEPT_ITEMS = 1000
_NO_ENTRY = 2
_ERROR_NUMBERS = 200
_LARGEST_COUNT = 1 << 62
_FRAME = re.compile(r"[\w./@+-]+\.(?:go|s):\d+")
_COUNTED = re.compile(r"\[\d+:\d\d\] .*\d+ / \d+ ")
"""Progress that is no JSON."""
_SURROGATES = re.compile("[\ud800-\udfff]")


def clean(text: str) -> str:
    """Replace lone surrogates, which no file or terminal takes."""
    return _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", text)


def parse_line(line: bytes) -> Message | None:
    """Return a line's JSON object, or None when it is plain words."""
    if not line.lstrip().startswith(b"{"):
        return None
    try:
        message = json.loads(line.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) else None


def parse_document(output: bytes) -> Any:  # noqa: ANN401 - whatever restic wrote
    """Return the JSON document of a command that prints one; raises ValueError when there is none.

    Lines before it, such as a notice about a cache, are passed over.
    """
    lines = output.decode("utf-8", "replace").splitlines()
    for number, line in enumerate(lines):
        if line.startswith(("[", "{", "null")):
            try:
                return json.loads("\n".join(lines[number:]))
            except RecursionError:
                raise ValueError("a JSON document without bottom") from None
    raise ValueError("no JSON document")


def words_of_line(line: bytes) -> str:
    """Return what a line says to a person; empty for progress and summaries."""
    message = parse_line(line)
    if message is None:
        return clean(line.decode("utf-8", "replace")).strip()
    kind = message.get("message_type")
    if kind == "exit_error":
        return clean(str(message.get("message", ""))).strip()
    if kind == "error":
        return item_words(message)
    return ""


def words(completed: Completed) -> str:
    """Return everything a finished command said on standard error, then on standard output, without progress."""
    lines = (*completed.standard_error.splitlines(), *completed.standard_output.splitlines())
    return _without_frames("\n".join(text for text in map(words_of_line, lines) if text))


def _without_frames(text: str) -> str:
    """Return what is said without the calls that led to it, which restic 0.19 adds to some errors: a name, and below it a file and line."""
    lines = text.splitlines()
    framed = {number for number, line in enumerate(lines) if _FRAME.fullmatch(line.strip())}
    framed |= {number - 1 for number in framed}
    return "\n".join(line for number, line in enumerate(lines) if number not in framed and not _COUNTED.match(line))


def item_words(message: Message) -> str:
    """Return the path and the reason of a per-item error, as a person says it; of an error without a reason the path alone."""
    item, reason = item_of(message), _reason(message.get("error"))
    if item and item in reason:  # `open PATH: permission denied`, and what was tried before that
        reason = reason.rpartition(f"{item}: ")[2] or reason
    reason = f"{reason[:1].upper()}{reason[1:]}" if reason.islower() else reason
    return clean(f"{item}: {reason}" if item and reason and item not in reason else reason or item)


def item_of(message: Message) -> str:
    """Return what a per-item error is about; empty when it does not say."""
    error = message.get("error")
    return str(message.get("item") or (error.get("Path") if isinstance(error, dict) else "") or "")


def _reason(error: Any) -> str:  # noqa: ANN401 - whatever restic wrote
    if not isinstance(error, dict):
        return "" if error is None else str(error)
    if "message" in error:
        return str(error["message"])
    code = error.get("Err")  # before 0.17: Go's struct, with an error number, or nothing at all
    return os.strerror(code) if isinstance(code, int) and 0 < code < _ERROR_NUMBERS else ""


def is_vanished(message: Message) -> bool:
    """Tell whether a per-item error says that the item went away."""
    error = message.get("error")
    if not isinstance(error, dict):
        return False
    return error.get("Err") == _NO_ENTRY or "no such file or directory" in str(error.get("message", ""))


def number(message: Message, key: str) -> int:
    """Return a count; restic leaves zeros out. Refused for what no restic would count: it may be any program that answers there."""
    value = message.get(key, 0)
    if isinstance(value, int) and 0 <= value <= _LARGEST_COUNT:
        return int(value)
    if isinstance(value, float) and 0 <= value <= _LARGEST_COUNT and value == int(value):
        return int(value)
    raise Refused(
        f"restic tells {key} as {str(value)[:60]!r}, which is no count",
        hint="look which program answers there: restic version",
        safe="what was stored before is untouched",
    )


class OutputReader:
    """Collects the summary and the per-item errors of a backup or restore, and passes progress on."""

    def __init__(self, on_progress: ProgressListener | None = None) -> None:
        self.summary: Message | None = None
        self._unreadable: dict[str, str] = {}
        self._vanished: dict[str, str] = {}
        self._on_progress = on_progress

    @property
    def unreadable(self) -> tuple[str, ...]:
        """What could not be read, each once: restic tells it again where it looked before it read."""
        return tuple(self._unreadable.values())

    @property
    def vanished(self) -> tuple[str, ...]:
        """What went away meanwhile, each once."""
        return tuple(self._vanished.values())

    @property
    def unexplained(self) -> tuple[str, ...]:
        """The paths of which restic does not say why they could not be read."""
        return tuple(path for path, said in self._unreadable.items() if said == path and path.startswith("/"))

    def explain(self, path: str, reason: str) -> None:
        """Say why something could not be read."""
        self._unreadable[path] = clean(f"{path}: {reason}")

    def take(self, line: bytes) -> None:
        """Read one line of either stream."""
        message = parse_line(line)
        if message is None:
            return
        kind = message.get("message_type")
        if kind == "summary":
            self.summary = message
        elif kind == "error":
            items = self._vanished if is_vanished(message) else self._unreadable
            said = item_words(message)
            place = clean(item_of(message)) or said
            if place in items:
                items[place] = said if items[place] == place else items[place]
            elif len(items) < _KEPT_ITEMS:
                items[place] = said
        elif kind == "status" and self._on_progress is not None:
            self._on_progress(progress_of(message))


def progress_of(message: Message) -> Progress:
    """Return how far a status line says it is."""
    return Progress(
        done_bytes=number(message, "bytes_done") or number(message, "bytes_restored"),
        total_bytes=number(message, "total_bytes"),
        done_files=number(message, "files_done") or number(message, "files_restored"),
        total_files=number(message, "total_files"),
    )
