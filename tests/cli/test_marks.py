"""A terminal without UTF-8: every sign that our own words use has a plain one there, and good differs from bad."""

from __future__ import annotations

import ast
from pathlib import Path

from drtool.cli import screen
from drtool.cli.render.words import BAD, EMPTY, FULL, GOOD

DRTOOL = Path(screen.__file__).parents[1]
OTHERS = {"secrets/reading.py", "testing/repository_contract.py"}
"""What is looked for in the words of others there, and never said."""


def signs() -> dict[str, str]:
    """Every sign beyond ASCII in what drtool may say, and a file that has it; documentation strings are said by nobody."""
    found: dict[str, str] = {}
    for path in sorted(DRTOOL.rglob("*.py")):
        name = str(path.relative_to(DRTOOL))
        if name in OTHERS:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        said_by_nobody = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in said_by_nobody:
                found |= dict.fromkeys((sign for sign in node.value if not sign.isascii() and sign.isprintable()), name)
    return found


def plain(text: str) -> str:
    return text.encode("ascii", "drtool-plain").decode("ascii")


def test_every_sign_has_a_plain_one_as_wide() -> None:
    found = signs()
    assert {GOOD, BAD, FULL, EMPTY, "…", "·"} <= found.keys()
    wrong = {sign: (plain(sign), where) for sign, where in found.items() if len(plain(sign)) != 1}
    assert not wrong


def test_what_differs_there_differs_here() -> None:
    assert len({plain(sign) for sign in (GOOD, BAD, FULL, EMPTY, "…", "!")}) == 6
    assert plain("failed  a \N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} b") == "failed  a > b"
