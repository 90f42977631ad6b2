"""What every verb does around its own work: open the policy, show progress, print the result, choose the code."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from drtool.cli import exits, screen
from drtool.cli.options import LookVerb, Options, options_of
from drtool.cli.render.words import printable
from drtool.cli.saying import say_as
from drtool.model.signal import UNTOLD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from drtool.app.facade import App
    from drtool.cli.bare import BareRepository
    from drtool.cli.progress import ProgressDisplay
    from drtool.cli.report_files import ReportFile
    from drtool.engine.session import Listener
    from drtool.model.report import Report

_NAMING = ("sets", "set_name", "name", "point", "older", "newer")
"""Arguments and options of verbs that name sets or points."""


_OF_POINTS = frozenset({"entries", "found", "differences", "policy", "mount"})
"""Answers that are what lies in a point, or a path: they are told as they are."""


def _service_manager() -> tuple[Listener, ...]:
    from drtool.cli.service_manager import is_listening, listener  # noqa: PLC0415 - like the policy

    return (listener,) if is_listening() else ()


@dataclass(frozen=True, slots=True)
class Invocation:
    """One call of one verb."""

    options: Options
    progress: ProgressDisplay
    asked: tuple[str, ...] = ()
    """The sets and points that were named: on a bare machine they may tell whose are meant."""
    looks: bool = False
    """Whether the verb only looks: what refuses others to work is told by it all the same."""
    needs_policy: bool = False
    """Whether a repository and its key are not enough for the verb: it takes no --repository."""

    def app(self) -> App:
        """Open the policy that applies here; on a bare machine, the repository that was named."""
        from drtool.app.opening import open_policy  # noqa: PLC0415 - heavy, and not needed for help
        from drtool.cli.bare import policy_needed  # noqa: PLC0415 - not needed for help
        from drtool.cli.policy_words import policy_words  # noqa: PLC0415 - like the policy

        given = self.bare()
        if given is not None:
            if self.needs_policy:
                raise policy_needed()
            return self.open_bare(given)
        say_as(policy_words(self.options).said)
        app = open_policy(
            self.options.policy,
            state_directory=self.options.state_directory,
            listeners=(self.progress, *_service_manager()),
            binary=self.options.restic,
            deadline_seconds=self.options.deadline,
            minds_power=not self.options.on_battery,
        )
        if not self.options.quiet:
            screen.words(f"policy  {printable(each.words)}  next: {printable(each.remedy)}" for each in app.openings)
            if self.looks:
                screen.words(f"state   {printable(each.words)}  next: {printable(each.remedy)}" for each in app.state_openings())
        return app

    def bare(self) -> BareRepository | None:
        """Return the repository and the key that were named instead of a policy; None: there is a policy, or nothing was named."""
        from drtool.cli.bare import bare_of  # noqa: PLC0415

        return bare_of(self.options)

    def open_bare(self, given: BareRepository, *, trust_commands: bool = False) -> App:
        """Open a repository with a key and nothing else."""
        from drtool.app.opening import open_repository  # noqa: PLC0415
        from drtool.cli.bare_words import bare_words  # noqa: PLC0415

        words = bare_words(self.options, place=given.repository, trust_commands=trust_commands)
        say_as(words.said)
        app = open_repository(
            given.repository,
            given.password_file,
            state_directory=self.options.state_directory,
            listeners=(self.progress,),
            binary=self.options.restic,
            trust_commands=trust_commands,
            ssh_config=given.ssh_config,
            machine=self.options.machine or "",
            asked=self.asked,
            deadline_seconds=self.options.deadline,
        )
        say_as(words.choosing(app.chosen_by).said)
        self.note(app.told)
        return app

    def note(self, told: Iterable[str]) -> None:
        """Tell a person what must be known of an answer before it is read; with --quiet nothing."""
        if not self.options.quiet:
            screen.words(f"note  {printable(each)}" for each in told)

    def journals(self) -> App:
        """Open what this machine itself remembers: on a bare machine neither policy nor repository is needed for that."""
        from drtool.app.opening import open_journals  # noqa: PLC0415

        return self.app() if self.bare() is None else open_journals(state_directory=self.options.state_directory)

    def carry_out(
        self, work: Callable[[], Report | None], *, reports: Sequence[ReportFile] = (), former: Callable[[], Iterable[Report]] = tuple
    ) -> int:
        """Carry something out under the progress display; print its report, leave it in files, and return its code.

        No report: there was nothing to do, and nothing is said. That nothing was due does not say that all is well.
        """
        with self.progress:
            report = work()
        if report is None:
            return exits.SUCCEEDED
        code = self.report(report)
        if reports:
            from drtool.cli.report_files import write_reports  # noqa: PLC0415

            write_reports(reports, report, code=code, former=former)
        return code

    def report(self, report: Report) -> int:
        """Tell a report in words, or print it as data with --json, and return its code."""
        code = exits.of_report(report)
        if self.options.json:
            from drtool.cli.render.document import document  # noqa: PLC0415

            screen.data([document("report", report, exit_code=code)])
        elif code or not self.options.quiet:
            from drtool.cli.render.report import report_lines  # noqa: PLC0415

            screen.words(report_lines(report, code=code, steps=self.options.verbose))
        else:  # who trusts that somebody is told of what is bad must learn that nobody would be
            screen.words([note for note in report.notes if note.startswith(UNTOLD)])
        return code

    def answer(
        self,
        name: str,
        value: Any,  # noqa: ANN401 - any noun
        lines: Callable[[], Iterable[str]],
        *,
        to_copy: bool = False,
        **further: Any,  # noqa: ANN401 - likewise
    ) -> None:
        """Print what was asked for: the lines, or with --json the noun as `drtool.NAME/1`; lines `to_copy` are never broken."""
        if self.options.json:
            from drtool.cli.render.document import document  # noqa: PLC0415

            screen.data([document(name, value, **further)])
        else:
            own = name not in _OF_POINTS
            screen.data(screen.told(lines()) if own else lines(), as_sentences=own and not to_copy)


def open_session(context: click.Context) -> Invocation:
    """Return the session of a call; a progress display only on a terminal and only for words."""
    from drtool.cli.progress import ProgressDisplay  # noqa: PLC0415

    options = options_of(context.ensure_object(dict))
    looks = isinstance(context.command, LookVerb) and not context.command.works
    live = sys.stderr.isatty() and not options.json and not options.quiet
    display = ProgressDisplay(live=live, quiet=options.quiet, verbose=options.verbose)
    needs_policy = not any("--repository" in parameter.opts for parameter in context.command.params)
    return Invocation(options, display, _asked(context.params), looks, needs_policy)


def _asked(given: Mapping[str, Any]) -> tuple[str, ...]:
    values = (given.get(name) for name in _NAMING)
    return tuple(dict.fromkeys(word for value in values for word in ((value,) if isinstance(value, str) else value or ())))
