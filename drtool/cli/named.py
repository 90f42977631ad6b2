"""Words that name a set, a point, a run: a shell completes them by what is known here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click
from click.types import StringParamType

from drtool.cli.bare import bare_of
from drtool.cli.options import Options, options_of
from drtool.model.errors import DrtoolError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_KINDS: Final = ("SET", "DRILL", "REPOSITORY", "SOURCE", "SANDBOX", "POINT", "RUN", "HOLD", "WORKLOAD", "MACHINE", "EVIDENCE")
_WORDS: Final = {"RUN": "last", "POINT": "latest"}


class Named(StringParamType):
    """A name of one of these kinds; whether there is such a thing is found out by the verb."""

    def __init__(self, kinds: tuple[str, ...]) -> None:
        self.kinds = kinds

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Offer what is known here; nothing on a bare machine, and where the policy cannot be read."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - for a shell that asks

        del param
        given = {str(word) for value in ctx.params.values() if isinstance(value, tuple) for word in value}
        options = options_of(ctx.ensure_object(dict))
        offered = {_WORDS[kind]: "" for kind in self.kinds if kind in _WORDS}
        for kind in self.kinds:
            offered |= _known_names(options, kind)
        return [CompletionItem(name, help=what) for name, what in offered.items() if name.startswith(incomplete) and name not in given]


def complete_names(command: click.Command) -> None:
    """Let what the help of a verb, or of one of its words, tells to be such a name be completed as one."""
    for part in command.commands.values() if isinstance(command, click.Group) else ():
        complete_names(part)
    for parameter in command.params:
        words = (parameter.metavar or "").strip("[].").replace("]", "").split("|")
        kinds = tuple(kind for kind in _KINDS if kind in words)
        if kinds and parameter.type is click.STRING:
            parameter.type = Named(kinds)


def _known_names(options: Options, kind: str) -> dict[str, str]:
    """Return the names of a kind that are known here; whatever is wrong is told by the verb, and not while somebody types."""
    try:
        if bare_of(options) is not None:
            return {}
        from drtool.app.opening import open_policy  # noqa: PLC0415 - heavy

        return dict(open_policy(options.policy, state_directory=options.state_directory).known_names(kind))
    except (DrtoolError, OSError, click.ClickException):
        return {}
