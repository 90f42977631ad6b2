"""Evidence on real repositories: written, tampered with by restic itself, found; of killed drills; where a key may only read."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from drtool.app.facade import App
from drtool.catalog import sshsig
from drtool.catalog.runs import Runs
from drtool.catalog.seal import read_sealed, seal, sign_tags
from drtool.catalog.signer import Signer
from drtool.cli.main import main
from drtool.model.codec import canonical
from drtool.model.evidence import Evidence, SignedEvidence
from drtool.repositories.restic.labels import body_tags
from tests.faults.fault_world import PASSWORDS, World, remove
from tests.rig.s3 import S3Server

pytestmark = pytest.mark.timeout(600)


class Restic:
    """Whoever holds the repository's key, and uses restic to change what was proven."""

    def __init__(self, world: World, repository: str = "offsite") -> None:
        self._world, self._repository = world, repository

    def evidence(self) -> list[dict[str, Any]]:
        listed = self._world.restic(self._repository, "snapshots", "--json", "--tag", "drtool,role=evidence").stdout
        return sorted(json.loads(listed), key=lambda each: int(tags_of(each)["number"]))

    def document(self, snapshot: dict[str, Any]) -> dict[str, str]:
        body: dict[str, str] = json.loads(self._world.restic(self._repository, "dump", snapshot["id"], "/evidence.json").stdout)
        return body

    def forget(self, *snapshots: dict[str, Any]) -> None:
        self._world.restic(self._repository, "forget", *(each["id"] for each in snapshots))

    def write(self, document: dict[str, str], tags: list[str], *, at: str = "") -> None:
        argv = [str(self._world.binary), "-r", str(self._world.root / self._repository), "--no-cache", "backup", "--stdin"]
        argv += ["--stdin-filename", "/evidence.json", *(word for tag in tags for word in ("--tag", tag)), *(("--time", at) if at else ())]
        environment = {**self._world.environment(), "RESTIC_PASSWORD": PASSWORDS[self._repository]}
        subprocess.run(argv, input=json.dumps(document).encode(), env=environment, capture_output=True, check=True)


def tags_of(snapshot: dict[str, Any]) -> dict[str, str]:
    return {key: value for key, equals, value in (tag.partition("=") for tag in snapshot["tags"]) if equals}


def edit(restic: Restic) -> None:
    """Turn the time it took into a better one, in the record and in its tags."""
    victim = restic.evidence()[1]
    document = restic.document(victim)
    record = json.loads(document["record"])
    better = canonical({**record, "rto_seconds": 0.5}).decode()
    digest = SignedEvidence(better, "").digest
    restic.forget(victim)
    restic.write(
        {**document, "record": better},
        [f"record={digest}" if tag.startswith("record=") else "rto=0.5" if tag.startswith("rto=") else tag for tag in victim["tags"]],
    )


def delete(restic: Restic) -> None:
    restic.forget(restic.evidence()[1])


def reorder(restic: Restic) -> None:
    first, second, _third = restic.evidence()
    documents = restic.document(first), restic.document(second)
    restic.forget(first, second)
    restic.write(documents[1], first["tags"])
    restic.write(documents[0], second["tags"])


def truncate(restic: Restic) -> None:
    restic.forget(restic.evidence()[2])


@pytest.fixture(scope="module")
def proven(broken_world: World) -> Path:
    """Three drills, and then a backup: its manifest knows all three. The state directory's evidence is what this host remembers."""
    broken_world.write_policy()
    broken_world.load()
    for _number in range(3):
        broken_world.must("drill", "proof")
    broken_world.must("run")
    place = broken_world.root.with_name(broken_world.root.name + ".proven")
    broken_world.save_as(place)
    return place


@pytest.fixture
def proof(broken_world: World, proven: Path) -> World:
    broken_world.load_from(proven)
    return broken_world


def verify(world: World, capsys: pytest.CaptureFixture[str], *further: str) -> tuple[int, dict[str, Any]]:
    options = ["--policy", str(world.policy_file), "--state-directory", str(world.state), "--restic", str(world.binary), "--json"]
    code = main([*options, "evidence", "verify", *further])
    return code, json.loads(capsys.readouterr().out)


