"""Encrypted datasets there and back: whose key opens what came back, also after the NAS was started again."""

from __future__ import annotations

import json
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from drtool.model.errors import DrtoolError, Refused
from drtool.model.plan import Destination, Landed
from drtool.model.point import Member
from drtool.ports import LandRequest, ReserveRequest
from drtool.sources.truenas.datasets.dataset import Dataset, require_dataset
from drtool.sources.truenas.keys.encryption import change_key, exported_key, opens
from drtool.sources.truenas.land.create import create_dataset
from drtool.sources.truenas.source import TruenasSource
from tests.rig.truenas_lab import Lab
from tests.truenas.circle import BY, POINT, RUN, content, put_back, take, tidy

PHRASE = "correct horse battery"
KEY = "ab" * 32
SECRET = "tank/secret"
BELOW = "tank/secret/below"
TREE = {"dataset": SECRET, "recursive": True}


def write_secret(tmp_path: Path, name: str, text: str) -> str:
    path = tmp_path / name
    path.write_text(f"{text}\n")
    path.chmod(0o600)
    return f"file:{path}"


def encrypted(lab: Lab, source: TruenasSource, options: dict[str, Any], *, name: str = SECRET, below: bool = True) -> None:
    create_dataset(source.client, name, {}, {"encryption": True, "inherit_encryption": False, "encryption_options": options})
    (lab.root / name / "letter").write_text(f"in {name}")
    if below:
        create_dataset(source.client, f"{name}/below", {})
        (lab.root / name / "below" / "letter").write_text(f"below {name}")


def job(source: TruenasSource, method: str, *params: object) -> object:
    return source.client.wait_for_job(int(source.client.read(method, *params)), method, *params, what=method)


def lock(source: TruenasSource, name: str = SECRET) -> None:
    assert job(source, "pool.dataset.lock", name) is True


def boot(lab: Lab, source: TruenasSource) -> None:
    """Start the NAS again, after it threw away the keys that open nothing under their name, as it does once a day."""
    admin = lab.source(by=BY, administrator=True)
    (number, _address) = admin.client.read("core.download", "pool.dataset.export_keys", ["tank"], "k", True)
    admin.client.wait_for_job(int(number), "pool.dataset.export_keys", "tank", what="keys")
    lab.faults({"method": "system.version", "kind": "reboot_before", "seconds": 0.3})
    with pytest.raises(DrtoolError):
        admin.client._call("system.version", (), 5.0)
    lab.faults()
    time.sleep(0.5)
    admin.close()
    source.close()
    source.client.read("core.ping")


def all_back(source: TruenasSource, members: list[Member], copies: Path) -> dict[str, Landed]:
    """Put all back, what lies inside first, as a plan has it."""
    return {member.selector["dataset"]: put_back(source, member, copies) for member in reversed(members)}


def told(source: TruenasSource, name: str) -> Dataset:
    return require_dataset(source.client, name)


def test_a_key_comes_back_with_the_dataset_and_survives_a_boot(lab: Lab, tmp_path: Path) -> None:
    source = lab.source(by=BY)
    encrypted(lab, source, {"key": KEY})
    before = content(lab.root / SECRET)
    (workload, child) = source.discover(TREE)
    assert workload.selector["encryption"] == {"root": SECRET, "form": "HEX"}
    assert child.selector["encryption"] == {"root": SECRET, "form": "HEX"}
    members = take(source, tmp_path / "copies", TREE)
    (lab.root / SECRET / "letter").write_text("damaged")
    landed = all_back(source, members, tmp_path / "copies")
    assert {each.note for each in landed.values()} == {""}
    assert content(lab.root / SECRET) == before
    aside = landed[SECRET].aside
    boot(lab, source)
    for name in (SECRET, BELOW, aside, landed[BELOW].aside.replace(SECRET, aside, 1)):  # what was kept of it was taken along
        found = told(source, name)
        assert not found.locked, f"{name} is lost after a boot"
        assert found.encryption_root == (aside if name.startswith(aside) else SECRET)
    for root in (SECRET, aside):
        key = exported_key(source.client, root)
        assert key is not None
        assert key.reveal() == KEY
    assert content(lab.root / SECRET) == before
    tidy(source)


