"""Keys on a real repository: listed, added, proven alone, and what a drill opens with one."""

from __future__ import annotations

import json
import os
import signal
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from drtool.model.errors import Locked, NotFound, PolicyError, Refused, UnknownName, WrongKey
from drtool.model.secret import Secret, SecretReference
from drtool.planning.evidence import last_proof
from drtool.repositories.restic.keys import ResticKeys
from drtool.secrets.keyfile import ASIDE, FRESH
from drtool.secrets.rotating_file import RotatingFile
from tests.integration.key_world import LIVE, KeyWorld, make_key_world


@pytest.fixture(params=["oldest", "newest"])
def world(request: pytest.FixtureRequest, tmp_path: Path, home: Path) -> KeyWorld:
    binary: Path = request.getfixturevalue(f"restic_{request.param}")
    return make_key_world(tmp_path, binary)


@pytest.fixture
def newest(tmp_path: Path, home: Path, restic_newest: Path) -> KeyWorld:
    return make_key_world(tmp_path, restic_newest)


def test_a_key_is_added_and_proven(world: KeyWorld) -> None:
    file = world.root / "media" / "escrow.key"
    added, passphrase = world.app().key_add("near", file=str(file), name="the safe at home")
    assert file.read_text() == passphrase.reveal() + "\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert world.opens(passphrase.reveal())
    assert world.opens(LIVE)

    (listing,) = world.app().key_list()
    first, second = listing.keys
    assert (first.current, second.current) == (True, False)
    assert (second.id, second.user, second.host) == (added.id, "drtool", "the safe at home")
    assert second.last_proven is None

    proof = world.app().key_prove(None, str(file))
    assert proof.id == added.id
    assert proof.unrecorded == ""
    (listing,) = world.app().key_list(["near"])
    proven = {key.id: key.last_proven for key in listing.keys}
    assert proven[first.id] is None
    assert proven[second.id] is not None
    (evidence,) = [each for each in world.adapters().repositories["near"].list().evidence if each.subject == "key"]
    assert (evidence.outcome, evidence.key) == ("succeeded", added.id)


def test_what_is_recorded_of_a_proof_names_the_key_and_never_the_secret(newest: KeyWorld) -> None:
    file = newest.escrow(newest.app())
    proof = newest.app().key_prove("near", str(file))
    rows = json.loads(newest.restic("snapshots", "--json", "--tag", "role=evidence").stdout)
    recorded = newest.restic("dump", rows[0]["id"], "/evidence.json").stdout
    details = json.loads(json.loads(recorded)["record"])["details"]
    assert (details["key"], details["reference"], details["manifest"]) == (proof.id, f"file:{file}", proof.point)
    everything = recorded + json.dumps(rows) + "".join(path.read_text() for path in (newest.root / "state").rglob("*") if path.is_file())
    assert file.read_text().strip() not in everything


def test_a_proof_knows_nothing_of_the_key_in_use(newest: KeyWorld) -> None:
    file = newest.escrow(newest.app())
    app = newest.app(password=f"command:sh -c 'echo asked >> {newest.root}/tattle; exit 1'")
    assert app.key_prove("near", str(file)).unrecorded == ""
    assert not (newest.root / "tattle").exists()
    with pytest.raises(Refused):
        app.key_list()
    assert (newest.root / "tattle").exists()


def test_an_existing_file_is_never_written_over(newest: KeyWorld) -> None:
    file = newest.root / "precious"
    file.write_text("something else")
    with pytest.raises(Refused, match="precious"):
        newest.app().key_add("near", file=str(file))
    assert file.read_text() == "something else"
    assert len(newest.app().key_list()[0].keys) == 1
    assert sorted(path.name for path in newest.root.glob("precious*")) == ["precious"]


def test_a_key_that_cannot_be_added_leaves_no_file(newest: KeyWorld) -> None:
    broken = newest.root / "broken-restic"
    broken.write_text(f'#!/bin/sh\ncase "$*" in *"key add"*) echo Fatal: no luck >&2; exit 1;; esac\nexec {newest.binary} "$@"\n')
    broken.chmod(0o755)
    file = newest.root / "media" / "new"
    with pytest.raises(Refused, match="no luck"):
        KeyWorld(newest.root, broken, newest.policy).app().key_add("near", file=str(file))
    assert not file.exists()
    newest.live.write_text("a wrong key\n")
    with pytest.raises(WrongKey):
        newest.app().key_add("near", file=str(file))
    assert not file.exists()


def test_a_key_that_opens_nothing_proves_nothing(newest: KeyWorld) -> None:
    file = newest.root / "other.key"
    file.touch(mode=0o600)
    file.write_text("not a key of this repository\n")
    with pytest.raises(WrongKey, match=r"other\.key does not open"):
        newest.app().key_prove("near", str(file))
    with pytest.raises(Refused, match="not at hand"):
        newest.app().key_prove("near", str(newest.root / "gone.key"))
    assert newest.adapters().repositories["near"].list().evidence == ()


