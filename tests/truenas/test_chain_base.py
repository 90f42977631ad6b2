"""Where a stream begins is decided by numbers that ZFS gave, not by names; the least doubt makes it a whole one."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from drtool.model.errors import Refused
from drtool.model.point import Artifact, Census, Member
from drtool.model.workload import EarlierMember, Snapshot, Workload
from drtool.ports import RemoteRunner
from drtool.runners.local import LocalRunner
from drtool.sources.truenas.api.shell import Shell
from drtool.sources.truenas.read.chain import choose_base

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SELECTOR = {"dataset": "tank/a", "way": "exact", "chain": 4, "encrypted": True, "encryption": {"root": "tank", "form": "HEX"}}
GUIDS = {"tank/a": "5", "tank/a@drtool-0": "10", "tank/a@drtool-1": "11"}


def link(number: int, **facts: str) -> Artifact:
    known = {"dataset": "5", "guid": str(10 + number), "snapshot": f"drtool-{number}"} | ({"base": str(9 + number)} if number else {})
    return Artifact(f"a+{number}", "stream", "0" * 64, f"/tank/a.streams/{number:02}.zfs", Census(1, 4), facts=known | facts)


def snapshot(*links: Artifact, now: dict[str, Any] | None = None) -> Snapshot:
    member = Member("nas:tank/a", "nas", "truenas", SELECTOR, NOW, links)
    return Snapshot(Workload("nas:tank/a", "nas", "truenas", SELECTOR | (now or {})), "drtool-2", earlier=EarlierMember("P1", member))


@pytest.fixture
def nas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Shell]:
    """A machine whose `zfs` tells some guids, and fails like the real one for every other name."""

    def make(said: str = "cannot open: dataset does not exist", **guids: str) -> Shell:
        known = "".join(f"'{name}') echo {guid} ;;\n" for name, guid in (GUIDS | guids).items())
        program = tmp_path / "zfs"
        program.write_text(f'#!/bin/sh\nfor last; do :; done\ncase $last in\n{known}*) echo "{said}" >&2; exit 1 ;;\nesac\n')
        program.chmod(0o755)
        return Shell(cast("RemoteRunner", LocalRunner()))

    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return make


def test_it_begins_where_the_last_one_ended(nas: Callable[..., Shell]) -> None:
    base = choose_base(nas(), snapshot(link(0), link(1)), limit=4)
    assert (len(base.links), base.point, base.locator, base.reason) == (2, "P1", "tank/a@drtool-1", "")


def test_the_first_and_the_one_after_the_limit_are_whole_and_no_news(nas: Callable[..., Shell]) -> None:
    for found in (snapshot(link(0), link(1)), replace(snapshot(link(0)), earlier=None)):
        base = choose_base(nas(), found, limit=2)
        assert (base.links, base.reason) == ((), "")


@pytest.mark.parametrize(
    ("links", "now", "guids", "reason"),
    [
        ((link(0), link(1)), {}, {"tank/a@drtool-1": "77"}, "is not on the NAS any more"),
        ((link(0), link(1, snapshot="drtool-9")), {}, {}, "is not on the NAS any more"),
        ((link(0), link(1)), {}, {"tank/a": "6"}, "another dataset"),
        ((link(0), link(1)), {"encryption": {"root": "tank/a", "form": "HEX"}}, {}, "encrypted otherwise"),
        ((link(0), link(1)), {"encrypted": False}, {}, "encrypted otherwise"),
        ((link(0), link(1)), {"dataset": "tank/b"}, {}, "not stored as an exact stream"),
        ((link(0), link(1, base="77")), {}, {}, "does not tell"),
        ((link(0, base="3"), link(1)), {}, {}, "does not tell"),
        ((link(1), link(0)), {}, {}, "does not tell"),
        ((link(0), link(1, dataset="6")), {}, {}, "does not tell"),
        ((link(0), link(1, snapshot="x; reboot")), {}, {}, "does not tell"),
        ((link(0), link(1, snapshot="auto-1")), {}, {}, "does not tell"),
        ((link(0), replace(link(1), form="tree")), {}, {}, "does not tell"),
        ((replace(link(0), facts={}),), {}, {}, "does not tell"),
    ],
)
def test_the_least_doubt_makes_it_whole(
    nas: Callable[..., Shell], links: tuple[Artifact, ...], now: dict[str, Any], guids: dict[str, str], reason: str
) -> None:
    base = choose_base(nas(**guids), snapshot(*links, now=now), limit=4)
    assert base.links == ()
    assert reason in base.reason


def test_a_nas_that_does_not_answer_is_not_taken_for_one_without_the_snapshot(nas: Callable[..., Shell]) -> None:
    with pytest.raises(Refused, match="permission denied"):
        choose_base(nas("permission denied"), snapshot(link(0), link(1, snapshot="drtool-9")), limit=4)
