from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from drtool.model.command import Command
from drtool.model.errors import NotFound, Refused
from drtool.model.secret import Secret, parse_reference
from drtool.ports import Runner, SecretStore
from drtool.trees.inside import regular_files

LONGEST: Final = "1d"
"""How long a command of a stream may take where the policy does not say."""


def command_of(argv: list[str], environment: Mapping[str, str], secrets: SecretStore, *, seconds: float) -> Command:
    """Build a command whose references are resolved now; raises Refused that names a reference that cannot be."""
    plain: dict[str, str] = {}
    hidden: dict[str, Secret] = {}
    for name, value in environment.items():
        reference = parse_reference(value)
        if reference is None:
            plain[name] = value
        else:
            hidden[name] = secrets.resolve(reference)
    return Command(tuple(argv), environment=plain, secrets=hidden, timeout_seconds=seconds)


def pour(runner: Runner, *, command: Command, file: str) -> None:
    """Run a command with a file on its standard input; raises Refused with its last words when it fails."""
    if file not in regular_files(runner, file, [file]):
        raise NotFound(f"{file} is not there", hint="restore again", safe="nothing was changed")
    piped = runner.pipe(command, producer=Command(("cat", "--", file)))
    if piped.command.exit_code != 0:
        raise Refused(
            f"{command.argv[0]} ended with {piped.command.exit_code}: {piped.command.said(500)}",
            hint=f"what was restored waits in {file}: try the command by hand with it on standard input",
        )