def test_what_was_not_touched_is_whole(proof: World, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, found = verify(proof, capsys)
    assert (code, found["faults"], found["unread"], found["records"], found["heads"]) == (0, [], [], 3, 1)
    shutil.rmtree(proof.state)
    code, found = verify(proof, capsys)
    assert (code, found["faults"], found["records"]) == (0, [], 3)


@pytest.mark.parametrize("remembered", [True, False])
@pytest.mark.parametrize(
    ("tamper", "kind", "number"), [(edit, "edited", 2), (delete, "deleted", 2), (reorder, "reordered", 1), (truncate, "truncated", 3)]
)
def test_four_of_four(
    proof: World,
    home: Path,
    capsys: pytest.CaptureFixture[str],
    tamper: Callable[[Restic], None],
    kind: str,
    number: int,
    remembered: bool,  # noqa: FBT001 - pytest's own shape
) -> None:
    tamper(Restic(proof))
    if remembered and tamper is truncate:
        kind = "deleted"  # the disk that signed it has it still, and knows where it was stored
    if not remembered:
        shutil.rmtree(proof.state)
    code, found = verify(proof, capsys)
    assert code == 5
    assert (kind, number) in {(fault["kind"], fault["number"]) for fault in found["faults"]}, found
    assert {fault["kind"] for fault in found["faults"]} == {kind}
    assert (
        main(
            ["--policy", str(proof.policy_file), "--state-directory", str(proof.state), "--restic", str(proof.binary), "evidence", "verify"]
        )
        == 5
    )
    assert kind in capsys.readouterr().out


def test_what_was_deleted_is_not_put_back(proof: World) -> None:
    delete(Restic(proof))
    proof.must("drill", "proof")
    assert [int(tags_of(each)["number"]) for each in Restic(proof).evidence()] == [1, 3, 4]
    assert "deleted" in {fault.kind for fault in proof.app().evidence_verify().faults}


def test_what_lies_on_the_disk_is_edited_and_found(proof: World) -> None:
    path = next((proof.state / "evidence").glob("*.json"))
    path.write_text(path.read_text().replace("succeeded", "data_wrong"))
    assert {(fault.kind, fault.place) for fault in proof.app().evidence_verify().faults} == {("edited", "this disk")}
    path.write_text("{")
    assert {(fault.kind, fault.place) for fault in proof.app().evidence_verify().faults} == {("unreadable", "this disk")}


def test_a_stranger_is_not_allowed(proof: World, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    signer = proof.app().signer()
    allowed = tmp_path / "allowed_signers"
    allowed.write_text(f"{proof.name} {signer.public_key}\n")
    assert verify(proof, capsys, "--allowed-signers", str(allowed))[0] == 0
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "other")], check=True)
    allowed.write_text(f"{proof.name} {(tmp_path / 'other.pub').read_text()}")
    code, found = verify(proof, capsys, "--allowed-signers", str(allowed))
    assert (code, {fault["kind"] for fault in found["faults"]}) == (5, {"stranger"})


def test_a_machine_made_anew_goes_on_with_a_chain_of_its_own_or_with_its_named_key(proof: World, tmp_path: Path) -> None:
    key = tmp_path / "named"
    shutil.copy(proof.state / "evidence" / "key", key)
    shutil.rmtree(proof.state)
    proof.must("drill", "proof")
    assert sorted((view.evidence.number, not view.repositories) for view in proof.app().evidence_list()[0]) == [
        (1, False),
        (1, False),
        (2, False),
        (3, False),
    ]
    shutil.rmtree(proof.state)
    proof.write_policy({**proof.policy, "evidence": {"key": f"file:{key}"}})
    proof.must("drill", "proof")
    found = proof.app().evidence_verify()
    assert found.faults == ()
    assert sorted(each.newest for each in found.signers) == [1, 4]
    assert not (proof.state / "evidence" / "key").exists()


