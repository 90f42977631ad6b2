"""May anybody else write this?"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from drtool.catalog.exposure import exposed_state, exposure
from drtool.engine.lock import held
from drtool.model.errors import Refused


@pytest.mark.parametrize(
    ("mode", "folder", "secret"),
    [(0o700, "", ""), (0o755, "", "read"), (0o770, "written", "written"), (0o707, "written", "written"), (0o640, "", "read")],
)
def test_who_else_may_write_or_read_is_told_with_a_remedy_that_works(tmp_path: Path, mode: int, folder: str, secret: str) -> None:
    path = tmp_path / "it"
    path.write_text("x")
    path.chmod(mode)
    for found, word in ((exposure(str(path)), folder), (exposure(str(path), secret=True), secret)):
        assert (found is None) is (word == "")
        if found is not None:
            assert f"can be {word} by others (mode 0{mode:o})" in found.what
            os.system(found.remedy.partition(";")[0])  # noqa: S605 - what we tell people to type
            assert exposure(str(path), secret=word == "read") is None
            path.chmod(mode)


def test_a_state_directory_and_its_key_are_asked_and_a_link_to_it_is_fine(tmp_path: Path) -> None:
    state = tmp_path / "state"
    (state / "evidence").mkdir(parents=True, mode=0o700)
    state.chmod(0o700)
    (state / "evidence" / "key").write_text("secret")
    (state / "evidence" / "key").chmod(0o600)
    (tmp_path / "link").symlink_to(state)
    assert exposed_state(str(state)) == exposed_state(str(tmp_path / "link")) == exposed_state(str(tmp_path / "none")) == ()
    (state / "evidence" / "key").chmod(0o644)
    state.chmod(0o777)
    assert [found.what.partition(" can ")[2] for found in exposed_state(str(state))] == [
        "be written by others (mode 0777)",
        "be read by others (mode 0644)",
    ]
    (state / "runs").symlink_to(tmp_path)
    assert any("is a symbolic link" in found.what for found in exposed_state(str(state)))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_another_owner_is_told(tmp_path: Path) -> None:
    path = tmp_path / "it"
    path.write_text("x")
    os.chown(path, 65534, 65534)
    found = exposure(str(path))
    assert found is not None
    assert "another owner" in found.what


def test_a_lock_follows_no_link(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    (tmp_path / "docs.lock").symlink_to(precious)
    with pytest.raises(Refused), held(str(tmp_path / "docs.lock"), what="the set docs"):
        raise AssertionError("it was held")
    assert precious.read_text() == "precious"
