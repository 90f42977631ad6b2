"""Which packs restic reads for slice n of t, and for one snapshot: what the bookkeeping of readings is built on."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from drtool.engine.clock import SystemClock
from drtool.model.errors import Corrupt
from drtool.model.policy import Address, RepositoryPolicy
from drtool.model.secret import SecretReference
from drtool.ports import VerifyRequest
from drtool.repositories.restic.repository import ResticRepository
from drtool.runners.local import LocalRunner
from drtool.secrets.store import Secrets
from tests.rig.cheap_key import make_cheap

PASSWORD = "slices"


def repository(place: Path, binary: Path) -> ResticRepository:
    local = LocalRunner()
    return ResticRepository(
        policy=RepositoryPolicy("near", Address(str(place), SecretReference("env", "SLICES")), "home"),
        by="slices",
        secrets=Secrets({**os.environ, "SLICES": PASSWORD}, local),
        clock=SystemClock(),
        local=local,
        binary=str(binary),
    )


def call(binary: Path, place: Path, *arguments: str) -> str:
    environment = {**os.environ, "RESTIC_PASSWORD": PASSWORD}
    done = subprocess.run([str(binary), "-r", str(place), *arguments], env=environment, capture_output=True, text=True, check=True)
    return done.stdout


def spoil(pack: Path) -> None:
    """Flip a byte in the middle of a pack, which a check of the structure does not see."""
    body = bytearray(pack.read_bytes())
    body[len(body) // 3] ^= 0xFF
    pack.chmod(0o600)
    pack.write_bytes(bytes(body))


@pytest.fixture
def place(tmp_path: Path, home: Path, every_restic: Path) -> Path:
    """A repository with a dozen packs or more: each backup makes two."""
    made = tmp_path / "near"
    call(every_restic, made, "init")
    make_cheap(made, PASSWORD)
    for number in range(6):
        folder = tmp_path / "data" / str(number)
        folder.mkdir(parents=True)
        (folder / "file").write_bytes(os.urandom(20_000))
        call(every_restic, made, "backup", str(folder))
    return made


def test_a_slice_is_the_packs_whose_first_byte_says_so(place: Path, every_restic: Path) -> None:
    opened = repository(place, every_restic)
    slices = opened.packs(3)
    on_disk = {path.name for path in (place / "data").rglob("*") if path.is_file()}
    assert {name[:8] for name in on_disk} == slices[0] | slices[1] | slices[2]
    for number in (1, 2, 3):
        opened.verify(VerifyRequest(slice=number, slices=3))
    data = sorted(path for path in (place / "data").rglob("*") if path.is_file() and path.stat().st_size > 10_000)
    spoil(data[0])
    slice_of_it = next(number for number, names in enumerate(slices, start=1) if data[0].name[:8] in names)
    for number in (1, 2, 3):
        if number == slice_of_it:
            with pytest.raises(Corrupt):
                opened.verify(VerifyRequest(slice=number, slices=3))
        else:
            opened.verify(VerifyRequest(slice=number, slices=3))


def test_the_newest_reads_the_packs_of_one_snapshot(tmp_path: Path, home: Path, restic_newest: Path) -> None:
    made = tmp_path / "near"
    call(restic_newest, made, "init")
    packs: list[Path] = []
    for number in range(2):
        known = set((made / "data").rglob("*"))
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "file").write_bytes(os.urandom(20_000))
        call(restic_newest, made, "backup", "--tag", f"n{number}", str(folder))
        packs += [path for path in set((made / "data").rglob("*")) - known if path.is_file() and path.stat().st_size > 10_000]
    first, second = (call(restic_newest, made, "snapshots", "--json", "--tag", f"n{number}").split('"id":"')[1][:64] for number in range(2))
    spoil(packs[1])
    call(restic_newest, made, "check", "--read-data", "--", first)
    with pytest.raises(subprocess.CalledProcessError):
        call(restic_newest, made, "check", "--read-data", "--", second)
