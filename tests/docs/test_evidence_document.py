"""A stranger checks evidence by the commands of docs/evidence.md as they stand there, and the page says what the program does."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from drtool.cli.main import main
from tests.docs.small_policy import make_small_policy

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "evidence.md").read_text(encoding="utf-8")


def test_a_stranger_checks_a_record(home: Path, tmp_path: Path, restic_newest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "policy").mkdir()
    small = make_small_policy(tmp_path / "policy")
    options = ["--policy", str(small.path), "--restic", str(restic_newest)]
    assert main([*options, "init"]) == 0
    sheet = capsys.readouterr().out
    for verb in (["run"], ["drill", "monthly"]):
        assert main([*options, *verb]) == 0
    (line,) = re.findall(r"^ +(small namespaces=.*)$", sheet, flags=re.MULTILINE)
    assert re.search(r"signed by SHA256:\S{43};", sheet)
    place = tmp_path / "elsewhere"
    place.mkdir()
    (place / "allowed_signers").write_text(line + "\n")
    (place / "programs").mkdir()
    (place / "programs" / "restic").symlink_to(restic_newest)
    environment = {
        **os.environ,
        "PATH": f"{place / 'programs'}:{os.environ['PATH']}",
        "RESTIC_REPOSITORY": str(small.offsite),
        "RESTIC_PASSWORD_FILE": str(small.key),
    }
    listed = subprocess.run(
        ["restic", "snapshots", "--json", "--no-lock", "--tag", "drtool,role=evidence"], env=environment, capture_output=True, check=True
    )
    (snapshot,) = json.loads(listed.stdout)
    block = next(each for each in re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL) if "-Y verify" in each)
    script = "set -eu -o pipefail\n" + block.replace("-I homelab", "-I small")
    checked = subprocess.run(
        ["/bin/bash", "-c", script], env={**environment, "EVIDENCE": snapshot["id"]}, cwd=place, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    assert 'Good "drtool.evidence" signature for small with ED25519 key' in checked.stdout
    assert json.loads((place / "record.json").read_bytes())["outcome"] == "succeeded"
    assert main([*options, "evidence", "export", "--output", str(tmp_path / "exported")]) == 0
    shown = capsys.readouterr().out
    index = json.loads((tmp_path / "exported" / "index.json").read_text())
    assert index["how_to_compare"] in shown
    assert index["how_to_compare"] in PAGE
    compared = subprocess.run(
        ["/bin/sh", "-c", index["how_to_compare"]], cwd=tmp_path / "exported", capture_output=True, text=True, check=False
    )
    assert compared.returncode == 0, compared.stderr
    assert re.findall(r"SHA256:\S{43}", compared.stdout) == re.findall(r"signed by (SHA256:\S{43});", sheet)
    (place / "record.json").write_bytes((place / "record.json").read_bytes().replace(b"succeeded", b"data_wrong"))
    verify = "\n".join(each for each in block.splitlines() if "-Y verify" in each).replace("-I homelab", "-I small")
    assert subprocess.run(["/bin/bash", "-c", verify], cwd=place, capture_output=True, check=False).returncode != 0
