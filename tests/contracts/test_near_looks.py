"""What this process sees of its own files is what commands see there: a look without a child tells nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from drtool import process
from drtool.model.errors import Interrupted, Refused
from drtool.ports import NearRunner
from drtool.runners.local import LocalRunner
from drtool.runners.refusing import Refusing
from drtool.staging.labels import bodies
from drtool.trees import near
from drtool.trees.filesystem import FileSystem
from drtool.trees.inside import regular_files
from tests.rig.by_commands import ByCommands
from tests.rig.sockets import leave_socket

NEAR, FAR = FileSystem(LocalRunner()), FileSystem(ByCommands())


def said(call: Callable[[FileSystem], object], files: FileSystem) -> object:
    try:
        return call(files)
    except Refused as error:
        return error.what


@pytest.fixture
def zoo(tmp_path: Path) -> Path:
    """One of everything that may stand in the way."""
    root = tmp_path / "zoo"
    (root / "folder" / "deep").mkdir(parents=True)
    (root / "empty").mkdir()
    (root / "file").write_bytes(b"x")
    (root / os.fsdecode(b"odd \xfe\nname")).mkdir()
    (root / "to folder").symlink_to(root / "folder")
    (root / "to empty").symlink_to("empty")
    (root / "to file").symlink_to("file")
    (root / "dangling").symlink_to("nowhere")
    (root / "circle").symlink_to("circle")
    os.mkfifo(root / "pipe")
    leave_socket(root / "socket")
    return root


def everything(zoo: Path) -> list[str]:
    names = [*(str(path) for path in zoo.rglob("*")), str(zoo), "/", "/dev/null", f"{zoo}/missing", f"{zoo}/missing/deep", f"{zoo}/file/in"]
    return [*names, *(f"{name.rstrip('/')}/." for name in names if "circle" not in name), f"{zoo}/to folder/deep"]


@pytest.mark.parametrize("name", ["/a\0b", "/\ud800x", "\0"])
def test_what_is_no_name_is_told_and_never_a_bug(name: str) -> None:
    for call in (lambda: near.look([name]), lambda: near.free_bytes(name), lambda: near.mount_tables(name)):
        with pytest.raises(Refused, match="no name of a file"):
            call()
    assert not near.is_empty_directory(name)
    assert near.named_in(name, lambda _name: True) == ()
    assert near.read_private(name, most_bytes=9) is None


def test_whatever_a_look_meets_is_told_to_who_waits() -> None:
    def look() -> None:
        raise KeyError("unforeseen")

    with pytest.raises(KeyError, match="unforeseen"):
        LocalRunner().look(look, what="looking")


def test_which_way_is_taken() -> None:
    assert NEAR.near is not None
    assert FAR.near is None
    assert not isinstance(Refusing(LocalRunner()), NearRunner), "what is not to run looks at nothing either"


def test_a_look_tells_the_same(zoo: Path) -> None:
    assert NEAR.look(everything(zoo)) == FAR.look(everything(zoo))
    assert NEAR.look([f"{zoo}/socket", f"{zoo}/pipe", f"{zoo}/to folder"]) == FAR.look([f"{zoo}/socket", f"{zoo}/pipe", f"{zoo}/to folder"])


def test_what_cannot_be_looked_at_is_refused_in_the_same_words(zoo: Path) -> None:
    for name in (f"{zoo}/circle/in", f"{zoo}/{'long' * 100}"):
        seen, told = (said(partial(looked_at, name), files) for files in (NEAR, FAR))
        assert seen == told
        assert isinstance(seen, str)


def looked_at(name: str, files: FileSystem) -> object:
    return files.look([name])


def stood(name: str, files: FileSystem) -> object:
    return files.standings((name,))


def test_where_something_stands_is_the_same(zoo: Path) -> None:
    for name in [*(each for each in everything(zoo) if not each.endswith("/.")), f"{zoo}/to folder/new/er", f"{zoo}/dangling/new"]:
        seen, told = (said(partial(stood, name), files) for files in (NEAR, FAR))
        assert seen == told, name


def test_the_same_files_are_regular_ones_of_a_tree(zoo: Path) -> None:
    for folder in ("folder/deep", "folder", "."):
        (zoo / folder / "in").write_bytes(b"four")
    (zoo / "folder" / "to in").symlink_to("in")
    odd = Path(os.fsdecode(os.fsencode(zoo / "odd ") + b"\xfe\nname")) / "in"
    odd.write_bytes(b"")
    paths = [*everything(zoo), f"{zoo}/to folder/in", f"{zoo}/folder/../in", f"{zoo}/circle/in", "/etc/hostname", f"{zoo}//in", "/a/" * 3]
    for root in (str(zoo), f"{zoo}/", f"{zoo}/folder", f"{zoo}/to folder", f"{zoo}/file", "/", f"{zoo}/missing"):
        seen, told = (regular_files(files.runner, root, paths) for files in (NEAR, FAR))
        assert seen == told, root
    assert regular_files(NEAR.runner, str(zoo), paths) == {
        f"{zoo}/file": 1,
        f"{zoo}/in": 4,
        f"{zoo}/folder/in": 4,
        f"{zoo}/folder/deep/in": 4,
        str(odd): 0,
    }


def test_what_is_empty_is_the_same(zoo: Path) -> None:
    for name in everything(zoo):
        assert NEAR.is_empty_directory(name) == FAR.is_empty_directory(name), name
    assert NEAR.is_empty_directory(f"{zoo}/empty")
    assert not NEAR.is_empty_directory(f"{zoo}/to empty")


def test_what_is_mounted_is_the_same(zoo: Path) -> None:
    for name in ("/", "/proc", "/dev", f"{zoo}/to folder/deep", f"{zoo}/missing/deep"):
        assert NEAR.mounts_within(name) == FAR.mounts_within(name), name
    assert "/proc" in NEAR.mounts_within("/proc")
    with pytest.raises(Refused, match="mount table"):  # nobody knows where that leads
        NEAR.mounts_within(f"{zoo}/circle/deep/er")


def test_what_is_free_is_of_that_file_system() -> None:
    assert NEAR.free_bytes("/dev") == FAR.free_bytes("/dev")
    with pytest.raises(Refused, match="asking for the free space"):
        NEAR.free_bytes("/nowhere")


def test_the_same_files_may_be_labels(zoo: Path) -> None:
    def put(name: str, body: bytes = b"{}\n", mode: int = 0o600) -> None:
        (zoo / name).write_bytes(body)
        (zoo / name).chmod(mode)

    put(".drtool-one.json")
    put("kept.drtool.json", mode=0o644)
    put(".drtool.json")
    put(os.fsdecode(b"odd\xfe\n.drtool.json"))
    put(".drtool-group.json", mode=0o620)
    put(".drtool-others.json", mode=0o602)
    put(".drtool-empty.json", b"")
    put(".drtool-nul.json", b"{}\n\0{}")
    put(".drtool-large.json", b"x" * (255 * 1024))
    put(".drtool-too-large.json", b"x" * (255 * 1024 + 1))
    put("other.json")
    (zoo / ".drtool-link.json").symlink_to(".drtool-one.json")
    (zoo / ".drtool-folder.json").mkdir()
    os.mkfifo(zoo / ".drtool-pipe.json", 0o600)
    if os.geteuid() == 0:
        put(".drtool-anothers.json")
        os.chown(zoo / ".drtool-anothers.json", 65534, 65534)
    (zoo.parent / "to zoo").symlink_to("zoo")
    folders = (str(zoo), f"{zoo.parent}/to zoo", f"{zoo}/missing", f"{zoo}/file")
    seen = bodies(NEAR, folders, inside=True)
    assert seen == bodies(FAR, folders, inside=True)
    names = {os.path.basename(path) for path in seen if path.startswith(f"{zoo}/")}
    assert names == {".drtool-one.json", "kept.drtool.json", ".drtool.json", os.fsdecode(b"odd\xfe\n.drtool.json"), ".drtool-large.json"}
    assert bodies(NEAR, (f"{zoo}/.drtool-one.json",), inside=True) == bodies(FAR, (f"{zoo}/.drtool-one.json",), inside=True) != {}
    themselves = tuple(str(path) for path in zoo.iterdir())
    assert bodies(NEAR, themselves, inside=False) == bodies(FAR, themselves, inside=False)


def test_a_look_hears_a_stop() -> None:
    told = process.Interrupt()
    told.request(2)
    with process.scope(process.Scope(interrupt=told)), pytest.raises(Interrupted):
        NEAR.look(("/",))
