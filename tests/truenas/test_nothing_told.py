"""What must be there and is not told is red: neither doctor nor a sweep takes silence for health."""

from __future__ import annotations

from pathlib import Path

import pytest

from drtool.model.errors import DrtoolError
from drtool.ports import Finding
from drtool.sources.truenas.land.create import create_dataset
from tests.rig.truenas_lab import Lab, running_lab
from tests.truenas.circle import BY, take, tidy


def nothing(*methods: str) -> list[dict[str, object]]:
    return [{"method": method, "kind": "nothing", "call": 0} for method in methods]


def bad(findings: tuple[Finding, ...]) -> str:
    return "; ".join(finding.text for finding in findings if finding.good is False)


@pytest.mark.parametrize(
    ("methods", "said"),
    [
        (("pool.query",), "tells of no pool"),
        (("pool.dataset.query",), "tells of no dataset of the pool tank"),
        (("pool.dataset.encryption_summary",), "does not tell whether the key that it keeps opens tank/secret"),
        (("service.query",), "start the NFS service"),
        (("auth.me",), "its key lacks"),
        (("system.version", "system.info"), "does not tell which release it is"),
    ],
)
def test_doctor_takes_silence_for_no_health(lab: Lab, methods: tuple[str, ...], said: str) -> None:
    source = lab.source(by=BY)
    secret = {"encryption": True, "inherit_encryption": False, "encryption_options": {"generate_key": True}}
    create_dataset(source.client, "tank/secret", {}, secret)
    assert bad(source.examine()) == ""
    source.close()
    silent = lab.source(by=BY)
    lab.faults(*nothing(*methods))
    findings = silent.examine()
    told = bad(findings) + "; ".join(finding.remedy for finding in findings if finding.good is False)
    assert said in told, findings
    lab.faults()
    tidy(silent)


def test_a_clock_that_is_not_told_is_not_taken_for_right(lab: Lab) -> None:
    source = lab.source(by=BY)
    lab.faults(*nothing("system.info"))
    assert any(finding.good is None and "clock" in finding.text for finding in source.examine())
    lab.faults()
    source.close()


def test_a_sweep_does_not_say_that_nothing_is_left_where_it_saw_nothing(lab: Lab) -> None:
    source = lab.source(by=BY)
    (workload,) = source.discover({"dataset": "tank/documents"})
    source.snapshot(workload, "drtool-left")
    lab.faults(*nothing("pool.dataset.query"))
    with pytest.raises(DrtoolError, match="tells of no dataset"):
        source.leftovers(())
    lab.faults()
    assert [leftover.what for leftover in source.leftovers(())] == ["snapshot"]
    tidy(source)


def test_a_dataset_that_was_emptied_since_it_was_listed_is_no_fault(lab: Lab, tmp_path: Path) -> None:
    source = lab.source(by=BY)
    create_dataset(source.client, "tank/large", {})
    (lab.root / "tank/large/file").write_bytes(b"x" * (3 << 20))
    (workload,) = source.discover({"dataset": "tank/large"})
    (lab.root / "tank/large/file").unlink()
    with source.export(source.snapshot(workload, "drtool-x")) as export:
        assert list(Path(export.artifacts[0].path).iterdir()) == []
    tidy(source)


@pytest.mark.parametrize("release", ["25.04", "25.10", "26"])
def test_a_configuration_does_not_miss_the_key_of_a_clone(tmp_path: Path, release: str) -> None:
    """Also where a clone has no label: it goes again, and has no key of its own."""
    with running_lab(tmp_path, release=release) as lab:
        admin = lab.source(by=BY, administrator=True)
        secret = {"encryption": True, "inherit_encryption": False, "encryption_options": {"generate_key": True}}
        create_dataset(admin.client, "tank/secret", {}, secret)
        (workload,), (system,) = admin.discover({"dataset": "tank/secret"}), admin.discover({"system": True})
        with admin.export(admin.snapshot(workload, "drtool-x")), admin.export(admin.snapshot(system, "drtool-x")) as export:
            assert Path(export.artifacts[0].path, "keys.json").exists()
        assert bad(admin.examine()) == ""
        assert len(take(admin, tmp_path / "copies", {"dataset": "tank/secret"})) == 1
        tidy(admin)
