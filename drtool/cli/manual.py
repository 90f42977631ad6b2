"""The manual page, in the language of man(7), made from the verbs as they are: `drtool --man`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

import click

from drtool.cli.options import bare_options, shared_options

_ESCAPED: Final = {"\\": "\\e", "-": "\\-", "'": "\\(aq", "`": "\\(ga", "^": "\\(ha", "~": "\\(ti"}
_SPACES: Final = re.compile(r"\s+")

EXIT_CODES: Final = {
    "0": "succeeded, or nothing was due",
    "1": "failed; status --check: a set needs attention; inventory: a problem, or what --fail-on names",
    "2": "the policy or the command line is wrong; --due where nothing has a schedule",
    "3": "partial: something could not be stored or restored, or a point looks wrong and nobody has looked yet",
    "4": "it worked, but an objective was missed",
    "5": "data wrong: digests or checks disagree",
    "6": "refused: a person must act",
    "10": "there is no repository at that address",
    "11": "locked: the repository by another run, or a dataset by who has files open in it",
    "12": "the key does not open the repository",
    "75": 'a "before" hook said "not now" by ending with 75',
    "124": "the deadline passed",
    "130, 143": "interrupted (128 + the signal)",
}
ENVIRONMENT: Final = {
    "DRTOOL_POLICY": "The policy file or directory, where --policy does not name one.",
    "DRTOOL_STATE_DIR, STATE_DIRECTORY": "Where journals and the cache lie, where --state-directory does not say so.",
    "XDG_STATE_HOME": "The same of who is not root: the folder drtool in it.",
    "XDG_CONFIG_HOME": "Where the policy of drtool new and the timers of a user lie.",
    "XDG_CACHE_HOME": "Where restic keeps its cache.",
    "XDG_RUNTIME_DIR": "Where connections of ssh are shared.",
    "DRTOOL_MACHINE": "The id of this machine, where it has none of its own that lasts, as in a container.",
    "CREDENTIALS_DIRECTORY": "Where secrets named credential: lie; systemd sets it.",
    "RESTIC_REPOSITORY, RESTIC_PASSWORD_FILE": "On a bare machine: the repository and its key, as --repository and --password-file.",
    "NO_COLOR": "No colours.",
    "DRTOOL_SET, DRTOOL_RUN, DRTOOL_PHASE": "Given to hooks of the policy.",
    "DRTOOL_RESTORED": "Given to command checks: where what was restored lies.",
    "DRTOOL_SANDBOX_DIRECTORY": "Given to the command that restores a stream into a sandbox.",
}
FILES: Final = {
    "./policies/, /etc/drtool/": "Where the policy is looked for: every .yaml file in it is part of it.",
    "/etc/drtool/environment": "Read by the timers of the system, where it is there.",
    "/var/lib/drtool/, ~/.local/state/drtool/": "Journals and the cache, of root and of others. drtool rebuild makes the cache anew.",
    "drtool.service, drtool.timer, /etc/cron.d/drtool": "What drtool schedule install writes; drtool schedule print shows them all.",
}
_EXAMPLES: Final = (
    ("Write a first policy, make the repositories, and back up:", ("drtool new", "drtool init", "drtool run", "drtool schedule install")),
    (
        "Bring a set back, or one file of it into a directory:",
        ("drtool restore SET", "drtool restore SET --path /home/a --to directory /tmp/a"),
    ),
    ("Prove that it comes back:", ("drtool drill SET",)),
    ("On a machine that has nothing but the repository and its key:", ("drtool restore --repository LOCATION --password-file FILE",)),
)


def manual(program: click.Group, sections: Iterable[tuple[str, Iterable[str]]], *, version: str) -> list[str]:
    """Return the page of a program whose verbs are told in these sections."""
    lines = [f'.TH DRTOOL 1 "" "drtool {_words(version)}" "User Commands"', ".SH NAME", f"drtool \\- {_words(_first(program.help))}"]
    lines += [".SH SYNOPSIS", ".B drtool", "[\\fIOPTIONS\\fR] \\fIVERB\\fR [\\fIARGUMENTS\\fR]", ".SH DESCRIPTION", *_text(program.help)]
    lines += _text(
        "Each verb understands the options of OPTIONS, before it and after it; those that look, the options of BARE MACHINE too."
    )
    context = click.Context(program, info_name="drtool")
    for title, verbs in sections:
        lines.append(f".SH {_heading(title)}")
        for name in verbs:
            command = program.get_command(context, name)
            if command is not None:
                lines += _verb(command, click.Context(command, parent=context, info_name=name))
    lines += [".SH OPTIONS", *_options(program.params, context), *_options([program.get_help_option(context)], context)]
    lines += [".SH BARE MACHINE", *_text("Where neither policy nor state is left, verbs that look and restore take these instead.")]
    lines += _options(bare_options(), context)
    for title, entries in (("EXIT STATUS", EXIT_CODES), ("ENVIRONMENT", ENVIRONMENT), ("FILES", FILES)):
        lines += [f".SH {title}", *(line for name, what in entries.items() for line in _entry(f"\\fB{_words(name)}\\fR", what))]
    lines.append(".SH EXAMPLES")
    for why, commands in _EXAMPLES:
        lines += [*_text(why), ".PP", ".nf", *(f".RS 4\n{_words(each)}\n.RE" for each in commands), ".fi"]
    return [*lines, ".SH SEE ALSO", ".BR restic (1),", ".BR ssh\\-keygen (1),", ".BR systemd.timer (5)"]


def _verb(command: click.Command, context: click.Context) -> Iterator[str]:
    """Tell a verb, and each of its words."""
    usage = " ".join(command.collect_usage_pieces(context)).replace("[OPTIONS] ", "").replace("[OPTIONS]", "")
    yield from (".SS", f"\\fB{_words(context.command_path)}\\fR {_words(usage)}".rstrip())
    yield from _text(command.help)
    everywhere = {tuple(each.opts) for each in (*shared_options(), *bare_options())}
    yield from _options([each for each in command.params if tuple(each.opts) not in everywhere], context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            part = command.get_command(context, name)
            if part is not None and not part.hidden:
                yield from _verb(part, click.Context(part, parent=context, info_name=name))


def _options(parameters: Iterable[click.Parameter | None], context: click.Context) -> Iterator[str]:
    for parameter in parameters:
        # The usage names arguments.
        record = parameter.get_help_record(context) if isinstance(parameter, click.Option) else None
        if record is not None:
            names, what = record
            yield from _entry(f"\\fB{_words(names)}\\fR", what)


def _entry(title: str, what: str) -> tuple[str, ...]:
    return (".TP", title, *_lines(what))


def _text(text: str | None) -> Iterator[str]:
    for paragraph in (text or "").split("\n\n"):
        yield from (".PP", *_lines(paragraph))


def _lines(text: str) -> tuple[str, ...]:
    words = _words(_SPACES.sub(" ", text.replace("\b", "")).strip())
    return (f"\\&{words}",) if words.startswith((".", "\\(aq")) else (words,)


def _words(text: str) -> str:
    """Return text so that nothing in it is a request of the language, and every sign is found by any device."""
    return "".join(_ESCAPED.get(sign, sign if sign.isascii() else f"\\[u{ord(sign):04X}]") for sign in text)


def _first(text: str | None) -> str:
    return (text or "").split("\n")[0].rstrip(".")


def _heading(title: str) -> str:
    return f'"{_words(title.upper())}"'
