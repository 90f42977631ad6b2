from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from drtool.model.secret import Secret


@dataclass(frozen=True, slots=True)
class Command:
    """One child process to be: arguments, plain environment, secrets apart from it.

    `secrets` reach the child by its environment only. `standard_input` is given whole and then closed; `timeout_seconds` counts from the
    start of this command, within the deadline of the step it belongs to. `nice` asks for low processor and disk priority.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    standard_input: bytes | None = None
    timeout_seconds: float | None = None
    nice: bool = False
    directory: str | None = None


@dataclass(frozen=True, slots=True)
class Completed:
    """How a command ended: exit code (negative: killed by that signal) and the last part of what it said."""

    exit_code: int
    standard_output: bytes
    standard_error: bytes
    seconds: float

    def said(self, limit: int = 2000) -> str:
        """Return the end of its standard error as text, or of its standard output when that is empty."""
        text = (self.standard_error.strip() or self.standard_output.strip()).decode("utf-8", "replace")
        return text[-limit:]
