"""doctor asks where the work will be done: the restic there, the repository there, a listing, and a lock written there."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from drtool.app.facade import App
from drtool.app.opening import open_policy
from drtool.ports import Finding

Doctor = Callable[..., tuple[Finding, ...]]
_CLIENT = """#!/bin/bash
for last; do :; done
. "$0.login"
exec /bin/bash -c "$last"
"""
_POLICY = """
drtool: 1
name: t
site: home
repositories:
  near:
    restic: {near}
    password: file:{key}
    seen_from: {{pi: {{restic: {seen}, password: "file:{key}"}}}}
sources: {{pi: {{files: {{ssh: pi}}}}}}
sets:
  docs: {{protect: [{{pi: {{paths: [{data}]}}}}], to: near, keep: {{last: 2}}}}
"""


@pytest.fixture
def app(tmp_path: Path, home: Path, restic_newest: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., App]:
    """Return an app whose source `pi` is reached by a client program that runs what was sent after `login`."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "ssh").write_text(_CLIENT)
    (programs / "restic").symlink_to(restic_newest)
    (programs / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    (tmp_path / "key").write_text("secret\n")
    (tmp_path / "key").chmod(0o600)
    (tmp_path / "data").mkdir()

    def make(login: str = ":", seen: str = "near") -> App:
        (programs / "ssh.login").write_text(login + "\n")
        policy = tmp_path / "policy.yaml"
        words = {"near": tmp_path / "near", "key": tmp_path / "key", "seen": tmp_path / seen, "data": tmp_path / "data"}
        policy.write_text(_POLICY.format_map(words))
        return open_policy(str(policy), state_directory=str(tmp_path / "state"))

    return make


def told(findings: Iterable[Finding], subject: str) -> Finding:
    return next(finding for finding in findings if finding.subject == subject)


def test_what_works_there_is_tried_there(app: Callable[..., App], tmp_path: Path) -> None:
    opened = app("echo Welcome to pi")
    opened.initialise()
    found = opened.doctor()
    assert not [finding for finding in found if finding.good is False]
    assert "on pi" in told(found, "near from pi: restic").text
    assert "the same repository" in told(found, "near from pi: address").text
    assert told(found, "near from pi: listing").text == "0 snapshots"
    assert "a lock was written" in told(found, "near from pi: writing").text
    assert "a lock was written" in told(found, "near: writing").text
    assert list((tmp_path / "near" / "locks").iterdir()) == []
    greeting = told(found, "source pi: login")
    assert greeting.good is None
    assert "the login shell of pi prints: Welcome to pi" in greeting.text


def test_another_repository_there_is_told(app: Callable[..., App], tmp_path: Path) -> None:
    opened = app()
    opened.initialise()
    (tmp_path / "near").rename(tmp_path / "other")
    app().rebuild(accept="near")  # else no new one is made in the place of what is missed
    app().initialise()
    found = app(seen="other").doctor(["near"])
    address = told(found, "near from pi: address")
    assert address.good is False
    assert "another repository" in address.text
    assert "seen_from" in address.remedy


@pytest.mark.parametrize(
    ("login", "subject", "words"),
    [
        ("PATH={bin}/old:$PATH", "Refused", "too old"),
        ("PATH={bin}/none", "NotFound", "not installed on pi"),
        ("exit 1", "Refused", "carries no command out"),
    ],
)
def test_a_restic_there_that_cannot_work_is_told(app: Callable[..., App], tmp_path: Path, login: str, subject: str, words: str) -> None:
    app().initialise()
    programs = tmp_path / "bin"
    for name in ("old", "none"):
        (programs / name).mkdir()
    for tool in ("sh", "env", "grep", "sort", "cut"):
        (programs / "none" / tool).symlink_to(f"/usr/bin/{tool}")
    (programs / "old" / "restic").write_text("#!/bin/sh\necho restic 0.9.6\n")
    (programs / "old" / "restic").chmod(0o755)
    found = app(login.format(bin=programs)).doctor(["near"])
    finding = told(found, f"near from pi: {subject}")
    assert finding.good is False
    assert words in finding.text


def test_no_repository_there_is_told_though_there_is_one_here(app: Callable[..., App]) -> None:
    app().initialise()
    found = app(seen="nothing").doctor(["near"])
    assert told(found, "near from pi: NoRepository").good is False
    assert told(found, "near: key").good is True


def test_a_copy_that_is_not_read_from_there_is_told_and_is_no_fault(app: Callable[..., App], tmp_path: Path) -> None:
    app().initialise()
    policy = tmp_path / "policy.yaml"
    text = policy.read_text()
    seen = f"seen_from: {{pi: {{restic: {tmp_path}/none}}}}"
    off = f"  off: {{restic: {tmp_path}/off, site: away, password: 'file:{tmp_path}/key', {seen}}}\n"
    policy.write_text(text.replace("sources:", off + "sources:").replace("to: near,", "to: near, copies: [off],"))
    opened = open_policy(str(policy), state_directory=str(tmp_path / "state"))
    opened.initialise(["off"])
    finding = told(opened.doctor(["off"]), "off from pi: NoRepository")
    assert finding.good is None
    assert "a restore at pi cannot read this copy" in finding.text
    assert "seen_from: {pi: …} of off" in finding.remedy
    lab = f"sandboxes: {{lab: {{lease: 1h, pi: {{directory: {tmp_path}/lab}}}}}}\n"
    policy.write_text(f"{policy.read_text()}{lab}drills: {{monthly: {{sets: [docs], from: off, sandbox: lab}}}}\n")
    drilled = open_policy(str(policy), state_directory=str(tmp_path / "state")).doctor(["off"])
    refused = told(drilled, "off from pi: NoRepository")
    assert refused.good is False
    assert "the drill monthly at pi cannot read this copy" in refused.text
