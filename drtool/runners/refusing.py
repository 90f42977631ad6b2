from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn

from drtool.model.errors import Refused
from drtool.ports import Owner, Runner, RunningCommand


class Refusing:
    """A runner that carries nothing out: the one for commands that came out of a repository. What runs may still be looked for."""

    def __init__(self, runner: Runner) -> None:
        self.name = runner.name
        self._runner = runner

    def run(self, *arguments: Any, **_keywords: Any) -> NoReturn:  # noqa: ANN401 - whatever it is asked
        self._refuse(arguments)

    def pipe(self, *arguments: Any, **_keywords: Any) -> NoReturn:  # noqa: ANN401 - whatever it is asked
        self._refuse(arguments)

    def find(self, label_prefix: str) -> tuple[RunningCommand, ...]:
        return self._runner.find(label_prefix)

    def end(self, commands: Iterable[RunningCommand]) -> None:
        self._runner.end(commands)

    def host_name(self) -> str:
        return self._runner.host_name()

    def owner(self, handle: str) -> Owner:
        return self._runner.owner(handle)

    def _refuse(self, arguments: tuple[Any, ...]) -> NoReturn:
        argv = getattr(arguments[0], "argv", ()) if arguments else ()
        raise Refused(
            f"the command {' '.join(argv)} came out of the repository and is not run",
            hint="read it; --trust-commands runs it",
            safe="nothing was touched",
        )
