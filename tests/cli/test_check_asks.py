"""A check goes by what is known only while that is young; a look goes by it always, and says of when it is."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest

from tests.cli.test_end_to_end import Machine, machine

__all__ = ["machine"]


def _age(machine: Machine, age: timedelta) -> None:
    """Make what is known of every repository as old as that."""
    files = list((machine.directory / "state" / "index").glob("*.json"))
    assert files
    for file in files:
        known = json.loads(file.read_text(encoding="utf-8"))
        known["taken"] = (datetime.fromisoformat(known["taken"]) - age).isoformat()
        written = file.with_suffix(".new")
        written.write_text(json.dumps(known), encoding="utf-8")
        written.replace(file)


def test_a_check_asks_again_once_what_is_known_is_old(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRTOOL_STATE_DIR", str(machine.directory / "state"))
    machine.done("init")
    machine.done("run")
    for name in ("near", "offsite"):
        (machine.directory / name).rename(machine.directory / f"{name}.away")
    assert "could not be read" not in machine.call("status", "--check").stdout, "what is known is young"
    _age(machine, timedelta(minutes=70))
    look = machine.call("status")
    assert "as of 1h" in look.stdout
    assert "could not be read" not in look.stdout
    assert "1 point, as of 1h" in machine.done("points")
    for _once_more in range(2):
        checked = machine.call("status", "--check")
        assert checked.returncode == 1
        assert "the repository near could not be read" in checked.stdout
    for name in ("near", "offsite"):
        (machine.directory / f"{name}.away").rename(machine.directory / name)
    assert "as of now" in machine.call("status", "--check").stdout
    assert "could not be read" not in machine.call("status", "--check").stdout
