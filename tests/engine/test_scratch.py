"""Temporary directories here and on another machine: gone with the step, and after a kill with the run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from drtool import process
from drtool.model.errors import Refused
from drtool.ports import Runner
from drtool.runners.local import LocalRunner
from drtool.runners.ssh import SshRunner
from drtool.staging.scratch import clear_scratch, scratch_here, scratch_on
from tests.rig.sshd import SshServer

RUN, ANOTHER = "01JD0000000000000000000000", "01JD0000000000000000000001"


@pytest.fixture(params=["local", "ssh"])
def runner(request: pytest.FixtureRequest) -> Runner:
    if request.param == "local":
        return LocalRunner()
    server: SshServer = request.getfixturevalue("ssh_server")
    return SshRunner(name="pi", host=server.alias, ssh_config=str(server.config))


def scope_of(run: str) -> process.Scope:
    return process.Scope(label=f"{run}/step")


def test_a_directory_lives_as_long_as_its_step(runner: Runner) -> None:
    with process.scope(scope_of(RUN)), scratch_on(runner) as there, scratch_here() as here:
        assert Path(there).stat().st_mode & 0o777 == Path(here).stat().st_mode & 0o777 == 0o700
        (Path(there) / "index").write_text("what a cache holds")
    assert not Path(there).exists()
    assert not Path(here).exists()


def test_a_dead_run_loses_its_own_and_no_others(runner: Runner) -> None:
    with process.scope(scope_of(ANOTHER)), scratch_on(runner) as others:
        dead = Path(others).with_name(f"drtool-{RUN}-x y")
        (dead / "deeper").mkdir(parents=True)
        strangers = dead.with_name(f"drtool-{RUN}-of another user")
        strangers.mkdir()
        is_root = os.geteuid() == 0
        if is_root:
            os.chown(strangers, 12345, 12345)
        clear_scratch(runner, RUN)
        assert not dead.exists()
        assert Path(others).exists()
        assert strangers.exists() == is_root
        if is_root:
            strangers.rmdir()


def test_what_cannot_be_removed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "nowhere"))
    with pytest.raises(Refused, match=RUN):
        clear_scratch(LocalRunner(), RUN)
    with pytest.raises(Refused, match="no place"), scratch_on(LocalRunner()):
        pass
