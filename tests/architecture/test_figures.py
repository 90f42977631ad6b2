"""No module leads back to itself, not even by a type or inside a function: who reads one would have to know them all."""

from __future__ import annotations

import ast

import pytest

from tests.architecture.figures import ROOT, circles, imports, measured, trees

pytestmark = pytest.mark.xdist_group("the house")  # read once, by one worker


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert circles(imports(trees(ROOT / "drtool"))) == ()


def test_a_circle_is_found_wherever_the_import_stands() -> None:
    texts = {
        "drtool": "from drtool.one import x",
        "drtool.one": "def late():\n    from drtool import two",
        "drtool.two": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from drtool.three import C",
        "drtool.three": "import drtool.one",
        "drtool.four": "import drtool.three",
    }
    modules = {name: ast.parse(text) for name, text in texts.items()}
    assert circles(imports(modules)) == (("drtool.one", "drtool.three", "drtool.two"),)


def test_the_house_is_measured() -> None:
    figures = measured(ROOT / "drtool")
    assert figures.modules > 100
    assert "circles of modules" in str(figures)
