"""The drawing of the house is true: its rooms are those there are, in the order that is enforced."""

from __future__ import annotations

import re
import tomllib

from tests.architecture.test_rooms import PACKAGE, ROOT

DRAWING = re.search(r"```rooms\n(.*?)```", (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8"), re.DOTALL)


def drawn() -> list[set[str]]:
    assert DRAWING is not None
    lines = [line.strip() for line in DRAWING[1].splitlines() if line.strip() not in ("", "│")]
    return [set(re.split(r"\s{2,}", line)[0].split(" · ")) for line in lines]


def test_the_drawing_shows_the_layers_that_are_enforced() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract.get("containers") == ["drtool"])
    assert drawn() == [{room.strip() for room in layer.split("|")} for layer in layers]


def test_every_room_is_drawn_once() -> None:
    there = {path.stem for path in PACKAGE.iterdir() if (path / "__init__.py").exists() or path.suffix == ".py"}
    rooms = [room for layer in drawn() for room in layer]
    assert sorted(rooms) == sorted(there - {"__init__"})
