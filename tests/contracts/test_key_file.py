from __future__ import annotations

import math
import os
import stat
from pathlib import Path

import pytest

from drtool.model.errors import Refused
from drtool.model.secret import Secret, SecretReference
from drtool.secrets.keyfile import ALPHABET, GROUP_CHARACTERS, GROUPS, fresh_passphrase, is_fresh, is_same_file, write_key_file
from drtool.secrets.rotating_file import RotatingFile


def test_a_passphrase_is_strong_and_can_be_typed() -> None:
    assert GROUPS * GROUP_CHARACTERS * math.log2(len(set(ALPHABET))) >= 160
    assert not set(ALPHABET) & set("0o1l")
    made = {fresh_passphrase().reveal() for _ in range(50)}
    assert len(made) == 50
    assert {len(group) for passphrase in made for group in passphrase.split("-")} == {4}
    assert "Secret(" in repr(fresh_passphrase())
    assert all(is_fresh(f"{passphrase}\n".encode()) for passphrase in made)
    for other in (
        "",
        "\n",
        "abcd\n",
        fresh_passphrase().reveal(),
        f"{fresh_passphrase().reveal()}\n\n",
        f"{'-'.join(['l0o1'] * GROUPS)}\n",
    ):
        assert not is_fresh(other.encode())


def test_a_key_file_is_private_and_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "new" / "key"
    write_key_file(str(path), Secret("first"))
    assert path.read_text() == "first\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    dangling = tmp_path / "dangling"
    dangling.symlink_to(tmp_path / "nowhere")
    for taken in (path, dangling):
        with pytest.raises(Refused, match="cannot be written"):
            write_key_file(str(taken), Secret("second"))
    assert path.read_text() == "first\n"
    assert not (tmp_path / "nowhere").exists()
    assert sorted(os.listdir(tmp_path / "new")) == ["key"]


@pytest.mark.parametrize("where", ["", "made/below"])
def test_no_key_is_written_where_anybody_may_put_another_in_its_place(tmp_path: Path, where: str) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    with pytest.raises(Refused, match="may be written by anybody") as caught:
        write_key_file(str(shared / where / "key"), Secret("a passphrase"))
    assert caught.value.hint.startswith(f"chmod go-w {shared}; or")
    assert os.listdir(shared) == []
    shared.chmod(0o1777)
    write_key_file(str(shared / where / "key"), Secret("a passphrase"))


def test_a_rotating_file_is_whole_at_every_moment(tmp_path: Path) -> None:
    real = tmp_path / "real.key"
    real.touch(mode=0o600)
    real.write_text("before\n")
    named = tmp_path / "named.key"
    named.symlink_to(real)
    file = RotatingFile(SecretReference("file", str(named)))
    assert (file.is_begun, file.is_swapped) == (False, False)
    file.make_fresh()
    fresh = file.read_fresh().reveal()
    file.make_fresh()
    assert file.read_fresh().reveal() == fresh
    assert (file.is_begun, file.is_swapped) == (True, False)
    assert real.read_text() == "before\n"
    file.swap()
    assert file.is_swapped
    assert real.read_text() == fresh + "\n"
    assert named.is_symlink()
    assert Path(file.aside.value).read_text() == "before\n"
    kept = file.finish("1a2b3c4d")
    assert not file.is_begun
    assert kept == f"{real}.replaced-by-1a2b3c4d"
    assert Path(kept).read_text() == "before\n"
    assert sorted(os.listdir(tmp_path)) == ["named.key", "real.key", "real.key.replaced-by-1a2b3c4d"]


def test_what_was_kept_before_is_never_written_over(tmp_path: Path) -> None:
    key = tmp_path / "key"
    write_key_file(str(key), Secret("first"))
    kept = []
    for _ in range(3):
        file = RotatingFile(SecretReference("file", str(key)))
        file.make_fresh()
        file.swap()
        kept.append(Path(file.finish("")))
    assert len(set(kept)) == 3
    assert kept[0].read_text() == "first\n"


@pytest.mark.parametrize("spelling", ["{0}/key", "{0}/../{1}/key", "{0}//key", "{0}/link", "{0}/loop/key", "{0}/hard", "~/key"])
def test_two_references_to_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spelling: str) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    key = tmp_path / "key"
    key.write_text("a passphrase\n")
    (tmp_path / "copy").write_text("a passphrase\n")
    (tmp_path / "link").symlink_to("key")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "hard").hardlink_to(key)
    reference = SecretReference("file", str(key))
    assert is_same_file(SecretReference("file", spelling.format(tmp_path, tmp_path.name)), reference)
    assert not is_same_file(SecretReference("file", str(tmp_path / "copy")), reference)
    assert not is_same_file(SecretReference("file", str(tmp_path / "gone")), reference)
    assert not is_same_file(SecretReference("command", str(key)), reference)


def test_what_lies_in_the_way_of_a_swap_is_left_alone(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.touch(mode=0o600)
    key.write_text("before\n")
    file = RotatingFile(SecretReference("file", str(key)))
    file.make_fresh()
    Path(file.aside.value).write_text("somebody else's\n")
    with pytest.raises(Refused, match="in the way"):
        file.swap()
    assert key.read_text() == "before\n"
    assert Path(file.aside.value).read_text() == "somebody else's\n"
