"""What a person types: `inventory` and `doctor`, against a simulated cluster."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from drtool.cli.main import main
from drtool.lab.proxmox.state import Grant
from tests.rig.pve_lab import PveLab

Call = Callable[..., int]
EXCLUDED = """\
inventory:
  exclude:
    - {workload: "103", source: pve, reason: "made by a script", until: "9000-01-01"}
    - {workload: "202", source: pve, reason: "scratch", until: "2026-01-01"}
    - {workload: "999", source: pve, reason: "is no more", until: "9000-01-01"}
"""


LOOKED_AT = """\
drtool: 1
name: lab
repositories:
  near: {{restic: "{directory}/repository", password: "file:{directory}/repository.key"}}
sources:
  pve:  {{proxmox: {{url: "{url}", token: "file:{token_file}", ca: "{authority}"}}}}
  here: {{files: {{}}}}
sets:
  authority: {{protect: [{{here: {{paths: ["{authority}"]}}}}], to: near, keep: {{last: 3}}}}
"""
"""A policy that protects nothing of the cluster."""


@pytest.fixture
def call(pve: PveLab, tmp_path: Path) -> Call:
    started = pve.started
    places = {"directory": started.directory, "url": started.url, "token_file": started.token_file, "authority": started.authority}
    return calling(tmp_path, LOOKED_AT.format(**places) + EXCLUDED)


def calling(directory: Path, text: str) -> Call:
    policy = directory / "policy.yaml"
    policy.write_text(text)

    def typed(*words: str) -> int:
        return main([*words, "--policy", str(policy), "--state-directory", str(directory / "state")])

    return typed


def test_the_policy_that_the_lab_prints_stores_its_cluster_and_proves_it(pve: PveLab, tmp_path: Path) -> None:
    call = calling(tmp_path, pve.started.policy())
    assert [call(*words) for words in (("init",), ("run",), ("drill", "cluster"))] == [0, 0, 0]


def of_cluster(lines: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {line["workload"]: line for line in lines if line["source"] == "pve"}


def test_inventory_gives_each_guest_its_word(pve: PveLab, call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("inventory", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    found = of_cluster(document["inventory"])
    assert {name: line["state"] for name, line in found.items()} == {
        **{f"pve:{number}": "unprotected" for number in pve.state.guests},
        "pve:103": "excluded",
        "pve:system": "unprotected",
    }
    assert found["pve:103"]["note"] == "made by a script"
    assert found["pve:202"]["note"].startswith("its exclusion ended with 2026-01-01: scratch; scratch, on pve2; left out of backups: mp0")
    assert any("999 on pve matches nothing" in words for words in document["told"])


def test_a_new_guest_is_called_new_and_one_of_a_node_that_is_down_a_problem(
    pve: PveLab, call: Call, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("inventory", "--quiet") == 0
    capsys.readouterr()
    with pve.cluster.lock:
        pve.state.guests[106] = type(pve.state.guests[100])(106, "qemu", "pve1", {"name": "fresh"})
        pve.state.nodes["pve2"].online = False
    assert call("inventory", "--fail-on", "new") == 1
    out = capsys.readouterr().out
    (line,) = [line for line in out.splitlines() if "pve:106" in line]
    assert "unprotected, new" in line
    assert "fresh, on pve1" in line
    (line,) = [line for line in out.splitlines() if "pve:201" in line]
    assert "problem" in line
    assert "its node pve2 is offline" in line


def test_a_cluster_that_does_not_answer_is_a_problem_and_no_silence(
    pve: PveLab, call: Call, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pve.faults({"path": "/access/permissions", "kind": "revoke"})
    assert call("inventory", "--json") == 1
    lines = json.loads(capsys.readouterr().out)["inventory"]
    (line,) = [line for line in lines if line["source"] == "pve"]
    assert (line["workload"], line["state"]) == ("", "problem")
    assert "does not accept the token" in line["note"]


def test_doctor_asks_the_cluster_and_only_that_where_it_is_named(pve: PveLab, call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("doctor", "pve") == 1
    out = capsys.readouterr().out
    assert "answers with Proxmox VE 9.2" in out
    assert "vm 105 (office, on pve2) is locked by a backup" in out
    pve.state.guests[105].config.pop("lock")
    assert call("doctor", "pve", "--json") == 0
    findings = json.loads(capsys.readouterr().out)["findings"]
    assert {each["question"] for each in findings} == {"sources"}


def test_the_commands_that_grant_are_printed_and_nobody_is_asked(pve: PveLab, call: Call, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("doctor", "--grants", "pve") == 0
    assert capsys.readouterr().out.splitlines()[0] == "pveum role add DrtoolLookSysAudit --privs Sys.Audit"
    assert pve.calls() == []
    assert call("doctor", "--grants", "here") == 1
    assert "it is of the kind `files`" in capsys.readouterr().err
    assert call("doctor", "--grants", "pev") == 2
    assert call("doctor", "pve", "--grants", "pve") == 2


def test_a_token_that_was_granted_so_is_enough(pve: PveLab, call: Call, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The very words that are printed, given to the simulated cluster."""
    call("doctor", "--grants", "pve")
    lines = [shlex.split(line) for line in capsys.readouterr().out.splitlines()[:-1]]
    token = pve.new_token([], user="drtool@pve")
    named = {"drtool@pve": "drtool@pve", "drtool@pve!look": token.partition("=")[0]}
    with pve.cluster.lock:
        pve.state.grants.clear()
        for _pveum, kind, verb, first, *rest in lines:
            if (kind, verb) == ("role", "add"):
                pve.state.roles[first] = rest[1].split()
            elif (kind, verb) == ("acl", "modify"):
                given = dict(zip(rest[::2], rest[1::2], strict=True))
                who = "user" if "--users" in given else "token"
                propagate = given.get("--propagate") != "0"
                pve.state.grants.append(Grant(first, who, named[given[f"--{who}s"]], given["--roles"], propagate=propagate))
    Path(pve.started.token_file).write_text(token)
    pve.state.guests[105].config.pop("lock")
    assert call("doctor", "pve", "--json") == 0
    assert call("inventory", "--json") == 0
    assert '"problem"' not in capsys.readouterr().out.partition('"inventory"')[2]
    assert pve.ask("/access/users", token=token).data == []


def test_the_token_is_written_nowhere(pve: PveLab, call: Call, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secret = pve.token.partition("=")[2]
    for words in (("inventory",), ("doctor", "--verbose"), ("doctor", "pve", "--json"), ("validate", "--json")):
        call(*words)
    told = capsys.readouterr()
    kept = b"".join(path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file())
    assert secret not in told.out + told.err
    assert secret.encode() not in kept


def test_a_run_of_something_else_does_not_ask_it(pve: PveLab, call: Call) -> None:
    for words in (("validate",), ("explain", "authority"), ("schema",)):
        assert call(*words) == 0
    for words in (("plan", "run"), ("status",), ("sweep", "--yes")):
        call(*words)
    assert pve.calls() == []
