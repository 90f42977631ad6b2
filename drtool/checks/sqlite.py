from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from drtool.checks.bring import bring, size_of
from drtool.model.errors import DrtoolError
from drtool.ports import Runner
from drtool.staging.scratch import scratch_here

_COMPANIONS: Final = ("-wal", "-journal")
_STEPS: Final = 100_000
_READING: Final = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE})


@dataclass(frozen=True, slots=True)
class DatabaseAnswer:
    """What a database said: why it is no good (empty: it is), the first value of the query's first row, and the bytes that were read."""

    problem: str = ""
    value: object = None
    bytes: int = 0


def ask_sqlite(runner: Runner, path: str, *, integrity: bool, query: str | None, watch: Callable[[], None]) -> DatabaseAnswer:
    """Open a copy of a database with its log, as its program would find it after a crash, and ask; what was restored is only read.

    The query may read the database and nothing else. `watch` raises when the time is over.
    """
    with scratch_here() as directory:
        copy = os.path.join(directory, "copy")
        problem = bring(runner, path, copy)
        for companion in _COMPANIONS:
            if not problem and size_of(runner, path + companion) is not None:
                problem = bring(runner, path + companion, copy + companion)
        if problem:
            return DatabaseAnswer(problem)
        size = sum(os.path.getsize(copy + part) for part in ("", *_COMPANIONS) if os.path.exists(copy + part))
        stopped: list[DrtoolError] = []

        def progress() -> int:
            try:
                watch()
            except DrtoolError as error:
                stopped.append(error)
                return 1
            return 0

        try:
            with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
                connection.set_progress_handler(progress, _STEPS)
                return DatabaseAnswer(_broken(connection, integrity=integrity), _first(connection, query), size)
        except sqlite3.Error as error:
            if stopped:
                raise stopped[0] from None
            return DatabaseAnswer(f"{path}: {error}", bytes=size)


def _broken(connection: sqlite3.Connection, *, integrity: bool) -> str:
    if integrity:
        said = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(5)")]
        if said != ["ok"]:
            return "; ".join(said)
    (tables,) = connection.execute("select count(*) from sqlite_master where type = 'table'").fetchone()
    return "" if tables else "the database has no table"


def _first(connection: sqlite3.Connection, query: str | None) -> object:
    if query is None:
        return None

    def may(action: int, _first: str | None, second: str | None, _database: str | None, _trigger: str | None) -> int:
        harmless = action in _READING and not (action == sqlite3.SQLITE_FUNCTION and second in ("load_extension", "writefile"))
        return sqlite3.SQLITE_OK if harmless else sqlite3.SQLITE_DENY

    connection.set_authorizer(may)
    row = connection.execute(query).fetchone()
    return row[0] if row else None
