"""The program `drtool`: finds the verb, and turns whatever ends it into words and an exit code."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any, Final

import click

from drtool.cli import exits, screen
from drtool.cli.options import options_of, shared_options
from drtool.model.errors import Bug, DrtoolError

_BARE_OPTIONS: Final = frozenset({"--repository", "--password-file", "--ssh-config", "--machine"})
_OBJECTS_BETWEEN_COLLECTIONS: Final = 50_000
COMPLETING: Final = "_DRTOOL_COMPLETE"
"""The variable by which a shell asks for what may come next; click makes it of the program's name."""
SECTIONS: Final = {
    "Protect": {
        "init": ("initialise", "Create the repositories and their keys."),
        "run": ("run", "Snapshot, store, seal, copy off-site, forget."),
        "copy": ("copy", "Bring the copies up to date."),
        "verify": ("verify", "Read every stored byte against its digests."),
        "prune": ("prune", "Free the space that nothing claims."),
        "forget": ("forget", "Forget, as the trusted side, for who may only add."),
    },
    "Recover and prove": {
        "restore": ("restore", "Bring sets back; shows the plan and asks."),
        "drill": ("drill", "Restore into a sandbox, check, release, record."),
        "evidence": ("evidence", "The signed records of drills; check and export them."),
    },
    "Look": {
        "status": ("status", "What is protected, how old, last proof."),
        "points": ("points", "The recovery points and where they lie."),
        "show": ("show", "What a point or a run holds."),
        "ls": ("ls", "The files inside a point."),
        "find": ("find", "Which points hold a file, and in which versions."),
        "browse": ("browse", "Walk through a point and take files out."),
        "mount": ("mount", "Show a point as a directory."),
        "diff": ("diff", "What changed between two points."),
        "history": ("history", "The runs of this machine."),
        "report": ("report", "The report of a run, step by step."),
        "policy": ("policy", "The policy that travelled in a point."),
        "inventory": ("inventory", "What exists: protected, excluded or unprotected."),
        "forecast": ("forecast", "How long the way back would take, and from what that is known."),
        "plan": ("plan", "Print what would be done, and why."),
    },
    "Set up and look after": {
        "new": ("new", "Write a first policy; asks for what it needs."),
        "validate": ("validate", "Check the policy."),
        "schema": ("schema", "Print the JSON Schema of the policy."),
        "explain": ("explain", "Say in words what happens to a set, and when."),
        "doctor": ("doctor", "Ask whether a run and a restore would work."),
        "key": ("key", "List, add, prove, remove and rotate the keys of repositories."),
        "immutable": ("immutable", "Audit, extend and recover copies that nobody can delete."),
        "hold": ("hold", "Keep a point or a set from being forgotten."),
        "adopt": ("adopt", "Take over the points of a machine that is gone."),
        "notify": ("notify", "Try whether whoever is told hears it."),
        "schedule": ("schedule", "Let this machine call drtool by itself."),
        "sweep": ("sweep", "Release what ended runs left behind."),
        "rebuild": ("rebuild", "Rebuild the local cache from the repositories."),
        "lab": ("lab", "Start a simulated platform to try things on."),
        "completion": ("completion", "Print the completion script of a shell."),
    },
}
VERBS: Final = {verb: entry for section in SECTIONS.values() for verb, entry in section.items()}


_ELSEWHERE: Final = {
    **dict.fromkeys(("backup", "create", "snapshot"), "run"),
    **dict.fromkeys(("snapshots", "list", "rlist"), "points"),
    **dict.fromkeys(("check", "scrub"), "verify"),
    **dict.fromkeys(("dump", "extract", "recover"), "restore"),
    **dict.fromkeys(("sync", "replicate"), "copy"),
    **dict.fromkeys(("unlock", "break-lock", "cleanup"), "sweep"),
    **dict.fromkeys(("test", "rehearse"), "drill"),
    **dict.fromkeys(("search", "locate"), "find"),
    **dict.fromkeys(("info", "state"), "status"),
    **dict.fromkeys(("config", "generate", "wizard"), "new"),
}
"""What other tools call these verbs."""
_TRIED_OUT: Final = frozenset({"--dry-run", "-n"})


