from __future__ import annotations

import os
import shlex
from collections.abc import Mapping

from drtool.model.command import Command
from drtool.model.errors import NotFound, Refused, TimedOut
from drtool.model.secret import Secret, SecretReference
from drtool.ports import Runner
from drtool.secrets.reading import read_as_restic
from drtool.secrets.source_file import read_secret_file

COMMAND_SECONDS = 60.0


class Secrets:
    """Resolves references; what a `command:` printed is kept for the life of the process, everything else is looked up each time.

    Args:
        environment: where `env:` is looked up, and `CREDENTIALS_DIRECTORY` for `credential:`.
        runner: runs `command:` on this machine.
    """

    def __init__(self, environment: Mapping[str, str], runner: Runner) -> None:
        self._environment = environment
        self._runner = runner
        self._printed: dict[str, Secret] = {}

    def resolve(self, reference: SecretReference) -> Secret:
        """Return the secret; Refused names the reference and never the value.

        Files, credentials and what a command prints are read as restic reads a password file. A variable is taken as it is, but for a
        newline at its end.
        """
        match reference.scheme:
            case "env":
                return self._variable(reference)
            case "file":
                return self._file(reference, os.path.expanduser(reference.value), private=True)
            case "credential":
                return self._credential(reference)
            case "command":
                return self._command(reference)
        raise Refused(f"{reference.scheme}: is no kind of secret", hint="use env:, file:, credential: or command:")

    def _variable(self, reference: SecretReference) -> Secret:
        value = self._environment.get(reference.value)
        if not value:
            raise Refused(f"the secret {reference} is not set", hint=f"export {reference.value} before calling drtool")
        return Secret(value.removesuffix("\n"))

    def _credential(self, reference: SecretReference) -> Secret:
        directory = self._environment.get("CREDENTIALS_DIRECTORY")
        if not directory:
            raise Refused(
                f"the secret {reference} needs a systemd unit: there is no CREDENTIALS_DIRECTORY here",
                hint=f"LoadCredential={reference.value}:PATH in the unit, or run it by systemd-run with the same property",
            )
        if "/" in reference.value or reference.value in (".", ".."):
            raise Refused(f"the secret {reference} is not the name of a credential", hint="write its name without a path")
        return self._file(reference, os.path.join(directory, reference.value), private=False)

    def _file(self, reference: SecretReference, path: str, *, private: bool) -> Secret:
        return self._text(reference, read_secret_file(reference, path, private=private))

    def _command(self, reference: SecretReference) -> Secret:
        known = self._printed.get(reference.value)
        if known is not None:
            return known
        try:
            argv = tuple(shlex.split(reference.value))
        except ValueError as error:
            raise Refused(f"the secret {reference} is no command: {error}", hint="check its quotes") from None
        if not argv:
            raise Refused("a secret `command:` is empty", hint="write the program that prints it")
        try:
            completed = self._runner.run(Command(argv, timeout_seconds=COMMAND_SECONDS))
        except (NotFound, TimedOut) as error:
            raise Refused(f"the secret {reference} could not be had: {error.what}", hint="run that command by hand") from None
        if completed.exit_code != 0:  # what it said may hold the secret
            raise Refused(f"the secret {reference} could not be had: exit code {completed.exit_code}", hint="run that command by hand")
        return self._printed.setdefault(reference.value, self._text(reference, completed.standard_output))

    @staticmethod
    def _text(reference: SecretReference, data: bytes) -> Secret:
        try:
            secret = read_as_restic(data)
        except UnicodeDecodeError:
            raise Refused(f"the secret {reference} is not UTF-8 text", hint="keys are text; check what lies there") from None
        if not secret.reveal():
            raise Refused(f"the secret {reference} is empty", hint="write the secret there")
        if "\0" in secret.reveal():
            raise Refused(f"the secret {reference} holds a zero byte", hint="keys are text; check what lies there")
        return secret
