"""drtool's own places below a protected folder are told, left out of points, and never exchanged by a restore; with a real restic."""

from __future__ import annotations

from tests.cli.test_end_to_end import Machine, machine

__all__ = ["machine"]


def _move_in(machine: Machine, folder: str, *names: str) -> None:
    """Let files of ours lie below what is protected."""
    policy = machine.directory / "policy.yaml"
    text = policy.read_text(encoding="utf-8")
    for name in names:
        text = text.replace(f"{machine.directory}/{name}", f"{machine.data}/{folder}/{name}")
        if (machine.directory / name).exists():
            (machine.directory / name).rename(machine.data / folder / name)
    policy.write_text(text, encoding="utf-8")


def test_a_repository_below_what_is_protected(machine: Machine) -> None:
    (machine.data / "own").mkdir()
    _move_in(machine, "own", "near.key", "near,", "sandbox")
    told = machine.done("validate")
    for what in ("the repository near", "the key", "the sandbox lab"):
        assert f"{what} {machine.data}/own" in told
    machine.done("init")
    machine.done("run")
    machine.done("run")
    files = [entry["path"] for entry in machine.json("ls", machine.json("points")["points"][0]["point"]["point"])["entries"]]
    assert f"{machine.data}/letter.txt" in files
    assert not [path for path in files if "/near" in path or "/sandbox" in path]
    before = [view["point"]["point"] for view in machine.json("points", "--refresh")["points"]]
    refused = machine.call("restore", "documents", "--yes")
    assert refused.returncode == 6
    assert "the repository near" in refused.stderr
    assert "--path" in refused.stderr
    assert [view["point"]["point"] for view in machine.json("points", "--refresh")["points"]] == before
    (machine.data / "letter.txt").write_text("spoilt", encoding="utf-8")
    machine.done("restore", "documents", "--yes", "--path", f"{machine.data}/letter.txt")
    assert (machine.data / "letter.txt").read_text(encoding="utf-8") == "dear"
    machine.done("drill", "monthly")


def test_a_key_below_what_is_protected_stays_and_what_is_kept_aside_is_not_stored(machine: Machine) -> None:
    (machine.data / "own [x]").mkdir()
    _move_in(machine, "own [x]", "near.key")
    key = machine.data / "own [x]" / "near.key"
    machine.done("init")
    machine.done("run")
    number = key.stat().st_ino
    machine.done("restore", "documents", "--yes")
    assert key.stat().st_ino == number, "it is the same file"
    machine.done("restore", "documents", "--yes", "--path", f"{machine.data}/deep")
    assert list(machine.data.glob("deep.before-*")), "kept aside inside what is protected"
    machine.done("run")
    newest = max(view["point"]["point"] for view in machine.json("points")["points"])
    assert ".before-" not in machine.done("ls", newest)
    machine.done("restore", "documents", "--yes")
    assert key.stat().st_ino == number
    assert list(machine.data.glob("deep.before-*")), "it is still there to be looked at"
    machine.done("drill", "monthly")


def test_what_a_rotation_leaves_beside_a_key_is_in_no_point(machine: Machine) -> None:
    (machine.data / "own").mkdir()
    _move_in(machine, "own", "near.key")
    machine.done("init")
    machine.done("key", "rotate", "near")
    assert len(list((machine.data / "own").glob("near.key.replaced-by-*"))) == 1
    (machine.data / "own" / "near.keyring").write_text("mine", encoding="utf-8")
    machine.done("run")
    newest = max(view["point"]["point"] for view in machine.json("points")["points"])
    listed = machine.done("ls", newest)
    assert "near.keyring" in listed
    assert "replaced-by" not in listed
    assert "near.key\n" not in listed


def test_nothing_is_restored_into_a_repository_or_the_state_directory(machine: Machine) -> None:
    state = ("--state-directory", str(machine.directory / "state"))
    machine.done("init", *state)
    machine.done("run", *state)
    (machine.directory / "link").symlink_to("near")
    places = {
        "near": "the repository near",
        "near/sub": "the repository near",
        "near/data/../new/sub": "the repository near",
        "link/sub": "the repository near",
        "state": "the state directory",
        "state/sub/deep": "the state directory",
    }
    before = sorted((machine.directory / "near").rglob("*"))
    for name, words in places.items():
        refused = machine.call("restore", "documents", "--to", "directory", str(machine.directory / name), "--yes", *state)
        assert (refused.returncode, words in refused.stderr) == (6, True), (name, refused.stderr)
    planned = machine.call("plan", "restore", "documents", "--to", "directory", str(machine.directory / "near"), *state)
    assert (planned.returncode, "the repository near" in planned.stderr) == (6, True), planned.stderr
    assert sorted((machine.directory / "near").rglob("*")) == before
    machine.done("restore", "documents", "--to", "directory", str(machine.directory / "near-by"), "--yes", *state)