def test_without_writing_the_key_again_a_boot_would_lock_it_for_good(lab: Lab) -> None:
    """The control of the test above: what a bare rename does to a key."""
    source = lab.source(by=BY)
    encrypted(lab, source, {"key": KEY}, below=False)
    source.client.change("pool.dataset.rename", SECRET, {"new_name": "tank/moved", "force": True}, look=lambda: False)
    assert not opens(source.client, "tank/moved")
    boot(lab, source)
    assert told(source, "tank/moved").locked
    assert exported_key(source.client, "tank/moved") is None
    source.close()


def test_destroyed_datasets_come_back_with_the_key_of_the_saved_configuration(lab: Lab, tmp_path: Path) -> None:
    plain = lab.source(by=BY)
    encrypted(lab, plain, {"key": KEY})
    members = take(plain, tmp_path / "copies", TREE)
    before = content(lab.root / SECRET)
    plain.client.change("pool.dataset.delete", SECRET, {"recursive": True}, look=lambda: False)
    plain.close()
    kept = write_secret(tmp_path, "keys.json", json.dumps({"tank": {SECRET: KEY}}))
    source = lab.source(by=BY, keys={"tank": kept})
    landed = all_back(source, members, tmp_path / "copies")
    assert landed[SECRET].note == ""
    assert landed[BELOW].note.endswith("until that is restored")
    boot(lab, source)
    key = exported_key(source.client, SECRET)
    assert key is not None
    assert key.reveal() == KEY
    assert told(source, BELOW).encryption_root == SECRET
    assert content(lab.root / SECRET) == before
    assert KEY not in (Path(lab.started.directory) / "calls.jsonl").read_text()
    tidy(source)


def test_without_any_key_the_nas_makes_one_and_it_is_said(lab: Lab, tmp_path: Path) -> None:
    source = lab.source(by=BY)
    encrypted(lab, source, {"key": KEY}, below=False)
    encrypted(lab, source, {"passphrase": PHRASE}, name="tank/phrase", below=False)
    members = [*take(source, tmp_path / "copies", TREE), *take(source, tmp_path / "copies", {"dataset": "tank/phrase"})]
    for name in (SECRET, "tank/phrase"):
        source.client.change("pool.dataset.delete", name, {}, look=lambda: False)
    landed = all_back(source, members, tmp_path / "copies")
    assert "has a new one, made by the NAS" in landed[SECRET].note
    assert "its passphrase was not given" in landed["tank/phrase"].note
    boot(lab, source)
    for name in (SECRET, "tank/phrase"):
        found = told(source, name)
        assert (found.encryption_root, found.locked, found.key_form) == (name, False, "HEX")
    tidy(source)


def test_a_passphrase_comes_back_with_all_below_it(lab: Lab, tmp_path: Path) -> None:
    source = lab.source(by=BY, passphrases={SECRET: write_secret(tmp_path, "phrase", PHRASE)})
    encrypted(lab, source, {"passphrase": PHRASE})
    create_dataset(source.client, "tank/secret/new", {})
    before = content(lab.root / SECRET)
    members = take(source, tmp_path / "copies", {**TREE, "exclude": ["tank/secret/new"]})
    (lab.root / SECRET / "letter").write_text("damaged")
    landed = all_back(source, members, tmp_path / "copies")
    assert {each.note for each in landed.values()} == {""}
    assert content(lab.root / SECRET) == before
    for name in (SECRET, BELOW, "tank/secret/new"):
        found = told(source, name)
        assert (found.encryption_root, found.key_form, found.locked) == (SECRET, "PASSPHRASE", False)
        assert "rekeyed" not in found.marks
    boot(lab, source)
    assert told(source, SECRET).locked
    answer: Any = job(source, "pool.dataset.unlock", SECRET, {"datasets": [{"name": SECRET, "passphrase": PHRASE}]})
    assert answer["failed"] == {}
    assert {SECRET, BELOW, "tank/secret/new"} <= set(answer["unlocked"])
    assert PHRASE not in (Path(lab.started.directory) / "calls.jsonl").read_text()
    tidy(source)


