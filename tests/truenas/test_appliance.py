from __future__ import annotations

import io
import json
import shutil
import tarfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from drtool.model.errors import Corrupt, DrtoolError, Refused
from drtool.model.plan import Destination, Restored
from drtool.model.point import Artifact, Census, Member
from drtool.model.policy import CheckPolicy
from drtool.ports import Question, ReserveRequest
from drtool.sources.truenas.check import ApplianceCheck
from drtool.sources.truenas.create import create_dataset
from drtool.sources.truenas.verify import verify
from tests.rig.small_nas import SmallNas
from tests.rig.truenas_lab import Lab
from tests.truenas.circle import BY, RUN, put_back, tidy


def exported(lab: Lab, copies: Path) -> Member:
    source = lab.source(by=BY, administrator=True)
    (workload,) = source.discover({"system": True})
    with source.export(source.snapshot(workload, f"{RUN}/1")) as export:
        (artifact,) = export.artifacts
        root = Path(artifact.path)
        assert {path.name: path.stat().st_mode & 0o777 for path in root.iterdir()} == dict.fromkeys(
            ("config.tar", "keys.json", "facts.json"), 0o600
        )
        assert root.stat().st_mode & 0o777 == 0o700
        assert [leftover.what for leftover in source.leftovers(())] == ["staging"]
        shutil.copytree(root, copies / workload.name)
    assert not root.exists()
    assert source.leftovers(()) == ()
    source.close()
    stored = Artifact(artifact.name, "tree", "0" * 64, artifact.path, Census(3, 1))
    return Member(workload.name, "nas", workload.kind, workload.selector, datetime.now(UTC), (stored,))


def read(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_the_configuration_is_whole_in_a_sandbox_and_nowhere_else(lab: Lab, tmp_path: Path) -> None:
    admin = lab.source(by=BY, administrator=True)
    create_dataset(
        admin.client, "tank/secret", {}, {"encryption": True, "inherit_encryption": False, "encryption_options": {"generate_key": True}}
    )
    member = exported(lab, tmp_path / "copies")
    files = read(tmp_path / "copies" / "nas:system")
    assert json.loads(files["keys.json"])["tank"].keys() == {"tank/secret"}
    looked = verify(files)
    assert looked.problems == []
    assert looked.compared == 6
    with pytest.raises(Refused, match="by a person"):
        put_back(admin, member, tmp_path / "copies")
    until = datetime.now(UTC) + timedelta(hours=1)
    reserved = admin.reserve(ReserveRequest({"dataset": "tank/drill"}, Destination("sandbox", sandbox="lab"), RUN, BY, 1000, until))
    landed = put_back(admin, member, tmp_path / "copies", form="sandbox", reserved=reserved.locator)
    restored = Restored("nas:system", "nas", landed.destination, landed.target, member)
    question = Question(CheckPolicy("truenas_config", "config"), (restored,), {"nas:system": admin.inspect(restored)}, until, until)
    answer = ApplianceCheck().ask(question)
    assert answer.passed, answer.observed
    keys = Path(landed.target) / "keys.json"
    keys.write_text(json.dumps({"tank": {}}))
    answer = ApplianceCheck().ask(question)
    assert not answer.passed
    assert "the key of tank/secret is missing" in answer.observed
    tidy(admin)


def test_each_loss_is_seen(lab: Lab, tmp_path: Path) -> None:
    exported(lab, tmp_path / "copies")
    files = read(tmp_path / "copies" / "nas:system")
    assert verify(files).problems == []
    assert "does not open" in verify({**files, "config.tar": files["config.tar"][:700]}).problems[0]
    assert "facts.json" in " ".join(verify({**files, "facts.json": b""}).problems)
    assert "secret seed" in verify({**files, "config.tar": without(files["config.tar"], "pwenc_secret")}).problems[0]
    assert "is missing" in verify({**files, "config.tar": without(files["config.tar"], "freenas-v1.db")}).problems[0]
    assert "is damaged" in verify({**files, "config.tar": without(files["config.tar"], "freenas-v1.db", instead=b"x" * 5000)}).problems[0]


def without(archive: bytes, name: str, *, instead: bytes = b"") -> bytes:
    result = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(archive)) as old, tarfile.open(fileobj=result, mode="w") as new:
        for item in old.getmembers():
            file = old.extractfile(item)
            body = file.read() if file is not None else b""
            if Path(item.name).name == name:
                body = instead
                item.size = len(body)
            new.addfile(item, io.BytesIO(body))
    return result.getvalue()


def test_a_worker_may_not_take_the_configuration(lab: Lab) -> None:
    source = lab.source(by=BY)
    (workload,) = source.discover({"system": True})
    with pytest.raises(DrtoolError), source.export(source.snapshot(workload, f"{RUN}/1")):
        pass
    assert source.leftovers(()) == ()
    source.close()


def test_a_configuration_without_its_seed_is_not_stored(tmp_path: Path) -> None:
    from tests.contracts.test_truenas_source import make_source  # noqa: PLC0415 - its server loses the seed

    with SmallNas(tmp_path / "nas") as nas:
        nas.add("tank")
        nas.seed = b""
        source = make_source(nas)
        (workload,) = source.discover({"system": True})
        with pytest.raises(Corrupt, match="secret seed"), source.export(source.snapshot(workload, f"{RUN}/1")):
            pass
        source.close()
