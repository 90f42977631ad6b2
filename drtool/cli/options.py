"""The options every verb has, understood before the verb and after it."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from typing import Any

import click
from click.core import ParameterSource

from drtool.cli.types import Seconds


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked of every verb alike."""

    policy: str | None = None
    state_directory: str | None = None
    json: bool = False
    quiet: bool = False
    verbose: bool = False
    restic: str | None = None
    deadline: float | None = None
    repository: str | None = None
    password_file: str | None = None
    ssh_config: str | None = None
    machine: str | None = None
    on_battery: bool = False


def options_of(given: dict[str, Any]) -> Options:
    """Return the options collected so far; what was given after the verb wins."""
    known = {field.name for field in fields(Options)}
    return Options(**{name: value for name, value in given.items() if name in known})


_DEADLINE = "End the work after so long, such as 90m; what a restore had staged goes with the next run or `drtool sweep`."
_PATHS = ("policy", "state_directory", "password_file", "ssh_config")
"""Options that another working directory would read otherwise."""


def typed_again(options: Options, *names: str) -> list[str]:
    """Return those of `names` that were given, as words of a command line for whoever goes on with the same."""
    words: list[str] = []
    for name in names:
        value = getattr(options, name)
        if value is not None:
            words += [f"--{name.replace('_', '-')}", _as_typed(name, value)]
    return words


def _as_typed(name: str, value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}s"
    text = str(value)
    # A name without a slash is looked for on the path, or is no path at all.
    is_path = name in _PATHS or (name in ("restic", "repository") and "/" in text and ":" not in text)
    return os.path.abspath(text) if is_path or (name == "repository" and os.path.isdir(text)) else text


def shared_options() -> list[click.Parameter]:
    """Return fresh copies of the options that every verb has."""
    return [
        _option("--policy", metavar="PATH", help="Policy file or directory.  [$DRTOOL_POLICY, ./policies/, /etc/drtool/]"),
        _option(
            "--state-directory",
            metavar="DIRECTORY",
            help="Where journals and the cache lie.  [$DRTOOL_STATE_DIR, /var/lib/drtool as root, else ~/.local/state/drtool]",
        ),
        _option("--json", is_flag=True, default=None, help="One JSON document on standard output."),
        _option("--quiet", "-q", is_flag=True, default=None, help="No progress; errors are still told."),
        _option("--verbose", "-v", is_flag=True, default=None, help="Tell every step and command."),
        _option("--deadline", type=Seconds(), metavar="DURATION", help=_DEADLINE),
        _option("--restic", metavar="PATH", help="The restic program to use."),
    ]


def bare_options() -> list[click.Parameter]:
    """Return fresh copies of the options by which a verb that looks needs no policy."""
    return [
        _option("--repository", metavar="LOCATION", help="On a bare machine: where the repository is.  [$RESTIC_REPOSITORY]"),
        _option("--password-file", metavar="PATH", help="On a bare machine: the file with its key.  [$RESTIC_PASSWORD_FILE]"),
        _option("--ssh-config", metavar="PATH", help="On a bare machine: OpenSSH settings for an sftp: repository."),
        _option(
            "--machine",
            metavar="MACHINE",
            help="On a bare machine: whose points, by their signer, a machine's id or the policy's name; or `unsigned`.",
        ),
    ]


def _option(*names: str, **attributes: Any) -> click.Option:  # noqa: ANN401 - passed on to click as they are
    return click.Option(list(names), expose_value=False, callback=_collect, **attributes)


def _collect(context: click.Context, parameter: click.Parameter, value: Any) -> None:  # noqa: ANN401
    given: dict[str, Any] = context.ensure_object(dict)
    if value is not None and parameter.name is not None:
        given[parameter.name] = value


class Verb(click.Command):
    """A command that understands the shared options too."""

    def __init__(self, *arguments: Any, **attributes: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments, **attributes)
        self.params.extend(shared_options())

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,  # noqa: ANN401 - click's own
    ) -> click.Context:
        context = super().make_context(info_name, args, parent, **extra)
        _refuse_empty(context)
        _refuse_swallowed(context)
        return context


def _refuse_empty(context: click.Context) -> None:
    """Refuse words that are empty: a shell leaves them so where a variable is not set, and nobody means nothing by them."""
    for parameter in context.command.params:
        value = context.params.get(parameter.name or "")
        given = context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
        if given and ((isinstance(value, str) and not value.strip()) or (isinstance(value, tuple) and "" in value)):
            raise click.BadParameter("it is empty; is a variable of the shell not set?", ctx=context, param=parameter)


def _refuse_swallowed(context: click.Context) -> None:
    """Refuse an option in the place of another's value: `--undo --yes` names no run, and `--yes` was meant."""
    known = {name for parameter in context.command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    for parameter in context.command.params:
        if not isinstance(parameter, click.Option) or context.get_parameter_source(parameter.name or "") is not ParameterSource.COMMANDLINE:
            continue
        value = context.params.get(parameter.name or "", context.ensure_object(dict).get(parameter.name or ""))
        for word in value if isinstance(value, tuple) else (value,):
            if isinstance(word, str) and (word.startswith("--") or word in known):
                raise click.BadParameter(f"it has no value: `{word}` is an option", ctx=context, param=parameter)


class LongVerb(Verb):
    """A command that protects and takes its time: it waits while the machine runs on battery."""

    def __init__(self, *arguments: Any, **attributes: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments, **attributes)
        words = "Go on though the UPS that `power:` names runs on battery."
        self.params.append(_option("--on-battery", is_flag=True, default=None, help=words))


class LookVerb(Verb):
    """A command for which a repository and its key are enough on a bare machine: it looks, or tidies up after a restore there."""

    works = False
    """Whether it goes on to change something."""

    def __init__(self, *arguments: Any, **attributes: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments, **attributes)
        self.params.extend(bare_options())


class LookGroup(click.Group):
    """A verb of several words, each of which only looks (`evidence list`)."""

    command_class = LookVerb


class VerbGroup(click.Group):
    """A verb of several words (`plan run`, `hold add`)."""

    command_class = Verb
