"""Links and special files in what was restored: no check, control or take-out looks at anything that was not restored."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from drtool import process
from drtool.checks import schema
from drtool.checks.archive import ArchiveCheck
from drtool.checks.canary import CanaryCheck
from drtool.checks.census import CensusCheck
from drtool.checks.command import CommandCheck
from drtool.checks.files import FilesCheck
from drtool.checks.sql import SqlCheck
from drtool.engine.actions.negative_control import AskedCheck, control
from drtool.model.command import Command
from drtool.model.errors import NotFound
from drtool.model.negative_control import Fault
from drtool.model.plan import Answer, Ask, Break, Destination, Restored
from drtool.model.point import CANARY_NAME, Artifact, Canary, Census, Member, SampledFile
from drtool.model.policy import CheckPolicy
from drtool.ports import Check, Inspection, Question, Runner
from drtool.runners.local import LocalRunner
from drtool.runners.ssh import SshRunner
from drtool.sources.stream.pour import pour
from drtool.sources.truenas.configuration.check import ApplianceCheck
from drtool.staging.staged import Staged, locator_of
from tests.engine.test_control import adapters_with
from tests.rig.sockets import leave_socket
from tests.rig.sshd import SshServer

INSTANT = datetime(2026, 1, 1, 12, tzinfo=UTC)
BASE = "/srv/app"
"""Where it lay when the point was made; nothing is there now."""


@pytest.fixture(autouse=True)
def in_time() -> Iterator[None]:
    """Whoever opens a pipe without an end is ended, and the test is red."""
    with process.scope(process.Scope(label="inside", deadline=time.monotonic() + 30)):
        yield


@pytest.fixture
def runner() -> Runner:
    return LocalRunner()


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """Production: whatever is asked of it is right, and no answer about what was restored."""
    return fill(tmp_path / "production")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "lab" / "restored"
    root.mkdir(parents=True)
    return root


def fill(directory: Path) -> Path:
    directory.mkdir(parents=True)
    with closing(sqlite3.connect(directory / "app.db")) as database, database:
        database.execute("create table t(a)")
        database.execute("insert into t values(1)")
    (directory / "letter").write_text("y")
    with tarfile.open(directory / "x.tar.gz", "w:gz") as archive:
        archive.add(directory / "letter", "letter")
    return directory


def restored(root: Path, *, sample: tuple[SampledFile, ...] = (), canary: Canary | None = None, base: str = BASE) -> Restored:
    artifact = Artifact("here:x", "tree", "0" * 64, base, Census(1, 1, sample, canary=canary))
    member = Member(f"here:{base}", "here", "files", {"path": base}, INSTANT, (artifact,))
    place = Staged(staging="", content="", target=str(root), marker="", sandbox=str(root.parent))
    return Restored(f"here:{base}", "here", Destination("sandbox", sandbox="lab"), str(root), member, locator=locator_of(place))


def ask(check: Check, thing: Restored, runner: Runner, *others: Restored, of: str = "", **settings: Any) -> Answer:  # noqa: ANN401
    keys = schema.CHECKS[check.kind].model_validate(settings).model_dump(mode="json", exclude={"level"})
    things = (thing, *others)
    inspections = {each.workload: Inspection(True, runner, root=each.path) for each in things}
    question = Question(CheckPolicy(check.kind, check.kind, of or thing.workload, keys), things, inspections, INSTANT, INSTANT)
    return check.ask(replace(question, timeout=timedelta(seconds=20)))


ABOUT_A_FILE: dict[str, Callable[[Restored, Runner, str, tuple[Restored, ...]], Answer]] = {
    "sql": lambda thing, runner, folder, others: ask(
        SqlCheck(), thing, runner, *others, sqlite=f"{folder}app.db", query="select count(*) from t", expect={"at_least": 1}
    ),
    "archive": lambda thing, runner, folder, others: ask(ArchiveCheck(), thing, runner, *others, path=f"{folder}x.tar.gz"),
    "files": lambda thing, runner, folder, others: ask(FilesCheck(), thing, runner, *others, contains=[f"{folder}letter"]),
}
ABOUT_A_FOLDER: dict[str, Callable[[Restored, Runner, str], Answer]] = {
    "sql": lambda thing, runner, of: ask(SqlCheck(), thing, runner, of=of, sqlite="app.db"),
    "archive": lambda thing, runner, of: ask(ArchiveCheck(), thing, runner, of=of, path="x.tar.gz"),
    "files": lambda thing, runner, of: ask(FilesCheck(), thing, runner, of=of, at_least=1),
    "command": lambda thing, runner, of: ask(CommandCheck(), thing, runner, of=of, run=["sh", "-c", 'test -e "$DRTOOL_RESTORED/letter"']),
}
# links that lead to the folder `outside`, the last of them `way`; each made in `root`
WAYS_OUT: dict[str, Callable[[Path, Path], dict[str, str]]] = {
    "absolute": lambda _root, outside: {"way": f"{outside}"},
    "relative": lambda root, outside: {"way": os.path.relpath(outside, root)},
    "by two links": lambda _root, outside: {"second": f"{outside}", "way": "second"},
    "over its own name": lambda _root, outside: {"way": f"{BASE}/../../{outside}"},
    "below": lambda _root, outside: {"real/up": f"{outside.parent}", "way": f"real/up/{outside.name}"},
}
# links that stay inside, and lead to `releases/42`
WAYS_INSIDE: dict[str, dict[str, str]] = {
    "relative": {"way": "releases/42"},
    "by its name in the point": {"way": f"{BASE}/releases/42"},
    "with dots": {"way": "./releases/../releases//42/"},
    "from where it lay": {"way": "../app/releases/42"},
    "by two links": {"second": f"{BASE}/releases", "way": "second/42"},
}


def make_links(root: Path, links: Mapping[str, str]) -> None:
    for name, target in links.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).symlink_to(target)


@pytest.mark.parametrize("way", WAYS_OUT)
@pytest.mark.parametrize("kind", ABOUT_A_FILE)
def test_a_folder_that_leads_out(root: Path, outside: Path, runner: Runner, kind: str, way: str) -> None:
    make_links(root, WAYS_OUT[way](root, outside))
    assert (root / "way").resolve() == outside or way == "over its own name"
    answer = ABOUT_A_FILE[kind](restored(root), runner, "way/", ())
    assert not answer.passed, answer
    assert not answer.skipped
    assert "out of what was restored" in answer.observed


@pytest.mark.parametrize("way", WAYS_OUT)
@pytest.mark.parametrize("kind", ABOUT_A_FOLDER)
def test_a_subject_that_leads_out(root: Path, outside: Path, runner: Runner, kind: str, way: str) -> None:
    make_links(root, WAYS_OUT[way](root, outside))
    answer = ABOUT_A_FOLDER[kind](restored(root), runner, f"here:{BASE}/way")
    assert not answer.passed, answer
    assert "out of what was restored" in answer.observed


@pytest.mark.parametrize("way", WAYS_INSIDE)
@pytest.mark.parametrize("kind", ABOUT_A_FILE)
def test_a_folder_that_stays_inside(root: Path, runner: Runner, kind: str, way: str) -> None:
    fill(root / "releases" / "42")
    make_links(root, WAYS_INSIDE[way])
    answer = ABOUT_A_FILE[kind](restored(root), runner, "way/", ())
    assert answer.passed, answer


@pytest.mark.parametrize("way", WAYS_INSIDE)
@pytest.mark.parametrize("kind", ABOUT_A_FOLDER)
def test_a_subject_that_stays_inside(root: Path, runner: Runner, kind: str, way: str) -> None:
    fill(root / "releases" / "42")
    make_links(root, WAYS_INSIDE[way])
    answer = ABOUT_A_FOLDER[kind](restored(root), runner, f"here:{BASE}/way")
    assert answer.passed, answer


@pytest.mark.parametrize("target", ["/srv/data/42", "../data/42"])
@pytest.mark.parametrize("kind", ABOUT_A_FILE)
def test_a_link_to_what_was_restored_beside_it(root: Path, runner: Runner, kind: str, target: str) -> None:
    (root / "own").write_text("a tree without a file is never right")
    fill(root.parent / "data" / "elsewhere" / "42")
    (root / "way").symlink_to(target)
    data = restored(root.parent / "data" / "elsewhere", base="/srv/data")
    answer = ABOUT_A_FILE[kind](restored(root), runner, "way/", (data,))
    assert answer.passed, answer


@pytest.mark.parametrize("kind", ["sql", "archive"])
def test_a_file_that_is_a_link_out(root: Path, outside: Path, runner: Runner, kind: str) -> None:
    for name in ("app.db", "x.tar.gz", "letter"):
        (root / name).symlink_to(outside / name)
    answer = ABOUT_A_FILE[kind](restored(root), runner, "", ())
    assert not answer.passed
    assert "out of what was restored" in answer.observed


@pytest.mark.parametrize("kind", ["sql", "archive"])
def test_a_file_that_is_a_link_inside(root: Path, runner: Runner, kind: str) -> None:
    fill(root / "releases")
    for name in ("app.db", "x.tar.gz"):
        (root / name).symlink_to(f"{BASE}/releases/{name}")
    answer = ABOUT_A_FILE[kind](restored(root), runner, "", ())
    assert answer.passed, answer


@pytest.mark.parametrize("kind", ABOUT_A_FILE)
def test_what_was_restored_is_itself_a_link(tmp_path: Path, outside: Path, runner: Runner, kind: str) -> None:
    (tmp_path / "root").symlink_to(outside)
    answer = ABOUT_A_FILE[kind](restored(tmp_path / "root"), runner, "", ())
    assert not answer.passed, answer


def test_links_in_a_ring_end(root: Path, runner: Runner) -> None:
    (root / "way").symlink_to("back")
    (root / "back").symlink_to("way")
    answer = ABOUT_A_FILE["sql"](restored(root), runner, "way/", ())
    assert not answer.passed


def test_a_stream_that_is_no_file_is_not_looked_for_at_the_root(runner: Runner) -> None:
    thing = replace(restored(Path("/")), path="")
    answer = ask(SqlCheck(), thing, runner, sqlite="etc/passwd")
    assert not answer.passed
    assert "file" in answer.observed


@pytest.mark.parametrize("kind", ABOUT_A_FILE)
def test_over_ssh(root: Path, outside: Path, ssh_server: SshServer, kind: str) -> None:
    runner = SshRunner(name="pi", host=ssh_server.alias, ssh_config=str(ssh_server.config))
    make_links(root, WAYS_OUT["by two links"](root, outside))
    answer = ABOUT_A_FILE[kind](restored(root), runner, "way/", ())
    assert "out of what was restored" in answer.observed
    fill(root / "releases" / "42")
    (root / "way").unlink()
    make_links(root, WAYS_INSIDE["by its name in the point"])
    assert ABOUT_A_FILE[kind](restored(root), runner, "way/", ()).passed
    sample = (sampled(f"{BASE}/releases/42/letter", b"y"), sampled(f"{BASE}/way/letter", b"y"))
    assert ask(CensusCheck(), restored(root, sample=sample), runner).compared == 1


# the census, the canary and the negative control


def sampled(path: str, content: bytes) -> SampledFile:
    return SampledFile(path, len(content), hashlib.sha256(content).hexdigest())


@pytest.mark.parametrize("path", ["way/letter", "letter", "../../production/letter", "./../../production/letter"])
def test_a_census_never_compares_what_lies_outside(root: Path, outside: Path, runner: Runner, path: str) -> None:
    (root / "way").symlink_to(outside)
    (root / "letter").symlink_to(outside / "letter")
    answer = ask(CensusCheck(), restored(root, sample=(sampled(f"{BASE}/{path}", b"y"),)), runner)
    assert not answer.passed
    assert answer.compared == 0


def test_a_census_compares_no_file_behind_a_link_inside(root: Path, runner: Runner) -> None:
    """At the source it was no link."""
    fill(root / "real")
    (root / "way").symlink_to("real")
    answer = ask(CensusCheck(), restored(root, sample=(sampled(f"{BASE}/way/letter", b"y"),)), runner)
    assert answer.compared == 0
    assert ask(CensusCheck(), restored(root, sample=(sampled(f"{BASE}/real/letter", b"y"),)), runner).compared == 1


SPECIAL: dict[str, Callable[[Path], object]] = {
    "pipe": os.mkfifo,
    "socket": leave_socket,
    "device": lambda path: os.mknod(path, 0o20666, os.makedev(1, 5)),
    "link to a device": lambda path: path.symlink_to("/dev/zero"),
    "directory": lambda path: path.mkdir(),
}


def make_special(what: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if what == "device" and os.geteuid() != 0:
        pytest.skip("only root makes devices")
    monkeypatch.chdir(path.parent)  # the name of a socket is short
    SPECIAL[what](Path(path.name))


@pytest.mark.parametrize("what", SPECIAL)
@pytest.mark.parametrize("name", ["app.db", "x.tar.gz", "letter", CANARY_NAME])
def test_a_special_file_is_never_opened(root: Path, runner: Runner, monkeypatch: pytest.MonkeyPatch, name: str, what: str) -> None:
    make_special(what, root / name, monkeypatch)
    answers = {
        "app.db": lambda: ask(SqlCheck(), restored(root), runner, sqlite="app.db"),
        "x.tar.gz": lambda: ask(ArchiveCheck(), restored(root), runner, path="x.tar.gz"),
        "letter": lambda: ask(CensusCheck(), restored(root, sample=(sampled(f"{BASE}/letter", b"y"),)), runner),
        CANARY_NAME: lambda: ask(CanaryCheck(), restored(root, canary=planted()), runner),
    }
    answer = answers[name]()
    assert not answer.passed
    assert not answer.skipped
    assert answer.bytes == 0


def planted() -> Canary:
    return Canary("b", "s", "p", "r", INSTANT, "0" * 64)


@pytest.mark.parametrize("what", SPECIAL)
def test_a_special_companion_of_a_database_is_never_opened(root: Path, runner: Runner, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    fill(root / "x")
    make_special(what, root / "x" / "app.db-wal", monkeypatch)
    assert ask(SqlCheck(), restored(root), runner, sqlite="x/app.db").passed


def test_a_huge_file_in_place_of_a_small_one_is_not_read(root: Path, runner: Runner) -> None:
    (root / "letter").touch()
    os.truncate(root / "letter", 1 << 42)
    answer = ask(CensusCheck(), restored(root, sample=(sampled(f"{BASE}/letter", b"y"),)), runner)
    assert answer.compared == 0
    assert "letter is not what it was" in answer.observed


@pytest.mark.parametrize("what", [*SPECIAL, "link out"])
def test_the_configuration_of_an_appliance_is_never_special(
    root: Path, outside: Path, runner: Runner, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    from drtool.sources.truenas.configuration.verify import ARCHIVE  # noqa: PLC0415

    if what == "link out":
        (root / ARCHIVE).symlink_to(outside / "x.tar.gz")
    else:
        make_special(what, root / ARCHIVE, monkeypatch)
    thing = restored(root)
    thing = replace(thing, member=replace(thing.member, selector={"system": True}))
    question = Question(
        CheckPolicy("truenas_config", "x"), (thing,), {thing.workload: Inspection(True, runner, root=thing.path)}, INSTANT, INSTANT
    )
    answer = ApplianceCheck().ask(question)
    assert not answer.passed
    assert answer.bytes == 0


@pytest.mark.parametrize("what", [*SPECIAL, "link out"])
@pytest.mark.parametrize("fault", [Fault.FLIPPED_BYTE, Fault.MISSING_FILE])
def test_no_fault_is_injected_into_what_is_special_or_outside(
    root: Path, outside: Path, monkeypatch: pytest.MonkeyPatch, fault: Fault, what: str
) -> None:
    before = (outside / "letter").read_bytes()
    if what == "link out":
        (root / "letter").symlink_to(outside / "letter")
    else:
        make_special(what, root / "letter", monkeypatch)
    thing = restored(root, sample=(sampled(f"{BASE}/letter", b"y"),))
    asked = AskedCheck(Ask(CheckPolicy("census", "census"), {thing.workload: "x"}, INSTANT), (thing,))
    found = control(adapters_with(CensusCheck()), Break(fault, ("x",), thing.workload), (asked,))
    assert found.detected is None
    assert (outside / "letter").read_bytes() == before


@pytest.mark.parametrize("what", [*SPECIAL, "link out"])
def test_no_program_is_fed_from_what_is_special_or_outside(root: Path, outside: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    if what == "link out":
        (root / "dump").symlink_to(outside / "letter")
    else:
        make_special(what, root / "dump", monkeypatch)
    with pytest.raises(NotFound, match="dump"):
        pour(LocalRunner(), command=Command(("sh", "-c", f"cat >{root}/fed")), file=str(root / "dump"))
    assert not (root / "fed").exists()
