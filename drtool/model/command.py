from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from drtool.model.errors import Refused
from drtool.model.secret import Secret

_LONGEST_NUMBER = 19


@dataclass(frozen=True, slots=True)
class Marks:
    """What a program elsewhere answers stands between two marks that nobody can guess; `who` prints what stands around them.

    The parts travel apart, so that a shell that shows the commands it was given does not show a mark.
    """

    first: str
    second: str
    who: str

    @property
    def begin(self) -> bytes:
        """What stands before the answer, with its line feed."""
        return f"{self.first}:{self.second}\n".encode("ascii")

    @property
    def end(self) -> bytes:
        """What stands behind the answer; how the program ended follows, and a line feed."""
        return f"{self.second}:{self.first} ".encode("ascii")


@dataclass(frozen=True, slots=True)
class Command:
    """One child process to be: arguments, plain environment, secrets apart from it.

    `secrets` reach the child by its environment only. `standard_input` is given whole and then closed; `timeout_seconds` counts from the
    start of this command, within the deadline of the step it belongs to; `still_seconds` is how long it may move nothing.
    `nice` asks for low processor and disk priority.
    With `marks`, only what stands between them is its output, on both streams, and the end mark tells how it ended.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    standard_input: bytes | None = None
    timeout_seconds: float | None = None
    still_seconds: float = 3600.0
    nice: bool = False
    directory: str | None = None
    marks: Marks | None = None


@dataclass(frozen=True, slots=True)
class Completed:
    """How a command ended: exit code (negative: killed by that signal) and the last part of what it said.

    Of a command with marks: `ended` is what stands in the end mark (empty: it never came), `begun` whether the first one came, and `beside`
    the beginning of what others printed around them.
    """

    exit_code: int
    standard_output: bytes
    standard_error: bytes
    seconds: float
    begun: bool = True
    ended: str = ""
    beside: bytes = b""

    def number(self, what: str) -> int:
        """Return the one number, not negative, that it printed; Refused tells what stands there instead."""
        return whole_number(self.standard_output.strip(), what)

    def said(self, limit: int = 2000) -> str:
        """Return the end of its standard error as text, or of its standard output when that is empty."""
        text = (self.standard_error.strip() or self.standard_output.strip()).decode("utf-8", "replace")
        return text[-limit:]


def whole_number(text: bytes, what: str) -> int:
    """Read a count that a program told: digits only, and no more of them than any disk needs; Refused shows what stands there instead."""
    if text.isdigit() and len(text) <= _LONGEST_NUMBER:
        return int(text)
    shown = text[:100].decode("utf-8", "replace")
    raise Refused(f"{what} should be a number, and the answer is {shown!r}", hint="look what answers there", safe="nothing was changed")


@contextmanager
def understanding(what: str) -> Iterator[None]:
    """Read an answer that a program elsewhere gave; what cannot be read in it is Refused: it is no fault of ours."""
    try:
        yield
    except (ValueError, IndexError, KeyError, OverflowError, TypeError, AttributeError, RecursionError) as error:
        raise Refused(
            f"the answer to {what} cannot be read: {str(error)[:200]}", hint="look what answers there", safe="nothing was changed"
        ) from error
