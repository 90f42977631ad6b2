"""How what is told to people is said here, on the screen and in a JSON document: both lead to the same command."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

_FOR_PEOPLE: Final = ("next", "hint", "what", "attention", "remedy")

_said: Callable[[str], str] = str
"""How a sentence is said here; a bare machine has commands of its own."""


def say_as(said: Callable[[str], str]) -> None:
    """Say from now on what is told to people as `said` does."""
    global _said  # noqa: PLW0603 - there is one screen
    _said = said


def said(text: str) -> str:
    """Return a sentence of our own as it is said here."""
    return _said(text)


def told_people(value: Any, say: Callable[[str], str]) -> Any:  # noqa: ANN401 - whatever JSON has
    """Return a JSON document in which whatever is told to people is said by `say`; all else stays."""
    if isinstance(value, dict):
        return {key: _told(item, say) if key in _FOR_PEOPLE else told_people(item, say) for key, item in value.items()}
    return [told_people(item, say) for item in value] if isinstance(value, list) else value


def _told(value: Any, say: Callable[[str], str]) -> Any:  # noqa: ANN401 - whatever JSON has
    if isinstance(value, str):
        return say(value)
    return [_told(item, say) for item in value] if isinstance(value, list) else told_people(value, say)