def test_a_repository_without_a_point_has_nothing_to_prove_by(tmp_path: Path, home: Path, restic_newest: Path) -> None:
    world = make_key_world(tmp_path, restic_newest, backed_up=False)
    file = world.escrow(world.app())
    with pytest.raises(NotFound, match="no recovery point"):
        world.app().key_prove("near", str(file))
    assert world.adapters().repositories["near"].list().evidence == ()


def test_a_drill_opens_with_its_key_alone(world: KeyWorld) -> None:
    file = world.escrow(world.app())
    (listing,) = world.app().key_list()
    escrowed = next(key.id for key in listing.keys if not key.current)
    app = world.app(password=f"command:sh -c 'echo asked >> {world.root}/tattle; exit 1'")
    report = app.drill(["escrowed"])
    assert report.outcome == "succeeded", report.failures
    assert report.sets[0].key == f"{escrowed} (file:{file})"
    assert not (world.root / "tattle").exists()
    assert any("alone" in note for note in report.notes)

    app = world.app()
    evidence = last_proof(world.adapters().repositories["near"].list(), "documents")
    assert evidence is not None
    assert evidence.key == escrowed
    assert {key.id for key in app.key_list()[0].keys if key.last_proven} == {escrowed}


def test_a_drill_of_a_set_opens_with_the_key_in_use(newest: KeyWorld) -> None:
    report = newest.app().drill(["documents"])
    assert report.outcome == "succeeded"
    assert report.sets[0].key == ""
    assert newest.adapters().repositories["near"].list().evidence[0].key == ""


def test_without_the_medium_a_drill_does_not_start(newest: KeyWorld) -> None:
    calls: tuple[Callable[[], object], ...] = (lambda: newest.app().drill(["escrowed"]), lambda: newest.app().plan_drill("escrowed"))
    for call in calls:
        with pytest.raises(Refused, match=r"the drill escrowed opens near with file:.*not at hand") as caught:
            call()
        assert "medium" in caught.value.hint
        assert caught.value.safe
    assert not (newest.root / "lab").exists()
    assert [report.verb for report in newest.app().history()].count("drill") == 0


def test_a_wrong_key_stops_a_drill_before_it_starts(newest: KeyWorld) -> None:
    file = newest.root / "media" / "escrow.key"
    file.parent.mkdir()
    file.touch(mode=0o600)
    file.write_text("an old key\n")
    with pytest.raises(WrongKey, match="does not open the repository near"):
        newest.app().drill(["escrowed"])
    assert not (newest.root / "lab").exists()


def test_doctor_tries_the_keys_of_drills(newest: KeyWorld) -> None:
    def finding() -> bool | None:
        (found,) = [each for each in newest.app().doctor() if each.subject == "drill escrowed: key"]
        return found.good

    assert finding() is None
    file = newest.escrow(newest.app())
    assert finding() is True
    file.write_text("spoilt\n")
    assert finding() is False
    file.write_text(newest.live.read_text())
    assert finding() is False, "a copy of the key in use is no other key"


def test_the_key_in_use_is_no_key_for_a_drill(newest: KeyWorld) -> None:
    newest.policy["drills"]["escrowed"]["key"] = f"file:{newest.live}"
    with pytest.raises(PolicyError) as caught:
        newest.app()
    (problem,) = caught.value.problems
    assert problem.field == "drills.escrowed.key"
    assert "every day" in problem.message
    assert "drtool key add near" in problem.hint


def killed_while_adding(world: KeyWorld, moment: str, file: Path) -> None:
    """Let another process add a key and die right before or right after the repository took it."""
    pid = os.fork()
    if pid:
        assert os.waitpid(pid, 0)[1] == signal.SIGKILL
        return
    real = ResticKeys.add

    def add(self: ResticKeys, secret: Secret, *, user: str, host: str) -> None:
        if moment == "after":
            real(self, secret, user=user, host=host)
        os.kill(os.getpid(), signal.SIGKILL)

    ResticKeys.add = add  # type: ignore[method-assign]
    world.app().key_add("near", file=str(file))
    os._exit(0)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_while_a_key_is_added(newest: KeyWorld, moment: str) -> None:
    file = newest.root / "media" / "escrow.key"
    killed_while_adding(newest, moment, file)
    assert not file.exists()
    added, passphrase = newest.app().key_add("near", file=str(file))
    assert file.read_text() == passphrase.reveal() + "\n"
    assert newest.opens(passphrase.reveal())
    assert len(newest.app().key_list()[0].keys) == 2
    assert [path.name for path in file.parent.iterdir()] == ["escrow.key"]
    assert added.id


def test_no_key_is_added_for_a_medium_that_is_not_mounted(newest: KeyWorld) -> None:
    with pytest.raises(Refused, match="nothing is mounted"):
        newest.app().key_add("near", file="/media/nobody/stick/escrow.key")
    assert len(newest.app().key_list()[0].keys) == 1
    assert not Path("/media/nobody").exists()


