from __future__ import annotations

import re
from collections.abc import Callable, Sequence


def might_match(patterns: Sequence[str]) -> Callable[[str], bool]:
    """Return a test whether a path might be left out by exclude patterns; it errs towards yes.

    A pattern from the root is compared component by component; any other one by its last component with any component of the path.
    """
    rooted = []
    names = []
    for pattern in patterns:
        parts = [part for part in pattern.split("/") if part]
        if pattern.startswith("!") or not parts:
            continue  # only ever brings back
        if pattern.startswith("/") and "**" not in parts:
            rooted.append([re.compile(_looser(part), re.DOTALL) for part in parts])
        else:
            last = next((part for part in reversed(parts) if part != "**"), "*")
            names.append(_looser(last))
    any_name = re.compile("|".join(names), re.DOTALL) if names else None

    def might(path: str) -> bool:
        parts = [part for part in path.split("/") if part]
        if any_name is not None and any(any_name.fullmatch(part) for part in parts):
            return True
        return any(
            len(parts) >= len(rule) and all(piece.fullmatch(part) for piece, part in zip(rule, parts, strict=False)) for rule in rooted
        )

    return might


def _looser(component: str) -> str:
    """Translate one component into a regular expression that matches at least as much; classes and escapes become one character or more."""
    expression = []
    for piece in re.split(r"(\*|\?|\[.*\]|\[.*|\\.|\$.*)", component, flags=re.DOTALL):
        if piece.startswith(("*", "[", "$", "\\")):
            expression.append(".*")
        elif piece == "?":
            expression.append(".")
        else:
            expression.append(re.escape(piece))
    return "(?:" + "".join(expression) + ")"
