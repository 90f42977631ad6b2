"""A key file is read as restic reads it; what was made with another reading of it opens, and is told."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from drtool.model.errors import WrongKey
from drtool.model.secret import SecretReference
from drtool.runners.local import LocalRunner
from drtool.secrets.store import Secrets
from tests.integration.key_world import LIVE, KeyWorld, make_key_world
from tests.rig.cheap_key import make_cheap

KEYS = [
    b"pw \n",
    b"pw\r\n",
    b"pw\n\n",
    b"\xef\xbb\xbfpw\n",
    b"\xff\xfep\0w\0\n\0",
    b"\xfe\xff\0p\0w",
    b"\xc2\xa0\xe2\x80\x83p w\xc2\x85\v",
    b"\x1fpw\x1c",
    b"pw",
]


@pytest.mark.parametrize("content", KEYS, ids=repr)
def test_a_key_file_means_to_us_what_it_means_to_restic(tmp_path: Path, content: bytes, every_restic: Path) -> None:
    key = tmp_path / "key"
    key.write_bytes(content)
    key.chmod(0o600)
    ours = Secrets({}, LocalRunner()).resolve(SecretReference("file", str(key))).reveal()
    repository = {"RESTIC_REPOSITORY": str(tmp_path / "repository"), "HOME": str(tmp_path), "PATH": os.defpath}
    subprocess.run([every_restic, "init"], env={**repository, "RESTIC_PASSWORD": ours}, check=True, capture_output=True)
    argv = [str(every_restic), "cat", "config", "--no-lock", "--no-cache"]
    subprocess.run(argv, env={**repository, "RESTIC_PASSWORD_FILE": str(key)}, check=True, capture_output=True)


@pytest.fixture
def spaced(tmp_path: Path, restic_newest: Path) -> KeyWorld:
    """A world whose repository was made with white space after its passphrase, as drtool once read its key file."""
    world = make_key_world(tmp_path, restic_newest)
    make_cheap(world.repository, LIVE, becomes=f"{LIVE} \r")
    world.live.write_bytes(f"{LIVE} \r\n".encode())
    assert not world.opens(LIVE)
    return world


def test_a_repository_made_with_white_space_opens_and_doctor_tells(spaced: KeyWorld) -> None:
    app = spaced.app()
    assert app.points(refresh=True)
    assert app.run().outcome.value == "succeeded"
    (finding,) = (each for each in app.doctor(["near"]) if each.subject == "near: key")
    assert not finding.good
    assert "white space" in finding.text


def test_the_remedy_of_doctor_mends_it(spaced: KeyWorld) -> None:
    spaced.app().key_rotate("near")
    app = spaced.app()
    (finding,) = (each for each in app.doctor(["near"]) if each.subject == "near: key")
    assert finding.good
    argv = [
        str(spaced.binary),
        "--no-cache",
        "--no-lock",
        "-r",
        str(spaced.repository),
        "--password-file",
        str(spaced.live),
        "cat",
        "config",
    ]
    subprocess.run(argv, check=True, capture_output=True)


def test_such_a_file_is_no_proof(spaced: KeyWorld) -> None:
    with pytest.raises(WrongKey, match="white space"):
        spaced.app().key_prove("near", str(spaced.live))


def test_a_wrong_key_with_white_space_is_a_wrong_key(spaced: KeyWorld) -> None:
    spaced.live.write_bytes(b"another \n")
    report = spaced.app().run()
    assert "wrong key" in str(report.sets).lower() or report.outcome.value == "failed"
