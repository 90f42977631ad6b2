"""Rules that leave everything out fail the run, the first one too; with a real restic."""

from __future__ import annotations

import pytest

from tests.cli.test_end_to_end import Machine, machine

__all__ = ["machine"]

WRONG = {
    "parent": "exclude: [data]",
    "root": "exclude: [{directory}/data/root]",
    "everything": "exclude: ['*']",
    "suffix": "exclude: ['*.txt', '*.bin', '*.tag']",
    "mark": "exclude_if_present: [.nobackup]",
    "header": "exclude_if_present: ['.nobackup:keep out']",
    "caches": "exclude_caches: true",
    "below": "exclude_if_present: [.nobackup]",
    "planted": "exclude: ['*.txt', '*.bin'], canary: true",
}
RIGHT = {
    "some": "exclude: ['*.bin']",
    "other": "exclude_if_present: ['.nobackup:another header']",
    "cache": "exclude_if_present: [.nobackup]",
    "empty": "exclude: ['*.bin']",
    "allowed": "exclude: ['*.txt', '*.bin'], allow_empty: true",
}


@pytest.fixture
def world(machine: Machine) -> Machine:
    for name in (*WRONG, *RIGHT):
        folder = machine.data / name
        (folder / "deep").mkdir(parents=True)
        if name == "empty":
            continue
        inner = folder / "deep" if name in ("below", "cache") else folder
        (inner / "letter.txt").write_text("dear", encoding="utf-8")
        (folder / "deep" / "numbers.bin").write_bytes(b"1234")
        if name in ("mark", "header", "below", "cache", "other"):
            (inner / ".nobackup").write_text("keep out", encoding="utf-8")
        if name == "caches":
            (folder / "CACHEDIR.TAG").write_text("Signature: 8a477f597d28d172789f06886806bc55", encoding="utf-8")
        if name == "cache":
            (folder / "kept.txt").write_text("kept", encoding="utf-8")
    policy = machine.directory / "policy.yaml"
    text = policy.read_text(encoding="utf-8")
    head, _sets, tail = text.partition("sets:\n")
    tail = tail[tail.index("sandboxes:") :].replace("documents", "some").replace("from: offsite", "from: near")
    sets = "".join(
        f"  {name}:\n    protect: [{{here: {{paths: [{machine.data}/{name}], {rule.format(directory=machine.directory)}}}}}]\n"
        "    to: near\n    keep: {last: 3}\n"
        for name, rule in {**WRONG, **RIGHT}.items()
    )
    policy.write_text(head + "sets:\n" + sets + tail, encoding="utf-8")
    machine.done("init")
    return machine


def test_a_rule_that_leaves_everything_out_fails_the_first_run(world: Machine) -> None:
    ran = world.call("run", *WRONG)
    assert ran.returncode != 0
    for name in WRONG:
        assert f"{world.data}/{name}" in ran.stderr + ran.stdout
    assert world.json("points")["points"] == []
    assert world.call("status", "--check").returncode == 1

    ran = world.call("run", *RIGHT)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert {view["point"]["set"]: view["point"]["files"] for view in world.json("points")["points"]} == {
        "some": 1,
        "other": 3,
        "cache": 2,
        "empty": 0,
        "allowed": 0,
    }
    world.done("drill", "some")
    nothing = world.call("drill", "empty")
    assert nothing.returncode == 1
    assert "nothing to prove" in nothing.stdout + nothing.stderr
