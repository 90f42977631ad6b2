"""What lies beside a key file counts as an earlier rotation's only where nobody else can have put it there."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from drtool.model.errors import Locked, Refused
from drtool.model.secret import SecretReference
from drtool.ports import KeyRing
from drtool.secrets.keyfile import fresh_passphrase
from tests.contracts.test_rotation_closes import Repository, key, rotate

__all__ = ["key"]

ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
NOBODY = 65534


def _written(path: Path, text: str, mode: int = 0o600) -> Path:
    path.touch(mode=mode)
    path.chmod(mode)
    path.write_text(text)
    return path


def _link(path: Path) -> None:
    path.symlink_to(_written(path.parent / "of root", f"{fresh_passphrase().reveal()}\n"))


def _hard_link(path: Path) -> None:
    path.hardlink_to(_written(path.parent / "of root", f"{fresh_passphrase().reveal()}\n"))


def _readable(path: Path) -> None:
    _written(path, f"{fresh_passphrase().reveal()}\n", 0o640)


def _of_another(path: Path) -> None:
    os.chown(_written(path, f"{fresh_passphrase().reveal()}\n"), NOBODY, NOBODY)


def _of_another_shape(path: Path) -> None:
    _written(path, "known-to-me\n")


PLANTED = [
    pytest.param(_link, "symbolic link", id="link"),
    pytest.param(_readable, "mode 0640", id="readable"),
    pytest.param(os.mkfifo, "no regular file", id="pipe"),
    pytest.param(_of_another, "belongs to", id="owner", marks=ROOT_ONLY),
]


def _stands(path: Path, repository: Repository, planted: Path, words: str) -> None:
    """See a rotation refused by the name of what was planted, and everything as it was."""
    before = planted.lstat()
    with pytest.raises(Refused, match=words) as caught:
        rotate(path, repository)
    assert str(planted) in caught.value.what
    assert "look who put it there" in caught.value.hint
    assert "chmod" not in caught.value.hint
    assert repository.keys == {"old0": "before"}
    assert path.read_text() == "before\n"
    assert planted.lstat() == before


@pytest.mark.parametrize(
    ("plant", "words"),
    [*PLANTED, pytest.param(_hard_link, "2 names", id="hard"), pytest.param(_of_another_shape, "no passphrase", id="shape")],
)
def test_what_others_may_have_planted_is_no_fresh_key(key: Path, plant: Callable[[Path], None], words: str) -> None:
    planted = key.with_name("near.key.rotation-new")
    plant(planted)
    _stands(key, Repository({"old0": "before"}), planted, words)


@pytest.mark.parametrize(("plant", "words"), [*PLANTED, pytest.param(_of_another_shape, "no passphrase", id="not rotated")])
def test_what_others_may_have_planted_is_no_key_from_before(key: Path, plant: Callable[[Path], None], words: str) -> None:
    planted = key.with_name("near.key.rotation-old")
    plant(planted)
    _stands(key, Repository({"old0": "before"}), planted, words)


def test_two_names_of_which_one_cannot_be_ours_add_no_key(key: Path) -> None:
    _written(key.with_name("near.key.rotation-new"), f"{fresh_passphrase().reveal()}\n")
    planted = _written(key.with_name("near.key.rotation-old"), "another\n")
    _stands(key, Repository({"old0": "before"}), planted, "has not been replaced")


@ROOT_ONLY
def test_root_goes_on_with_what_it_made_for_the_owner_of_the_file(key: Path) -> None:
    os.chown(key, NOBODY, NOBODY)
    fresh = _written(key.with_name("near.key.rotation-new"), f"{fresh_passphrase().reveal()}\n")
    os.chown(fresh, NOBODY, NOBODY)
    repository = Repository({"old0": "before"})
    assert rotate(key, repository).resumed
    assert (key.stat().st_uid, key.stat().st_mode & 0o777) == (NOBODY, 0o600)
    assert list(repository.keys.values()) == [key.read_text().strip()]


@pytest.mark.parametrize(
    ("owner", "group", "mode"),
    [(0, 0, 0o1777), pytest.param(0, NOBODY, 0o1775, marks=ROOT_ONLY), pytest.param(NOBODY, 0, 0o700, marks=ROOT_ONLY)],
)
def test_no_key_is_rotated_where_others_may_write(key: Path, owner: int, group: int, mode: int) -> None:
    if os.geteuid() == 0:
        os.chown(key.parent, owner, group)
    key.parent.chmod(mode)
    repository = Repository({"old0": "before"})
    with pytest.raises(Refused, match="beside") as caught:
        rotate(key, repository)
    assert str(key.parent) in caught.value.what
    assert os.listdir(key.parent) == ["near.key"]
    assert repository.keys == {"old0": "before"}


@pytest.mark.parametrize("mode", [0o777, 0o707])
def test_no_key_is_rotated_that_anybody_may_have_led_to_by_a_link(key: Path, tmp_path: Path, mode: int) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "near.key").symlink_to(key)
    shared.chmod(mode)
    repository = Repository({"old0": "before"})
    with pytest.raises(Refused, match="in its place") as caught:
        rotate(shared / "near.key", repository)
    assert str(shared) in caught.value.what
    shared.chmod(0o755)
    rotate(shared / "near.key", repository)
    assert list(repository.keys.values()) == [key.read_text().strip()]


def test_a_fresh_key_that_went_before_the_swap_is_made_anew(key: Path) -> None:
    """Killed between the two links; then somebody took the fresh passphrase for rubbish."""
    key.with_name("near.key.rotation-old").hardlink_to(key)
    repository = Repository({"old0": "before", "lost": "the passphrase that was removed"})
    rotated = rotate(key, repository)
    fresh = key.read_text().strip()
    assert fresh != "before"
    assert set(repository.keys.values()) == {fresh, "the passphrase that was removed"}
    assert Path(rotated.kept).read_text() == "before\n"
    assert any("drtool key list near" in note for note in rotated.notes)


def test_nobody_is_told_to_remove_the_only_key(key: Path) -> None:
    passphrase = fresh_passphrase().reveal()
    key.write_text(f"{passphrase}\n")
    aside = _written(key.with_name("near.key.rotation-old"), f"{passphrase}\n")
    repository = Repository({"only": passphrase})
    with pytest.raises(Refused, match="same passphrase") as caught:
        rotate(key, repository)
    assert "key remove" not in caught.value.hint
    assert str(aside) in caught.value.hint
    aside.unlink()
    assert rotate(key, repository).removed == "only"


class Meeting(Repository):
    """A repository that is opened while another rotation of the same file is tried."""

    tried = 0

    def opened(self, reference: SecretReference) -> KeyRing:
        key = Path(reference.value.partition(".rotation-")[0])
        with pytest.raises(Locked, match="another rotation"):
            rotate(key, Repository({}))
        self.tried += 1
        return super().opened(reference)


def test_a_second_rotation_is_kept_out_whatever_its_state_directory(key: Path) -> None:
    repository = Meeting({"old0": "before"})
    rotated = rotate(key, repository)
    assert repository.tried > 4, "before and after the file was replaced"
    assert list(repository.keys) == [rotated.id]
    assert rotate(key, Repository({"old0": key.read_text().strip()})).removed == "old0", "and it is let in afterwards"
