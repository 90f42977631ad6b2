"""What is said where options decide what is acted on: a command to type next leads to the same policy and the same state directory."""

from __future__ import annotations

import importlib
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import click

from drtool.cli.options import typed_again
from drtool.cli.render.words import printable

if TYPE_CHECKING:
    from drtool.cli.options import Options

_TYPED: Final = ("policy", "state_directory", "restic")
_COMMAND: Final = re.compile(
    r"(?<![\w./-])drtool (?P<verb>[a-z]+)\b(?: (?P<second>[a-z]+)\b)?(?![^;,`]* --(?:policy|repository|state-directory|restic)\b)"
)
_OF_NO_POLICY: Final = frozenset({"schema", "lab", "completion", "new"})


@dataclass(frozen=True, slots=True)
class PolicyWords:
    """Says commands with the options that were typed and decide what they act on."""

    options: tuple[str, ...]

    def said(self, text: str) -> str:
        """Return a sentence or command that leads to the same."""
        return _COMMAND.sub(self._command, text) if self.options and "drtool " in text else text

    def _command(self, found: re.Match[str]) -> str:
        """Put the options behind the verb, where they are taken whatever follows."""
        from drtool.cli.main import VERBS  # noqa: PLC0415 - it imports this

        verb, second = found["verb"], found["second"]
        if verb not in VERBS or verb in _OF_NO_POLICY:
            return found[0]
        command: click.Command = importlib.import_module(f"drtool.cli.{VERBS[verb][0]}").command
        told = " ".join(printable(word) for word in map(shlex.quote, self.options))
        if isinstance(command, click.Group) and second in command.commands:
            return f"{found[0]} {told}"
        return f"drtool {verb} {told}" + (f" {second}" if second else "")


def policy_words(options: Options) -> PolicyWords:
    """Return how things are said with these options; what is found without being typed is found by what is typed next, too.

    Another restic alone changes nothing of what is acted on: whoever types it knows it.
    """
    decides = options.policy or options.state_directory
    return PolicyWords(tuple(typed_again(options, *_TYPED)) if decides else ())