@pytest.mark.parametrize(("given", "said"), [("", "it was not given"), ("another phrase", "what was given does not open it")])
def test_what_could_not_be_taken_along_is_refused_before_anything(lab: Lab, tmp_path: Path, given: str, said: str) -> None:
    settings: dict[str, Any] = {"passphrases": {SECRET: write_secret(tmp_path, "phrase", given)}} if given else {}
    source = lab.source(by=BY, **settings)
    encrypted(lab, source, {"passphrase": PHRASE})
    members = take(source, tmp_path / "copies", TREE)
    made = lab.calls("pool.dataset.create")
    with pytest.raises(Refused, match=said) as caught:
        put_back(source, members[0], tmp_path / "copies")
    assert f"passphrases: {{{SECRET}: file:" in caught.value.hint
    assert lab.calls("pool.dataset.create") == made
    assert source.leftovers(()) == ()
    source.close()


def test_a_locked_parent_is_unlocked_by_what_was_given_or_refused(lab: Lab, tmp_path: Path) -> None:
    plain = lab.source(by=BY)
    encrypted(lab, plain, {"passphrase": PHRASE})
    member = take(plain, tmp_path / "copies", TREE)[1]
    before = content(lab.root / BELOW)
    lock(plain)
    (told_of, _) = plain.discover(TREE)
    assert "is locked (a passphrase opens it)" in told_of.problem
    with pytest.raises(Refused, match="is locked, so nothing can be restored") as caught:
        put_back(plain, member, tmp_path / "copies")
    assert "passphrases:" in caught.value.hint
    plain.close()
    wrong = lab.source(by=BY, passphrases={SECRET: write_secret(tmp_path, "wrong", "another phrase")})
    with pytest.raises(Refused, match="Invalid Key") as refused:
        put_back(wrong, member, tmp_path / "copies")
    assert "another phrase" not in f"{refused.value} {vars(refused.value)}"
    assert wrong.leftovers(()) == ()
    wrong.close()
    right = lab.source(by=BY, passphrases={SECRET: write_secret(tmp_path, "right", PHRASE)})
    put_back(right, member, tmp_path / "copies")
    assert content(lab.root / BELOW) == before
    assert told(right, BELOW).encryption_root == SECRET
    tidy(right)


def test_a_dataset_locked_between_plan_and_step_is_told(lab: Lab) -> None:
    source = lab.source(by=BY)
    encrypted(lab, source, {"passphrase": PHRASE}, below=False)
    (workload,) = source.discover(TREE)
    lock(source)
    with pytest.raises(Refused, match="was locked after the plan") as caught, source.export(source.snapshot(workload, "drtool-x")):
        pass
    assert "unlock it" in caught.value.hint
    tidy(source)


def test_a_key_changed_since_the_backup_is_told(lab: Lab, tmp_path: Path) -> None:
    source = lab.source(by=BY, keys={SECRET: write_secret(tmp_path, "key", KEY)})
    encrypted(lab, source, {"key": KEY}, below=False)
    members = take(source, tmp_path / "copies", TREE)
    change_key(source.client, SECRET, {})
    assert not opens(source.client, SECRET, {"key": source._parts.dataset_keys.key_of(SECRET)})  # type: ignore[dict-item]
    findings = {finding.text: finding for finding in source.examine()}
    (changed,) = [finding for text, finding in findings.items() if "the key that is given does not open tank/secret" in text]
    assert changed.good is False
    landed = all_back(source, members, tmp_path / "copies")
    assert "it was changed since" in landed[SECRET].note
    boot(lab, source)
    assert not told(source, SECRET).locked
    assert not told(source, landed[SECRET].aside).locked
    tidy(source)


def test_a_child_restored_alone_goes_back_under_its_parents_key(lab: Lab, tmp_path: Path) -> None:
    source = lab.source(by=BY)
    encrypted(lab, source, {"key": KEY})
    member = take(source, tmp_path / "copies", TREE)[1]
    source.client.change("pool.dataset.delete", BELOW, {}, look=lambda: False)
    assert put_back(source, member, tmp_path / "copies").note == ""
    found = told(source, BELOW)
    assert found.encryption_root == SECRET
    assert found.marks.keys() == {"restored"}
    tidy(source)


