from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drtool.catalog.journal import read_journal
from drtool.catalog.storage import make_folder, read_json, write_atomically
from drtool.model.codec import canonical, decode
from drtool.model.event import Event
from drtool.model.identifier import is_identifier

if TYPE_CHECKING:
    from drtool.model.plan import Plan
    from drtool.model.report import Report


@dataclass(frozen=True, slots=True)
class RunFolder:
    """What one run keeps in the state directory: its plan, its journal, and a lock that is free when it is dead."""

    run: str
    path: str

    @property
    def journal(self) -> str:
        """Path of the journal."""
        return os.path.join(self.path, "journal.jsonl")

    @property
    def lock(self) -> str:
        """Path of the lock file."""
        return os.path.join(self.path, "lock")

    @property
    def died(self) -> str:
        """Path of the mark of a run that died while it may have been pouring into a directory: what it left there no policy names."""
        return os.path.join(self.path, "died")

    def mark_died(self) -> None:
        """Keep in mind, once its lock is gone, that the run died."""
        write_atomically(self.died, b"")

    def save_plan(self, plan: Plan) -> None:
        """Write the plan down before anything of it is done."""
        write_atomically(os.path.join(self.path, "plan.json"), canonical(plan))

    def plan(self) -> Plan | None:
        """Read the plan back; None when the run died before it was written."""
        from drtool.model.plan import Plan  # noqa: PLC0415 - forty nouns, which who only asks whether a run is alive does not need

        data = read_json(os.path.join(self.path, "plan.json"))
        try:
            return decode(Plan, data) if isinstance(data, dict) else None
        except (KeyError, TypeError, ValueError, AttributeError):
            return None

    def events(self) -> tuple[Event, ...]:
        """Read the journal back."""
        return read_journal(self.journal)

    def report(self) -> Report | None:
        """Fold plan and journal; None when either is missing."""
        from drtool.catalog.fold import fold  # noqa: PLC0415 - nouns of reports, which most verbs that look at runs do not need

        plan, events = self.plan(), self.events()
        return fold(plan, events) if plan is not None and events else None

    def is_dead(self) -> bool:
        """Tell whether no process holds the run's lock (flock is released by SIGKILL too)."""
        try:
            descriptor = os.open(self.lock, os.O_RDWR)
        except FileNotFoundError:
            return True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(descriptor)
        return True


class Runs:
    """All run folders of a state directory."""

    def __init__(self, state_directory: str) -> None:
        self._path = os.path.join(state_directory, "runs")

    def create(self, run: str) -> RunFolder:
        """Make the folder of a new run."""
        folder = self.folder(run)
        make_folder(folder.path)
        return folder

    def discard(self, run: str) -> None:
        """Remove the folder of a run that could not be started."""
        shutil.rmtree(self.folder(run).path, ignore_errors=True)

    def folder(self, run: str) -> RunFolder:
        """Name the folder of a run."""
        return RunFolder(run, os.path.join(self._path, run))

    def all(self) -> Iterator[RunFolder]:
        """Yield the folders, newest first."""
        names: list[str] = []
        with contextlib.suppress(OSError):
            names = os.listdir(self._path)
        for name in sorted(names, reverse=True):
            if is_identifier(name):
                yield self.folder(name)

    def unfinished(self) -> Iterator[RunFolder]:
        """Yield the folders of runs that did not end, dead or alive (`open` marks them, so that old runs are not read again)."""
        for folder in self.all():
            if os.path.exists(folder.lock):
                yield folder

    def died(self) -> Iterator[RunFolder]:
        """Yield the folders of runs that bear the mark of `mark_died`."""
        for folder in self.all():
            if os.path.exists(folder.died):
                yield folder

    def ended(self) -> frozenset[str]:
        """Return the runs that are over and settled."""
        return frozenset(folder.run for folder in self.all() if not os.path.exists(folder.lock))

    def forget_all_but(self, newest: int) -> None:
        """Remove the folders of old runs that are over."""
        for folder in list(self.all())[newest:]:
            if not os.path.exists(folder.lock):
                shutil.rmtree(folder.path, ignore_errors=True)