def test_unsigned_evidence_of_an_older_release_is_read_and_told(world: World) -> None:
    app = world.app()
    repository = world.adapters().repositories["offsite"]
    (point,) = (each for each in repository.list().points[-1:])
    old = Evidence(
        "01J00000000000000000000001", "drill", world.name, "offsite", "succeeded", point.instant, point.sealed, "documents", point.point
    )
    repository.append(old)
    (view,) = app.evidence_list("documents")[0]
    assert (view.evidence.signer, view.repositories) == ("", ("offsite",))
    found = app.evidence_verify()
    assert (found.faults, found.unsigned) == ((), (old.id,))
    assert app.status(refresh=True).sets[0].last_proof is not None
    world.must("drill", "proof")
    assert app.evidence_verify().faults == ()


def test_a_record_says_what_an_auditor_asks(proof: World) -> None:
    app = proof.app()
    shown = app.evidence_show(app.evidence_list()[0][-1].evidence.id[-12:])
    record = shown.record
    assert record is not None
    (point,) = (each for each in proof.adapters().repositories["offsite"].list().points if each.point == record.point)
    assert (record.number, record.previous, record.manifest, record.by, record.set) == (1, "", point.digest, proof.name, "documents")
    assert set(record.versions) == {"drtool", "format", "python", "repository"}
    assert record.versions["repository"].startswith("restic 0.")
    assert [stage["name"] for stage in record.report["stages"]] == ["decide", "reach", "fetch", "restore", "check"]
    assert record.report["outcome"] == record.outcome == "succeeded"
    assert record.report["copies"] == ["offsite"]
    assert {rung["workload"] for rung in record.report["ladder"]} == {f"here:{proof.tree}", "table"}
    assert all(check["passed"] for check in record.report["checks"])
    assert record.report["checks"]
    assert record.checks_passed == record.checks_planned == len(record.report["checks"])
    journal = Path(Runs(str(proof.state)).folder(record.run).journal).read_bytes().splitlines(keepends=True)
    assert hashlib.sha256(b"".join(journal[: record.journal_events])).hexdigest() == record.journal_sha256
    assert record.journal_events < len(journal)