class LazyGroup(click.Group):
    """Verbs as strings: a verb's module is imported when it is called, never for the help."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's shape
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's shape
        if cmd_name not in VERBS:
            return None
        module, text = VERBS[cmd_name]
        command: click.Command = importlib.import_module(f"drtool.cli.{module}").command
        command.short_help = text
        if COMPLETING in os.environ:
            from drtool.cli.named import complete_names  # noqa: PLC0415 - only while somebody types

            complete_names(command)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            import difflib  # noqa: PLC0415 - only for a mistake

            near = [_ELSEWHERE[args[0]]] if args[0] in _ELSEWHERE else difflib.get_close_matches(args[0], VERBS, n=1)
            ctx.fail(f"there is no verb {args[0]!r}" + (f": did you mean `{near[0]}`?" if near else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's shape
        for title, verbs in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(verb, text) for verb, (_module, text) in verbs.items()])


def _print_version(context: click.Context, _parameter: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's shape
    if value and not context.resilient_parsing:
        from drtool import __version__  # noqa: PLC0415

        click.echo(f"drtool {__version__}")
        context.exit()


def _print_manual(context: click.Context, _parameter: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's shape
    if value and not context.resilient_parsing:
        from drtool import __version__  # noqa: PLC0415
        from drtool.cli.manual import manual  # noqa: PLC0415

        screen.data(manual(program, SECTIONS.items(), version=__version__))
        context.exit()


program = LazyGroup(
    name="drtool",
    help="Disaster recovery with proof: backup sets, off-site copies, and drills that measure the time until service is back.",
    params=[
        *shared_options(),
        click.Option(["--version"], is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Print the version."),
        click.Option(["--man"], is_flag=True, is_eager=True, expose_value=False, callback=_print_manual, help="Print the manual page."),
    ],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code; errors become words on standard error.

    Output that cannot be written (a full disk, a closed pipe) decides nothing of what was done, nor the code of it.
    """
    if arguments is None and sys.getfilesystemencoding() != "utf-8":
        from drtool.process.utf8 import begin_again_in_utf8  # noqa: PLC0415 - only where the locale has another encoding

        begin_again_in_utf8()
    code = _main(arguments)
    screen.finish()
    return code


def _main(arguments: Sequence[str] | None) -> int:
    # A listing is thousands of objects at once and none of them garbage: to look for it there costs a tenth of `status`.
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    screen.prepare()
    if "NOTIFY_SOCKET" in os.environ:
        from drtool.cli.service_manager import ready  # noqa: PLC0415 - only a unit of systemd is told

        ready()
    given: dict[str, Any] = {}
    try:
        code = program.main(args=arguments, prog_name="drtool", standalone_mode=False, obj=given)
    except click.Abort:
        screen.words(["interrupted"])
        return exits.KEYBOARD
    except click.NoSuchOption as error:
        if error.option_name in _BARE_OPTIONS and error.ctx is not None:
            words = f"{error.option_name} goes with verbs that look or restore; `{error.ctx.info_name}` needs a policy"
            return _show(click.UsageError(words, error.ctx))
        if error.option_name in _TRIED_OUT and error.ctx is not None:
            words = f"there is no {error.option_name}: `drtool plan {_planned(error.ctx)}` prints what would be done, and does nothing"
            return _show(click.UsageError(words, error.ctx))
        return _show(error)
    except click.ClickException as error:
        return _show(error)
    except DrtoolError as error:
        return _tell(error, as_json=options_of(given).json)
    except Exception as error:  # noqa: BLE001 - the last seam: an untranslated error becomes a Bug with its traceback
        bug = Bug(f"{type(error).__name__}: {error}", traceback=traceback.format_exc())
        return _tell(bug, as_json=options_of(given).json)
    return code if isinstance(code, int) else exits.SUCCEEDED


def _planned(context: click.Context) -> str:
    """Return which plan shows what a verb would do; `--help` tells of those that there are."""
    verb, plan = context.info_name or "", importlib.import_module("drtool.cli.plan").command
    return verb if verb in plan.commands else "--help"


def _show(error: click.ClickException) -> int:
    with contextlib.suppress(OSError):
        error.show()
    return error.exit_code


def _tell(error: DrtoolError, *, as_json: bool) -> int:
    from drtool.cli.render.errors import error_lines  # noqa: PLC0415

    code = exits.of_error(error)
    screen.words(error_lines(error))
    if as_json:
        from drtool.cli.render.document import document  # noqa: PLC0415
        from drtool.model.report import Failure  # noqa: PLC0415

        problems = [str(problem) for problem in getattr(error, "problems", ())]
        screen.data([document("error", Failure.of(error), problems=problems, exit_code=code)])
    return code


if __name__ == "__main__":
    sys.exit(main())
