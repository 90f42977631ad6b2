"""How a destination is written: `--to original`, `--to sandbox`, `--to directory PATH`."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import click

from drtool.cli.options import LookVerb
from drtool.cli.types import Instant
from drtool.model.errors import Refused

if TYPE_CHECKING:
    from datetime import datetime

    from drtool.app.facade import App
    from drtool.planning.restore import RestoreRequest

_OPTION: Final = "--to"
_WHERE_TO: Final = "Where it goes: back to where it was (original), into a sandbox, or into a directory of this machine."
FORMS: Final = ("original", "sandbox", "directory")


class DestinationVerb(LookVerb):
    """Understands `--to directory PATH`, an option of one word or of two."""

    works = True

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, _rewritten(args))


def _rewritten(arguments: list[str]) -> list[str]:
    result: list[str] = []
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if word == "--":
            return [*result, word, *rest]
        if word == f"{_OPTION}=directory" or (word == _OPTION and rest[:1] == ["directory"]):
            if word == _OPTION:
                rest.pop(0)
            if not rest or rest[0].startswith("-"):
                raise click.UsageError("--to directory needs a path: --to directory PATH")
            result += [_OPTION, "directory", "--directory", rest.pop(0)]
        elif path := _path_alone(word, rest):
            raise click.UsageError(f"--to takes a form, and {path} is a path: --to directory {path}")
        else:
            result.append(word)
    return result


def _path_alone(word: str, rest: list[str]) -> str:
    """Return the path that was given for a form; empty: there is none."""
    given = rest[0] if word == _OPTION and rest else word.removeprefix(f"{_OPTION}=") if word.startswith(f"{_OPTION}=") else ""
    return given if given.startswith(("/", "./", "../", "~")) else ""


def restore_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add what `restore` and `plan restore` both understand; collected by `request_of`."""
    for decorate in reversed(
        (
            click.argument("sets", nargs=-1, metavar="[SET]..."),
            click.option("--point", metavar="POINT", help="This point, by its id or its beginning or end."),
            click.option("--at", type=Instant(), metavar="INSTANT", help="The newest point at or before this."),
            click.option("--workload", "workloads", multiple=True, metavar="WORKLOAD", help="Only this one; may be repeated."),
            click.option(
                "--path",
                "paths",
                multiple=True,
                metavar="PATH",
                help="Only what lies below, absolute or inside the workload; may be repeated.",
            ),
            click.option(
                "--to", "form", default="original", type=click.Choice(FORMS), metavar="original|sandbox|directory PATH", help=_WHERE_TO
            ),
            click.option("--directory", hidden=True),
            click.option("--sandbox", metavar="SANDBOX", help="Which sandbox, where the policy has several."),
            click.option(
                "--as",
                "renamed",
                multiple=True,
                metavar="SOURCE",
                help="Put back by this source of the policy what lay on one that it no longer has; OLD=SOURCE where several are gone.",
            ),
            click.option("--from", "copies", multiple=True, metavar="REPOSITORY", help="Only from this copy; repeated, the first first."),
            click.option("--leave-excluded", is_flag=True, help="In place: carry nothing back into service that the point left out."),
            click.option("--trust-commands", is_flag=True, help="On a bare machine: obey the policy out of the repository."),
        )
    ):
        function = decorate(function)
    return function


def request_of(app: App, given: dict[str, Any]) -> RestoreRequest:
    """Return what was asked for; raises Refused when it is not clear which sandbox is meant."""
    from drtool.model.plan import Destination  # noqa: PLC0415
    from drtool.planning.names import LATEST  # noqa: PLC0415
    from drtool.planning.restore import RestoreRequest  # noqa: PLC0415

    if LATEST in given["sets"] and LATEST not in app.policy.sets:
        raise click.UsageError(f"`{LATEST}` names no set: each SET comes from its newest complete point anyway; type drtool restore SET")
    form: str = given["form"]
    at: datetime | None = given["at"]
    sandbox = _sandbox(app, given["sandbox"]) if form == "sandbox" else ""
    return RestoreRequest(
        sets=given["sets"],
        destination=Destination(form=form, path=os.path.abspath(given["directory"]) if given["directory"] else "", sandbox=sandbox),
        point=given["point"],
        at=at,
        workloads=given["workloads"],
        paths=given["paths"],
        repositories=given["copies"] or None,
        leave_excluded=given["leave_excluded"],
        renamed=_renamed(given["renamed"]),
    )


def _renamed(given: tuple[str, ...]) -> dict[str, str]:
    pairs = (text.rpartition("=") for text in given)
    return {old: new for old, _equals, new in pairs}


def check_usage(given: dict[str, Any], *, bare: bool) -> None:
    """Raise a usage error for options that contradict each other; on a `bare` machine no set means all of them."""
    if not given["sets"] and not bare and not given["point"]:
        raise click.UsageError("name the sets to restore, or a --point; `drtool status` lists them")
    for name in given["sets"]:
        if name.startswith("/"):
            raise click.UsageError(f"{name} is a path and no set: a path is given with --path: drtool restore SET --path {name}")
    if given["point"] and given["at"]:
        raise click.UsageError("--point and --at exclude each other")
    if given["leave_excluded"] and given["form"] != "original":
        raise click.UsageError("--leave-excluded goes with --to original: elsewhere nothing is in service")
    if given["sandbox"] and given["form"] != "sandbox":
        raise click.UsageError("--sandbox goes with --to sandbox")
    if given["form"] == "directory" and not given["directory"]:
        raise click.UsageError("--to directory needs a path: --to directory PATH")


def check_undo(given: dict[str, Any]) -> None:
    """Raise a usage error for anything named beside the run that is taken back."""
    if any(value for name, value in given.items() if name not in ("form", "repository", "password_file", "ssh_config", "trust_commands")):
        raise click.UsageError("--undo takes back a whole run: name nothing else")


def _sandbox(app: App, name: str | None) -> str:
    names = tuple(app.policy.sandboxes)
    if name is not None:
        return name
    if len(names) == 1:
        return names[0]
    if not names and app.is_bare:
        raise Refused("a bare machine has no sandbox", hint="restore with: --to directory PATH", safe="nothing was changed")
    if not names:
        raise Refused("the policy has no sandbox", hint="add one under `sandboxes:`, or restore `--to directory PATH`")
    raise Refused("the policy has several sandboxes", hint=f"name one: --sandbox {' | '.join(names)}")
