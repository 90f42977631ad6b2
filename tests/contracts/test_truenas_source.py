from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from drtool.model.carried import Survey
from drtool.model.errors import Refused
from drtool.model.plan import Destination
from drtool.model.policy import SourcePolicy
from drtool.model.secret import Secret, SecretReference
from drtool.runners.local import LocalRunner
from drtool.sources.truenas.land.create import create_dataset
from drtool.sources.truenas.source import TruenasSource
from drtool.testing.fixed_clock import FixedClock
from drtool.testing.source_contract import BY, SourceContract, Subject, land_request, take
from tests.rig import zfs
from tests.rig.small_nas import KEY, SmallNas
from tests.rig.truenas_lab import Lab, running_lab


class OneKey:
    def resolve(self, reference: SecretReference) -> Secret:
        assert str(reference) == "credential:nas"
        return Secret(KEY)


def make_source(nas: SmallNas, **settings: object) -> TruenasSource:
    keys = {"url": f"wss://localhost:{nas.port}/api/current", "user": "drtool", "key": "credential:nas", "ca": str(nas.ca), **settings}
    policy = SourcePolicy("nas", "truenas", "home", {"mounts": str(nas.root.parent / "mounts"), **keys})
    return TruenasSource(policy=policy, by=BY, runner=LocalRunner(), clock=FixedClock(), secrets=OneKey(), watch=("tank/documents",))


def tidy(source: TruenasSource) -> None:
    """Release everything; nothing may be left then."""
    for leftover in source.leftovers(()):
        source.release(leftover)
    assert source.leftovers(()) == ()
    source.close()


@pytest.fixture
def nas(tmp_path: Path) -> Iterator[SmallNas]:
    with SmallNas(tmp_path / "nas") as server:
        server.add("tank")
        server.add("tank/drill")
        documents = server.add("tank/documents", properties={"recordsize": "128K"})
        (documents / "odd\nname").write_bytes(b"odd")
        (documents / "mnt").mkdir(mode=0o711)
        (documents / "mnt" / "plain").write_bytes(b"plain" * 100)
        yield server


def test_a_dataset_of_which_files_were_left_out_is_not_exchanged_unasked(nas: SmallNas, tmp_path: Path) -> None:
    source = make_source(nas)
    subject = Subject(source, {"dataset": "tank/documents", "exclude_files": ["*.iso"], "exclude_caches": True}, {}, tmp_path, missing={})
    member, _content = take(subject)
    request = land_request(subject, member, "original")
    for call in (source.survey, lambda asked: source.land(asked).__enter__()):
        with pytest.raises(Refused, match="exclude_files and exclude_caches leave out") as caught:
            call(request)
        assert "--workload nas:tank/documents --path FOLDER" in caught.value.hint
        assert "--leave-excluded" in caught.value.hint
    for harmless in ({"leave_excluded": True}, {"paths": ("/folder",)}, {"destination": Destination("directory", path=str(tmp_path))}):
        seen = source.survey(replace(request, **harmless))
        assert replace(seen, notes=()) == Survey()
        assert bool(seen.notes) == ("destination" not in harmless), "where it is put in place, it is said that nothing is compared"
    tidy(source)


class TestTruenasSource(SourceContract):
    @pytest.fixture
    def subject(self, nas: SmallNas, tmp_path: Path) -> Iterator[Subject]:
        source = make_source(nas)
        yield Subject(source, {"dataset": "tank/documents"}, {"dataset": "tank/drill"}, tmp_path, missing={"dataset": "tank/nowhere"})
        tidy(source)

    def observe(self, subject: Subject) -> object:
        root = subject.directory / "nas" / "mnt" / "tank" / "documents"
        return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}

    def spoil(self, subject: Subject) -> None:
        (subject.directory / "nas" / "mnt" / "tank" / "documents" / "mnt" / "plain").write_bytes(b"damaged")


@pytest.fixture(scope="module", params=zfs.STORAGES)
def lab(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Lab]:
    if os.geteuid() != 0:
        pytest.skip("what an appliance shares is mounted, which needs root")
    with running_lab(tmp_path_factory.mktemp(request.param), real=request.param == "zfs") as running:
        yield running


class TestTruenasSourceOverItsShares(SourceContract):
    @pytest.fixture
    def subject(self, lab: Lab, tmp_path: Path) -> Iterator[Subject]:
        documents, drill = f"{lab.pool}/documents", f"{lab.pool}/drill"
        source = lab.source(by=BY, watch=(documents,))
        lab.refresh(source)
        create_dataset(source.client, drill, {})
        self.documents = lab.root / documents
        (self.documents / "odd\nname").write_bytes(b"odd")
        yield Subject(source, {"dataset": documents}, {"dataset": drill}, tmp_path, missing={"dataset": f"{lab.pool}/nowhere"})
        tidy(source)

    def observe(self, subject: Subject) -> object:
        return {str(path.relative_to(self.documents)): path.read_bytes() for path in self.documents.rglob("*") if path.is_file()}

    def spoil(self, subject: Subject) -> None:
        (self.documents / "read-me").write_bytes(b"damaged")
