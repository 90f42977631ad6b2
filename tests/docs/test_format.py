"""Everything comes back with bare restic, by the commands of docs/format.md and of the runbook as they stand there."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.docs.small_policy import TEXT, SmallPolicy, make_small_policy
from tests.rig import restic, tree
from tests.rig.program import called

ROOT = Path(__file__).resolve().parents[2]


class Shell:
    """Runs blocks of commands with paths of this test in place of the documents'."""

    def __init__(self, small: SmallPolicy, place: Path, binary: Path) -> None:
        programs = place / "programs"
        programs.mkdir()
        (programs / "restic").symlink_to(binary)
        self.place = place
        self.environment = {
            **os.environ,
            "PATH": f"{programs}:{os.environ['PATH']}",
            "RESTIC_REPOSITORY": str(small.offsite),
            "RESTIC_PASSWORD_FILE": str(small.key),
        }

    def run(self, block: str, **variables: str) -> str:
        script = "set -eu -o pipefail\n" + block.replace("/root/", f"{self.place}/")
        done = subprocess.run(
            ["/bin/bash", "-c", script],
            env={**self.environment, **variables},
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
        return done.stdout

    def snapshots(self, tags: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.run(f"restic snapshots --no-lock --json --tag {tags}"))
        return found


@pytest.fixture(scope="module")
def protected(tmp_path_factory: pytest.TempPathFactory) -> SmallPolicy:
    """Backed up, copied, held and drilled; the tests read the copy only."""
    root = tmp_path_factory.mktemp("protected")
    small = make_small_policy(root)
    tree.make_tree(small.tree / "nasty", files=5)
    (small.tree / "letters" / "one of a kind.txt").write_text(TEXT)
    places = {"HOME": root, "XDG_CACHE_HOME": root / "cache", "DRTOOL_STATE_DIR": root / "state", "PYTHONPATH": ROOT}
    environment = {"PATH": os.environ["PATH"], **{name: str(path) for name, path in places.items()}}
    binary = str(restic.binary(restic.OLDEST))
    for verb in (["init"], ["run"], ["hold", "add", "documents", "--reason", "a test", "--until", "2099-01-01"], ["drill", "monthly"]):
        done = called(["--policy", str(small.path), "--restic", binary, *verb], env=environment)
        assert done.returncode == 0, done.stdout + done.stderr
    return small


def test_everything_comes_back_by_the_commands_of_the_format(
    home: Path, protected: SmallPolicy, tmp_path: Path, every_restic: Path
) -> None:
    place = tmp_path / "machine"
    place.mkdir()
    shell = Shell(protected, place, every_restic)
    blocks = iter(_blocks(ROOT / "docs" / "format.md"))
    assert "export RESTIC_REPOSITORY" in next(blocks)

    assert "role=manifest" in shell.run(next(blocks))
    (listed,) = shell.snapshots("drtool,role=manifest")
    tags = _tags(listed)
    shown = shell.run(next(blocks), MANIFEST=listed["id"])
    text, digest = shown[: shown.rindex("}") + 1], shown.splitlines()[-1].split()[0]
    manifest = json.loads(text)
    assert digest == tags["digest"]
    artifacts = {member["kind"]: member["artifacts"][0] for member in manifest["members"]}
    assert manifest["complete"] is True

    assert "role=data" in shell.run(next(blocks), POINT=tags["point"])
    by_tree = {each["tree"]: each["id"] for each in shell.snapshots(f"drtool,role=data,point={tags['point']}")}
    data, stream = by_tree[artifacts["files"]["tree"]], by_tree[artifacts["stream"]["tree"]]
    assert artifacts["files"]["tree"] in {each["tree"] for each in json.loads(shell.run(next(blocks), POINT=tags["point"]))}

    shell.run(next(blocks), DATA=data)
    tree.assert_same(protected.tree, Path(f"{place}/recovered{artifacts['files']['path']}"))

    summed = shell.run(next(blocks), STREAM=stream, STREAM_PATH=artifacts["stream"]["path"])
    assert summed.split()[0] == artifacts["stream"]["census"]["sha256"] == hashlib.sha256(f"1 {TEXT}".encode()).hexdigest()

    wanted = protected.tree / "letters" / "one of a kind.txt"
    assert str(wanted) in shell.run(next(blocks), DATA=data, WANTED=str(wanted))
    assert Path(f"{place}/one{wanted}").read_text() == TEXT

    assert "role=hold" in shell.run(next(blocks))
    (proof,) = shell.snapshots("drtool,role=evidence")
    assert _tags(proof)["outcome"] == "succeeded"
    shell.run(next(blocks))
    assert next(blocks, None) is None


def test_the_tags_are_those_of_the_format(home: Path, protected: SmallPolicy, tmp_path: Path, restic_newest: Path) -> None:
    place = tmp_path / "elsewhere"
    place.mkdir()
    shell = Shell(protected, place, restic_newest)
    rows = re.findall(r"^\| `(\w+)` \|.*\| ([^|]+) \|$", (ROOT / "docs" / "format.md").read_text(), flags=re.MULTILINE)
    documented = {role: set(re.findall(r"`(\w+)`", tags)) | {"role"} for role, tags in rows}
    assert set(documented) == {"data", "manifest", "evidence", "hold", "rotation"}
    for role, tags in documented.items():
        for snapshot in shell.snapshots(f"drtool,role={role}"):
            assert set(_tags(snapshot)) <= tags


def test_everything_comes_back_by_the_bare_way_of_the_runbook(
    home: Path, protected: SmallPolicy, tmp_path: Path, restic_oldest: Path
) -> None:
    place = tmp_path / "machine"
    place.mkdir()
    shell = Shell(protected, place, restic_oldest)
    bare = [block for block in _blocks(ROOT / "runbooks" / "machine-gone.md") if block.startswith("restic ") and "--no-lock" in block]
    listing, members, restore = bare
    assert "role=manifest" in shell.run(listing)
    point = _tags(shell.snapshots("drtool,role=manifest")[0])["point"]
    assert "role=data" in shell.run(members.replace("POINT", point))
    for snapshot in shell.snapshots(f"drtool,role=data,point={point}"):
        shell.run(restore.replace("SNAPSHOT", snapshot["id"]))
    tree.assert_same(protected.tree, Path(f"{place}/recovered{protected.tree}"))


def _blocks(document: Path) -> list[str]:
    found = re.findall(r"^( *)```sh\n(.*?)^ *```$", document.read_text(), flags=re.DOTALL | re.MULTILINE)
    return ["\n".join(line.removeprefix(indent) for line in block.splitlines()) for indent, block in found]


def _tags(snapshot: dict[str, Any]) -> dict[str, str]:
    return {key: value for key, _, value in (tag.partition("=") for tag in snapshot["tags"]) if value}
