from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from drtool.model.command import Command
from drtool.model.errors import NotFound, Refused, TimedOut
from drtool.ports import Runner

_TABLES: Final = (
    "select count(*) from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace "
    "where c.relkind in ('r', 'p', 'm') and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg_toast%'"
)
_NO_CONNECTION: Final = 2
_FIELD, _ROW = "\x1f", "\x1e"


@dataclass(frozen=True, slots=True)
class Said:
    """What a server said: why it is no good (empty: it is), and the first value of the first row (None: there is no row)."""

    problem: str = ""
    value: str | None = None
    nobody: bool = False
    """No server answered."""
    missing: str = ""
    """The program is not there."""


def ask_postgresql(runner: Runner, environment: Mapping[str, str], database: str, *, query: str | None, timeout_seconds: float) -> Said:
    """Ask a server by psql in transactions that may only read; without a query, whether the database holds any table."""
    options = f"{environment.get('PGOPTIONS', '')} -c default_transaction_read_only=on".strip()
    argv = ("psql", "--no-psqlrc", "--no-align", "--tuples-only", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1")
    command = Command(
        (*argv, f"--field-separator={_FIELD}", f"--record-separator={_ROW}", f"--dbname={database}", f"--command={query or _TABLES}"),
        environment={"PGCONNECT_TIMEOUT": "10", **environment, "PGOPTIONS": options},
        timeout_seconds=timeout_seconds,
    )
    try:
        completed = runner.run(command)
    except NotFound as error:
        return Said(error.what, missing=error.what)
    except (Refused, TimedOut) as error:
        return Said(error.what)
    if completed.exit_code != 0:
        return Said(completed.said(300), nobody=completed.exit_code == _NO_CONNECTION and b"FATAL:" not in completed.standard_error)
    text = completed.standard_output.decode("utf-8", "replace").removesuffix("\n").removesuffix(_ROW)
    value = text.split(_ROW)[0].split(_FIELD)[0] if text else None
    if query is None:
        return Said("" if value not in (None, "0") else f"the database {database} has no table")
    return Said(value=value)