def test_a_drill_of_an_encrypted_dataset_is_encrypted_too(lab: Lab, tmp_path: Path) -> None:
    source = lab.source(by=BY)
    encrypted(lab, source, {"passphrase": PHRASE}, below=False)
    (member,) = take(source, tmp_path / "copies", TREE)
    lock(source)
    until = datetime.now(UTC) + timedelta(hours=2)
    reserved = source.reserve(ReserveRequest({"dataset": "tank/drill"}, Destination("sandbox", sandbox="lab"), RUN, BY, 1000, until))
    landed = put_back(source, member, tmp_path / "copies", form="sandbox", reserved=reserved.locator)
    name = source._parts.file_access().dataset_of(landed.target)
    assert told(source, name).encrypted
    source.release(reserved)
    tidy(source)


def test_the_secrets_stand_in_no_message_and_no_file(lab: Lab, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(1)
    source = lab.source(by=BY, passphrases={SECRET: write_secret(tmp_path, "phrase", PHRASE)})
    encrypted(lab, source, {"passphrase": PHRASE}, below=False)
    (member,) = take(source, tmp_path / "copies", TREE)
    for method in ("pool.dataset.create", "pool.dataset.encryption_summary"):
        lab.faults({"method": method, "kind": "error", "errno": "EINVAL", "reason": f"no: {PHRASE}"})
        with pytest.raises(DrtoolError) as caught:
            put_back(source, member, tmp_path / "copies")
        assert PHRASE not in f"{caught.value} {vars(caught.value)} {caught.value.__cause__}"
        lab.faults()
    assert PHRASE not in caplog.text
    assert PHRASE not in " ".join(f"{name}={value}" for name, value in os.environ.items())
    tidy(source)


def test_doctor_tries_every_key_without_using_it(lab: Lab, tmp_path: Path) -> None:
    phrases = {SECRET: write_secret(tmp_path, "phrase", "another phrase"), "tank/nowhere": write_secret(tmp_path, "none", "another phrase")}
    source = lab.source(by=BY, passphrases=phrases, keys={"tank/keyed": write_secret(tmp_path, "key", KEY)})
    encrypted(lab, source, {"passphrase": PHRASE}, below=False)
    encrypted(lab, source, {"key": KEY}, name="tank/keyed", below=False)
    encrypted(lab, source, {"passphrase": PHRASE}, name="tank/untold", below=False)
    encrypted(lab, source, {"key": KEY}, name="tank/before", below=False)
    source.client.change("pool.dataset.rename", "tank/before", {"new_name": "tank/renamed", "force": True}, look=lambda: False)
    said = {finding.text: finding.good for finding in source.examine()}
    assert said["the passphrase that is given does not open tank/secret: it is wrong, or tank/secret was given another since"] is False
    assert said["the key that is given opens tank/keyed"] is True
    assert said["no backup has the passphrase of tank/untold: a restore would give it a key instead"] is None
    assert said["tank/renamed will be locked after the next boot"] is False
    assert said["`passphrases:` names tank/nowhere, which does not exist there"] is None
    assert not told(source, SECRET).locked
    source.close()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_destroyed_they_come_back_in_any_order_even_at_once(lab: Lab, tmp_path: Path, order: tuple[int, int]) -> None:
    source = lab.source(by=BY, keys={SECRET: write_secret(tmp_path, "key", KEY)})
    encrypted(lab, source, {"key": KEY})
    before = content(lab.root / SECRET)
    members = take(source, tmp_path / "copies", TREE)
    source.client.change("pool.dataset.delete", SECRET, {"recursive": True}, look=lambda: False)
    landed = [land(source, members[number], tmp_path / "copies") for number in order]
    with ThreadPoolExecutor(2) as both:
        notes = [result.note for result in both.map(source.cutover, landed)]
    assert set(notes) <= {"", "tank/secret is not encrypted, so it has a key of its own, made by the NAS, until that is restored"}
    for name in (SECRET, BELOW):
        found = told(source, name)
        assert found.encryption_root == SECRET
        assert found.marks.keys() <= {"restored"}
    assert content(lab.root / SECRET) == before
    boot(lab, source)
    assert not told(source, BELOW).locked
    tidy(source)


def land(source: TruenasSource, member: Member, copies: Path) -> Landed:
    request = LandRequest(member, POINT, RUN, BY, Destination("original"), datetime.now(UTC) + timedelta(hours=2))
    with source.land(request) as landing:
        root = Path(landing.way_of("").directory + member.artifacts[0].path)
        shutil.copytree(copies / member.workload.replace("/", "%"), root, symlinks=True)
        return landing.landed
