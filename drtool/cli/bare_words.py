"""What is said on a bare machine: commands with the options that were typed, and none that needs a policy."""

from __future__ import annotations

import importlib
import re
import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import click

from drtool.cli.options import typed_again
from drtool.cli.render.words import printable

if TYPE_CHECKING:
    from drtool.cli.options import Options

_TYPED: Final = ("repository", "password_file", "ssh_config", "machine", "state_directory", "restic")
_SECRET: Final = re.compile(r"(//[^/@\s:]*):[^/@\s]+@")
_COMMAND: Final = re.compile(r"(?<![\w./-])drtool (?P<verb>[a-z]+)\b(?P<run> --undo [\w.…]+)?(?: (?P<second>[a-z]+)\b)?")
_DOCTOR: Final = re.compile(r"`?\bdrtool doctor\b(?: repository\b| tells\b[^,;.]*)?`?")
_ADOPT: Final = re.compile(r"`?\bdrtool adopt\b(?! --)(?: (?!lists\b|takes\b|and\b|or\b|then\b)(?P<machine>[\w:+/=]+))?`?")
_LISTED: Final = re.compile(r"drtool adopt lists the machines there are")
_DRILL: Final = re.compile(r"\bdrtool drill\b(?: (?!--)(?P<name>[^\s;,`]+))?")
_KEPT: Final = re.compile(r"(?:until|goes only with) `?drtool sweep --kept`?")
"""What was kept aside is compared with the newest point before it is removed, for which a policy is needed."""
_ELSEWHERE: Final = "on a machine with the policy: "
_NOT_ALONE: Final = frozenset({"schema", "lab", "completion", "validate"})
"""Verbs that ask for neither policy nor repository."""


@dataclass(frozen=True, slots=True)
class BareWords:
    """Says things as they are on a bare machine; `options` were typed, and lead where the same is meant again.

    What stands in variables of the shell stays there, and is not repeated. `restoring` goes with `restore` alone.
    """

    place: str
    options: tuple[str, ...]
    restoring: tuple[str, ...] = ()

    def choosing(self, machine: str) -> BareWords:
        """Return the same where it was found out whose points are meant: what is typed next need not tell that by a set or point."""
        if not machine or "--machine" in self.options:
            return self
        return replace(self, options=(*self.options, "--machine", machine))

    def said(self, text: str) -> str:
        """Return a sentence or command that leads somewhere here."""
        if "repository" not in text and "drtool " not in text:
            return text
        text = text.replace("the repository repository", f"the repository {printable(self.place)}")
        text = text.replace("no repository repository", f"no repository {printable(self.place)}")
        text = _KEPT.sub(
            lambda found: f"{'' if found[0].startswith('until') else 'stays '}until you remove it by hand", self._without_doctor(text)
        )
        text = _LISTED.sub("--machine and one of these machines takes its points", text)
        text = _ADOPT.sub(lambda found: f"--machine {found['machine'] or 'MACHINE'}", text)
        text = _DRILL.sub(lambda found: f"drtool restore {found['name'] or ''}".rstrip() + " --to directory PATH", text)
        return _COMMAND.sub(self._command, text)

    def _without_doctor(self, text: str) -> str:
        ssh = self.place.startswith("sftp:") and "--ssh-config" not in self.options
        look = "check the address, the network and what opens the server"
        look += "; --ssh-config FILE names the OpenSSH settings that the recovery sheet tells of" if ssh else ""
        alone = re.compile(rf"(^|next: )(?:{_DOCTOR.pattern})(?=\.?(?:  .*)?$)")
        text = alone.sub(lambda found: f"{found[1]}{look}; then the same again", text)
        return _DOCTOR.sub("the same again" + (" (--ssh-config FILE names the OpenSSH settings of its machine)" if ssh else ""), text)

    def _command(self, found: re.Match[str]) -> str:
        """Put the options behind the verb, where they are taken whatever follows; say where a verb that takes none goes."""
        from drtool.cli.main import VERBS  # noqa: PLC0415 - it imports this

        verb, second = found["verb"], found["second"]
        if verb not in VERBS or verb in _NOT_ALONE:
            return found[0]
        command: click.Command = importlib.import_module(f"drtool.cli.{VERBS[verb][0]}").command
        head, rest = f"drtool {verb}{found['run'] or ''}", f" {second}" if second else ""
        if isinstance(command, click.Group) and second in command.commands:
            command, head, rest = command.commands[second], found[0], ""
        needs_policy = verb == "sweep" and found.string[found.end() :].startswith(" --kept")
        if needs_policy or not any("--repository" in parameter.opts for parameter in command.params):
            return found[0] if found.string[: found.start()].endswith(_ELSEWHERE) else f"{_ELSEWHERE}{found[0]}"
        words = (*self.options, *(self.restoring if verb == "restore" else ()))
        told = " ".join(printable(_SECRET.sub(r"\1:PASSWORD@", word) if "//" in word else word) for word in map(shlex.quote, words))
        after = found.string[found.end() :] if not rest else found.string[found.end("run" if found["run"] else "verb") :]
        return f"{head}{rest}" if not told or after.startswith(f" {told}") else f"{head} {told}{rest}"


def bare_words(options: Options, *, place: str, trust_commands: bool = False) -> BareWords:
    """Return how things are said where a repository was named instead of a policy."""
    return BareWords(_SECRET.sub(r"\1@", place), tuple(typed_again(options, *_TYPED)), ("--trust-commands",) if trust_commands else ())
