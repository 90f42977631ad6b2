"""Browse and mount as a person calls them, and a restore with a key that may only read."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drtool.engine.mount import is_mounted
from tests.docs.small_policy import TEXT, SmallPolicy, make_small_policy
from tests.rig.conversation import conversation
from tests.rig.fuse import require_fuse
from tests.rig.program import called
from tests.rig.s3 import S3Server

ROOT = Path(__file__).resolve().parents[2]


def drtool(small: SmallPolicy, binary: Path, *words: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    return called(arguments(small, binary, *words)[3:], input=typed, env=environment())


def arguments(small: SmallPolicy, binary: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "drtool.cli.main", "--policy", str(small.path), "--restic", str(binary), *words]


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def done(small: SmallPolicy, binary: Path, *words: str, typed: str = "") -> str:
    ended = drtool(small, binary, *words, typed=typed)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture
def small(home: Path, tmp_path: Path, restic_newest: Path) -> SmallPolicy:
    made = make_small_policy(tmp_path)
    done(made, restic_newest, "init")
    done(made, restic_newest, "run")
    return made


@pytest.fixture
def point(small: SmallPolicy, restic_newest: Path) -> str:
    listed = json.loads(done(small, restic_newest, "points", "--json"))
    return str(listed["points"][0]["point"]["point"])


def test_what_is_left_unsaid_is_the_last(small: SmallPolicy, restic_newest: Path, point: str) -> None:
    (small.tree / "letters" / "new.txt").write_text(TEXT)
    done(small, restic_newest, "run")
    named = done(small, restic_newest, "diff", point, "latest")
    assert "new.txt" in named
    assert done(small, restic_newest, "diff") == named
    one = drtool(small, restic_newest, "diff", point)
    assert (one.returncode, f" {point} latest" in " ".join(one.stderr.split())) == (6, True)
    assert done(small, restic_newest, "report") == done(small, restic_newest, "report", "last")


@pytest.mark.parametrize("version", ["restic_oldest", "restic_newest"])
def test_walk_through_a_point(small: SmallPolicy, point: str, version: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    binary: Path = request.getfixturevalue(version)
    out = tmp_path / "out"
    out.mkdir()
    there = f"ls\ncd {small.tree}\npwd\nls letters\ncd letters\n"
    typed = f"{there}get 7.txt {out}\nget 7.txt {out}/again\ncd ..\nget letters {out}/all\nquit\nls\n"
    said = done(small, binary, "browse", point, typed=typed)
    lines = said.splitlines()
    assert str(small.tree) in lines
    assert any(line.startswith("d") and line.endswith(f"/{small.tree.parts[1]}") for line in lines)
    assert sum(line.endswith(".txt") and "letters" in line and line.startswith("-") for line in lines) == 10
    assert any(f"{out}/7.txt: 1 file" in line for line in lines)
    assert (out / "7.txt").read_text() == (out / "again").read_text() == f"7 {TEXT}"
    assert sorted(path.name for path in (out / "all").iterdir()) == [f"{number}.txt" for number in range(10)]
    assert sorted(path.name for path in out.iterdir()) == ["7.txt", "again", "all"], "no staging is left"


def test_a_stream_comes_out_as_a_file(small: SmallPolicy, restic_newest: Path, point: str, tmp_path: Path) -> None:
    said = done(small, restic_newest, "browse", point, typed="ls\n")
    (stream,) = [line.split()[-1] for line in said.splitlines() if line.startswith("-")]
    done(small, restic_newest, "browse", point, typed=f"get {stream} {tmp_path}/dump\n")
    assert (tmp_path / "dump").read_text() == f"1 {TEXT}"


def test_what_is_typed_wrong_is_told_and_the_walk_goes_on(small: SmallPolicy, restic_newest: Path, point: str, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("mine")
    typed = f"cd /nowhere\nget {small.tree}/letters/1.txt {tmp_path}/there\nfly\ncd {small.tree}/letters/1.txt\npwd\n"
    ended = drtool(small, restic_newest, "browse", point, typed=typed)
    assert ended.returncode != 0
    assert ended.stdout == "/\n"
    for words in ("/nowhere", "exists already", "fly is not understood", "is no directory"):
        assert words in ended.stderr
    assert (tmp_path / "there").read_text() == "mine"
    entries = json.loads(done(small, restic_newest, "browse", point, "--json", "--path", f"{small.tree}/letters"))["entries"]
    assert len(entries) == 10
    missing = drtool(small, restic_newest, "policy", point, "--output", f"{tmp_path}/no such/policy.yaml")
    assert missing.returncode == 6
    assert f"mkdir -p '{tmp_path}/no such', then this again" in " ".join(missing.stderr.split())
    (tmp_path / "prompt").mkdir()
    opened = arguments(small, restic_newest, "browse", point, "--path", f"{small.tree}/letters")
    with conversation(opened, environment=environment(), directory=tmp_path / "prompt") as person:
        for line in ("fly", "help", "quit"):
            person.wait_for("letters> ")
            person.type(line)
        assert person.ended() == 0
        assert "fly is not understood so" in person.shown
        assert "exit 6" not in person.shown
        assert "in quotes" in person.shown


@pytest.fixture
def fuse() -> None:
    """Whether this machine can mount at all is asked of the machine, not of us."""
    require_fuse()


@pytest.fixture
def place(tmp_path: Path, fuse: None) -> Iterator[Path]:
    """A directory to mount on, free again whatever the test came to."""
    directory = tmp_path / "place"
    directory.mkdir()
    yield directory
    if is_mounted(str(directory)):
        subprocess.run(["fusermount", "-u", "-z", str(directory)], check=True)


def wait_until(what: str, holds: Callable[[], bool], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, what
        time.sleep(0.1)


def mounted(small: SmallPolicy, binary: Path, point: str, place: Path) -> subprocess.Popen[str]:
    running = subprocess.Popen(
        arguments(small, binary, "mount", point, str(place)),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    wait_until("it was not mounted", lambda: is_mounted(str(place)) or running.poll() is not None)
    assert running.poll() is None, running.communicate()[0]
    return running


def test_a_mount_shows_one_point_until_it_is_ended(small: SmallPolicy, restic_newest: Path, point: str, place: Path) -> None:
    done(small, restic_newest, "run")  # a second point, which is not shown
    running = mounted(small, restic_newest, point, place)
    files = list(place.rglob("7.txt"))
    assert [path.read_text() for path in files if "latest" not in path.parts] == [f"7 {TEXT}"]
    with pytest.raises(OSError, match=r"Read-only|Permission|not permitted|not implemented"):
        files[0].write_text("changed")
    assert "mount" in done(small, restic_newest, "hold", "list")
    running.send_signal(signal.SIGINT)
    said, _none = running.communicate(timeout=60)
    assert running.returncode == 0, said
    assert f"{point} is shown at {place} until Ctrl-C" in said
    assert not is_mounted(str(place))
    assert "Nothing is held" in done(small, restic_newest, "hold", "list")


def test_what_a_killed_mount_left_is_swept(small: SmallPolicy, restic_newest: Path, point: str, place: Path) -> None:
    running = mounted(small, restic_newest, point, place)
    in_use = os.open(next(place.rglob("7.txt")), os.O_RDONLY)
    running.kill()
    running.communicate()
    assert is_mounted(str(place))
    done(small, restic_newest, "sweep")
    assert not is_mounted(str(place))
    with contextlib.suppress(OSError):  # what it belonged to is gone
        os.close(in_use)
    assert place.exists()
    assert "Nothing is held" in done(small, restic_newest, "hold", "list")


@pytest.mark.usefixtures("fuse")
def test_a_mount_in_the_background(small: SmallPolicy, restic_newest: Path, point: str) -> None:
    place = done(small, restic_newest, "mount", point, "--background").strip()
    assert is_mounted(place)
    assert [path.read_text() for path in Path(place).rglob("7.txt") if "latest" not in path.parts] == [f"7 {TEXT}"]
    subprocess.run(["fusermount", "-u", place], check=True)
    wait_until("its run did not end", lambda: "Nothing is held" in done(small, restic_newest, "hold", "list"))
    assert not Path(place).exists()


def test_nothing_is_mounted_over_what_is_there(small: SmallPolicy, restic_newest: Path, point: str) -> None:
    ended = drtool(small, restic_newest, "mount", point, str(small.tree))
    assert ended.returncode == 6
    assert "is not empty" in ended.stderr
    assert "Nothing is held" in done(small, restic_newest, "hold", "list")


def test_a_key_that_may_only_read_restores(home: Path, tmp_path: Path, restic_newest: Path, s3_server: S3Server) -> None:
    small = make_small_policy(tmp_path)
    body = json.loads(small.path.read_text())
    names = s3_server.environment()
    body["repositories"]["offsite"] = {
        "restic": s3_server.address("read-only"),
        "site": "cloud",
        "password": f"file:{small.key}",
        "environment": {name: f"env:{name}" for name in names},
    }
    small.path.write_text(json.dumps(body))
    admin = {**environment(), **s3_server.environment("admin")}
    for verb in ("init", "run"):
        subprocess.run(arguments(small, restic_newest, verb), env=admin, check=True, capture_output=True)
    out = tmp_path / "out"
    bare = ["--repository", s3_server.address("read-only"), "--password-file", str(small.key), "--to", "directory", str(out), "--yes"]
    ended = subprocess.run(
        [sys.executable, "-m", "drtool.cli.main", "--restic", str(restic_newest), "restore", *bare],
        env={**environment(), **s3_server.environment("reader")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "could not be frozen" in ended.stderr
    assert len(list(out.rglob("7.txt"))) == 1


def bare_options(small: SmallPolicy) -> list[str]:
    return ["--repository", str(small.near), "--password-file", str(small.key)]


@pytest.mark.usefixtures("fuse")
def test_a_bare_machine_shows_a_point_in_the_background(small: SmallPolicy, restic_newest: Path, point: str, tmp_path: Path) -> None:
    """All that was typed goes along, whose points are meant too, from wherever it was typed."""
    name = json.loads(done(small, restic_newest, "points", "--json"))["points"][0]["point"]["machine"]
    words = [*bare_options(small), "--machine", name, "--state-directory", str(tmp_path / "bare-state"), "--deadline", "90m"]
    environment_there = {name: value for name, value in environment().items() if name != "DRTOOL_POLICY"}
    argv = [sys.executable, "-m", "drtool.cli.main", "mount", "latest", "--background", "--restic", str(restic_newest), *words]
    started = subprocess.run(argv, env=environment_there, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert started.returncode == 0, started.stderr
    place = started.stdout.strip()
    assert str(tmp_path / "bare-state") in place
    assert [path.read_text() for path in Path(place).rglob("7.txt") if "latest" not in path.parts] == [f"7 {TEXT}"]
    subprocess.run(["fusermount", "-u", place], check=True)
    wait_until("its run did not end", lambda: not Path(place).exists())


def test_what_cannot_be_shown_is_said_before_anything_is(small: SmallPolicy, restic_newest: Path, point: str, tmp_path: Path) -> None:
    for words in (("--background",), ()):
        ended = drtool(small, restic_newest, "mount", "latest", str(tmp_path / "absent"), *words)
        assert (ended.returncode, "there is no such directory" in ended.stderr) == (6, True), ended.stderr
        assert "is shown" not in ended.stderr


def test_what_the_background_says_is_said_as_it_is(small: SmallPolicy, restic_newest: Path, point: str, tmp_path: Path) -> None:
    wrapper = tmp_path / "no-mounts"
    wrapper.write_text(
        f'#!/bin/sh\nfor word do case "$word" in mount) echo "Fatal: no mount today" >&2; exit 1;; esac; done\nexec {restic_newest} "$@"\n'
    )
    wrapper.chmod(0o755)
    ended = drtool(small, wrapper, "mount", point, "--background")
    assert ended.returncode != 0
    assert "\\x0a" not in ended.stderr
    assert len(ended.stderr.splitlines()) > 1
    assert any(words in ended.stderr for words in ("no mount today", "nothing can be mounted here")), ended.stderr
    told = json.loads(drtool(small, wrapper, "mount", point, "--background", "--json").stdout)
    assert told["format"] in ("drtool.report/1", "drtool.error/1")