def test_a_lost_key_is_removed(world: KeyWorld) -> None:
    world.policy["drills"] = {}
    app = world.app()
    added, lost = app.key_add("near")
    safe = world.escrow(app, "safe.key")
    with pytest.raises(Refused, match="no key of near besides the one in use is left that was ever proven"):
        world.app().key_remove("near", added.id)
    assert world.opens(lost.reveal())
    world.app().key_prove("near", str(safe))
    removed = world.app().key_remove("near", added.id)
    assert (removed.id, removed.host, removed.left, removed.notes) == (added.id, "break-glass", 2, ())
    assert not world.opens(lost.reveal())
    assert world.opens(LIVE)
    assert world.opens(safe.read_text().strip())
    with pytest.raises(UnknownName, match=f"no key `{added.id}`"):
        world.app().key_remove("near", added.id)


def test_a_key_that_may_be_a_drills_stays_where_its_id_is_not_told(newest: KeyWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """An old restic lists keys under a lock, which whoever may only read cannot write."""
    file = newest.escrow(newest.app())
    (escrowed,) = [key.id for key in newest.app().key_list()[0].keys if not key.current]
    monkeypatch.setattr(ResticKeys, "current", lambda _ring: "")
    with pytest.raises(Refused, match="opens it, and which key that is is not told"):
        newest.app().key_remove("near", escrowed)
    assert newest.opens(file.read_text().strip())
    (note,) = newest.app().key_remove("near", escrowed, anyway=True).notes
    assert "if it holds the removed key, it opens nothing any more" in note


def test_a_key_that_is_needed_stays(newest: KeyWorld) -> None:
    file = newest.escrow(newest.app())
    (listing,) = newest.app().key_list()
    (live,) = [key.id for key in listing.keys if key.current]
    (escrowed,) = [key.id for key in listing.keys if not key.current]
    with pytest.raises(Refused, match="is the key that this policy opens near with"):
        newest.app().key_remove("near", live, anyway=True)
    with pytest.raises(Refused, match="is the key of the drill escrowed"):
        newest.app().key_remove("near", escrowed, anyway=True)
    with pytest.raises(Refused, match="append_only"):
        newest.app(append_only=True).key_remove("near", escrowed, anyway=True)
    for words in ("", "x", escrowed[:7], f"{escrowed}zzzz", f"{escrowed}{'0' * 55}", "0" * 64, escrowed.upper() + "é"):
        with pytest.raises(UnknownName, match="no key"):
            newest.app().key_remove("near", words, anyway=True)
    newest.policy["drills"] = {}
    with pytest.raises(Refused, match="that was ever proven"):
        newest.app().key_remove("near", escrowed)
    with pytest.raises(NotFound, match="remove a key"):
        newest.app().key_remove("near", f"{escrowed}{'0' * 56}", anyway=True)
    assert newest.opens(file.read_text().strip())
    assert newest.app().key_remove("near", escrowed, anyway=True).left == 1
    assert not newest.opens(file.read_text().strip())
    assert newest.opens(LIVE)


def test_a_drill_whose_key_is_not_at_hand_is_asked_for(newest: KeyWorld) -> None:
    file = newest.escrow(newest.app())
    safe = newest.escrow(newest.app(), "safe.key")
    newest.app().key_prove("near", str(safe))
    added, _passphrase = newest.app().key_add("near", name="paper")
    file.unlink()
    with pytest.raises(Refused, match=rf"whether {added.id} is its key cannot be told"):
        newest.app().key_remove("near", added.id)
    (note,) = newest.app().key_remove("near", added.id, anyway=True).notes
    assert note == f"file:{file} of the drill escrowed is not at hand: if it holds the removed key, it opens nothing any more"


@pytest.mark.parametrize("left", [FRESH, ASIDE])
def test_nothing_is_removed_while_a_rotation_is_not_finished(newest: KeyWorld, left: str) -> None:
    newest.policy["drills"] = {}
    added, lost = newest.app().key_add("near")
    newest.live.with_name(newest.live.name + left).touch(mode=0o600)
    with pytest.raises(Refused, match="is not finished"):
        newest.app().key_remove("near", added.id, anyway=True)
    assert newest.opens(lost.reveal())


def test_nothing_is_removed_beside_a_rotation(newest: KeyWorld) -> None:
    newest.policy["drills"] = {}
    added, lost = newest.app().key_add("near")
    with RotatingFile(SecretReference("file", str(newest.live))).alone(), pytest.raises(Locked, match="being replaced"):
        newest.app().key_remove("near", added.id, anyway=True)
    assert newest.opens(lost.reveal())


def test_a_repository_that_removes_nothing_is_not_believed(newest: KeyWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    newest.policy["drills"] = {}
    added, _passphrase = newest.app().key_add("near")
    monkeypatch.setattr(ResticKeys, "remove", lambda *_of: None)
    with pytest.raises(Refused, match="still lists it"):
        newest.app().key_remove("near", added.id, anyway=True)
