"""Where in a JSON document something is told to people, so that a screen and a document lead to the same command."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

_FOR_PEOPLE: Final = ("next", "hint", "what", "attention", "remedy")


def told_people(value: Any, say: Callable[[str], str]) -> Any:  # noqa: ANN401 - whatever JSON has
    """Return a JSON document in which whatever is told to people is said by `say`; all else stays."""
    if isinstance(value, dict):
        return {key: _told(item, say) if key in _FOR_PEOPLE else told_people(item, say) for key, item in value.items()}
    return [told_people(item, say) for item in value] if isinstance(value, list) else value


def _told(value: Any, say: Callable[[str], str]) -> Any:  # noqa: ANN401 - whatever JSON has
    if isinstance(value, str):
        return say(value)
    return [_told(item, say) for item in value] if isinstance(value, list) else told_people(value, say)