def test_a_reading_is_signed_too_and_a_failed_one(proof: World) -> None:
    proof.must("verify", "near")
    (view,) = (view for view in proof.app().evidence_list()[0] if view.evidence.subject == "verify")
    assert (view.evidence.number, view.evidence.outcome, view.repositories) == (4, "succeeded", ("near",))
    pack = max((proof.root / "near" / "data").rglob("*"), key=lambda path: path.stat().st_size if path.is_file() else 0)
    body = bytearray(pack.read_bytes())
    body[len(body) // 3] ^= 1
    pack.chmod(0o600)
    pack.write_bytes(body)
    assert proof.drtool("verify", "near").outcome == "data_wrong"
    shown = proof.app().evidence_show(proof.app().evidence_list()[0][0].evidence.id)
    assert shown.record is not None
    assert (shown.record.outcome, shown.record.number, bool(shown.record.details["what"])) == ("data_wrong", 5, True)


# drills that were killed


def drills(app: App) -> list[tuple[str, str]]:
    return sorted((view.evidence.outcome, " ".join(view.repositories)) for view in app.evidence_list("documents")[0])


def heard_at(world: World, kind: str, step: str) -> int:
    """Tell which event of an undisturbed drill that is, counted from 1."""
    undisturbed = world.must("drill", "proof")
    return next(number for number, each in enumerate(undisturbed.heard, start=1) if tuple(each[:2]) == (kind, step))


@pytest.mark.parametrize(
    ("kind", "step"),
    [("run_started", ""), ("step_started", "reserve/here"), ("step_started", "documents/record"), ("command_started", "documents/record")],
)
def test_a_killed_drill_is_recorded_as_interrupted_once(world: World, kind: str, step: str) -> None:
    at = heard_at(world, kind, step)
    world.load()
    assert world.drtool("drill", "proof", at=at).code == -signal.SIGKILL
    world.must("sweep")
    assert drills(world.app()) == [("interrupted", "offsite")]
    (view,) = world.app().evidence_list()[0]
    shown = world.app().evidence_show(view.evidence.id)
    assert shown.record is not None
    assert shown.record.details["why"]
    assert shown.record.report["outcome"] == "interrupted"
    assert (shown.record.rto_seconds, shown.record.number) == (None, 1)
    world.must("sweep")
    reopen_last_run_but(world, "drill")
    world.must("sweep")
    assert drills(world.app()) == [("interrupted", "offsite")]
    assert world.app().evidence_verify().faults == ()
    assert world.app().status(refresh=True).sets[0].last_proof is None


def reopen_last_run_but(world: World, verb: str) -> None:
    """Put a settled run back to where the sweep died after signing and before it wrote that down."""
    for folder in Runs(str(world.state)).all():
        plan = folder.plan()
        if plan is not None and plan.verb == verb:
            journal = Path(folder.journal)
            lines = journal.read_text().splitlines(keepends=True)
            journal.write_text("".join(line for line in lines if "recorded as interrupted" not in line and "run_ended" not in line))
            Path(folder.lock).touch()
            return
    raise AssertionError(f"there is no {verb}")


def test_a_drill_killed_after_its_signature_has_both_records(world: World) -> None:
    undisturbed = world.must("drill", "proof")
    ends = [number for number, each in enumerate(undisturbed.heard, start=1) if tuple(each[:2]) == ("command_started", "documents/record")]
    world.load()
    assert world.drtool("drill", "proof", at=ends[-1]).code == -signal.SIGKILL  # the append was begun: the disk has it
    world.must("sweep")
    outcomes = [outcome for outcome, _places in drills(world.app())]
    assert outcomes.count("interrupted") == 1
    assert world.app().evidence_verify().faults == ()


# where it may not be written


def test_a_key_that_may_only_read_leaves_a_good_drill_partial(
    world: World, s3_server: S3Server, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def policy(identity: Any) -> None:  # noqa: ANN401 - one of the rig's words
        environment = {}
        for name, value in s3_server.environment(identity).items():
            path = world.root / f"{identity}.{name}"
            path.write_text(value)
            path.chmod(0o600)
            if name.startswith("AWS_"):
                environment[name] = f"file:{path}"
        body = json.loads(json.dumps(world.policy))
        body["repositories"]["offsite"] |= {"restic": s3_server.address("evidence"), "environment": environment, "timeout": "2s"}
        world.write_policy(body)

    policy("admin")
    world.must("initialise", "offsite")
    world.must("run")
    policy("reader")
    ended = world.drtool("drill", "proof")
    assert ended.outcome == "partial", ended.explain()
    assert ended.report is not None
    (warning,) = (text for text in ended.report["sets"][0]["warnings"] if "evidence" in text)
    assert "on this disk only" in warning
    (view,) = world.app().evidence_list()[0]
    assert not view.repositories
    assert view.evidence.outcome == "succeeded", "the data was good: only nobody else can know"
    assert (
        main(["--policy", str(world.policy_file), "--state-directory", str(world.state), "--restic", str(world.binary), "evidence", "list"])
        == 0
    )
    assert "on disk only" in capsys.readouterr().out
    assert world.app().evidence_verify().faults == ()
    policy("admin")
    world.must("drill", "proof")
    assert sorted((each.evidence.number, each.repositories) for each in world.app().evidence_list()[0]) == [
        (1, ("offsite",)),
        (2, ("offsite",)),
    ]
    remove(world.state / "evidence")
    assert world.app().evidence_verify().faults == ()


def forge(restic: Restic, genuine: dict[str, Any]) -> None:
    """Sign another outcome under the id of a genuine record, by a key of one's own, and date it earlier."""
    raw = Ed25519PrivateKey.generate()
    public = sshsig.public_line(raw)
    thief = Signer(raw, public, sshsig.fingerprint(public))
    record = read_sealed(json.dumps(restic.document(genuine)).encode()).opened()
    changes: dict[str, Any] = {
        "signer": thief.fingerprint,
        "public_key": thief.public_key,
        "number": 1,
        "previous": "",
        "outcome": "data_wrong",
    }
    document = seal(thief, replace(record, **changes))
    tags = body_tags(document, sign=lambda text: sign_tags(thief, text))
    restic.write(
        {"record": document.record, "signature": document.signature, "format": document.format}, list(tags), at="2020-01-01 00:00:00"
    )


def test_who_takes_the_id_of_a_record_hides_it_nowhere(proof: World, tmp_path: Path) -> None:
    restic = Restic(proof)
    genuine = restic.evidence()[1]
    identifier = tags_of(genuine)["eid"]
    forge(restic, genuine)
    for at, app in enumerate((proof.app(), proof.app(state=tmp_path / "another"))):
        views, _ = app.evidence_list()
        assert sorted(each.evidence.outcome for each in views if each.evidence.id == identifier) == ["data_wrong", "succeeded"]
        index = app.evidence_export(str(tmp_path / f"audit{at}"))
        told = [(entry["result"]["outcome"], entry["file"]) for entry in index["records"] if entry["id"] == identifier]
        assert sorted(outcome for outcome, _ in told) == ["data_wrong", "succeeded"]
        for outcome, file in told:
            assert json.loads((tmp_path / f"audit{at}" / file).read_text())["outcome"] == outcome
    assert proof.app().evidence_show(identifier).view.evidence.outcome == "succeeded"
    assert [each.counts for each in proof.app().evidence_verify().signers].count(False) == 1
    restic.forget(genuine)
    assert ("deleted", "this disk") in {(fault.kind, fault.place) for fault in proof.app().evidence_verify().faults}


def test_what_was_copied_into_a_repository_made_anew_proves_nothing_there(proof: World) -> None:
    """Whoever moves a repository with `restic copy` brings the evidence of the old one along: no byte of the new one was ever read."""
    before = proof.app().points()
    assert [view.proven for view in before if view.proven] != []
    old = proof.root / "offsite.old"
    (proof.root / "offsite").rename(old)
    proof.restic("offsite", "init")
    environment = {**proof.environment(), "RESTIC_PASSWORD": PASSWORDS["offsite"], "RESTIC_FROM_PASSWORD": PASSWORDS["offsite"]}
    argv = [str(proof.binary), "-r", str(proof.root / "offsite"), "--no-cache", "copy", "--from-repo", str(old)]
    subprocess.run(argv, env=environment, capture_output=True, check=True)
    app = proof.app()
    app.rebuild(accept="offsite")
    after = app.points()
    assert [view.repositories for view in after] == [view.repositories for view in before]
    assert [(view.proven, view.verified) for view in after if "offsite" in (*view.proven, *view.verified)] == []
    assert [each.last_proof for each in app.status(refresh=True).sets] == [None]
    assert {each.evidence.copied for each in app.evidence_list()[0]} == {True}
    assert app.evidence_verify().faults == ()
    proof.must("drill", "proof")
    assert [each.last_proof is not None for each in proof.app().status(refresh=True).sets] == [True]


# handed out


def test_what_is_exported_is_checked_by_a_stranger(proof: World, tmp_path: Path) -> None:
    out = tmp_path / "audit"
    index = proof.app().evidence_export(str(out))
    assert json.loads((out / "index.json").read_text()) == index
    assert index["left_out"] == {"unsigned": [], "faulty": [], "unread": []}
    assert [entry["who"]["number"] for entry in index["records"]] == [1, 2, 3]
    for entry in index["records"]:
        argv = ["ssh-keygen", "-Y", "verify", "-f", "allowed_signers", "-I", proof.name, "-n", "drtool.evidence", "-s", entry["signature"]]
        record = (out / entry["file"]).read_bytes()
        assert subprocess.run(argv, input=record, cwd=out, capture_output=True, check=False).returncode == 0
        assert subprocess.run(argv, input=record + b" ", cwd=out, capture_output=True, check=False).returncode != 0
        body = json.loads(record)
        assert (entry["result"]["outcome"], entry["what"]["point"]) == (body["outcome"], body["point"])
        for names in index["questions"].values():
            assert any(_has(body, name) or _has(entry, name) for name in names), names
    assert (
        main(["--policy", str(proof.policy_file), "--state-directory", str(proof.state), "evidence", "export", "--output", str(out)]) == 6
    )


def _has(body: dict[str, Any], name: str) -> bool:
    value: Any = body
    for part in name.split("."):
        if not isinstance(value, dict) or part not in value:
            return False
        value = value[part]
    return True


def test_an_export_leaves_out_what_nobody_vouches_for(proof: World, tmp_path: Path) -> None:
    edit(Restic(proof))
    shutil.rmtree(proof.state)
    index = proof.app().evidence_export(str(tmp_path / "audit"))
    assert [entry["who"]["number"] for entry in index["records"]] == [1, 3]
    assert len(index["left_out"]["faulty"]) == 1
