"""What a node says when it does not do what was asked, in the vendor's conventions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

Json: TypeAlias = Any
"""A value of JSON: its shape is the vendor's, and checked where it is used."""


class AnswerError(Exception):
    """An answer that is no success: its status, and the reason that stands in the status line."""

    def __init__(self, status: int, reason: str, *, errors: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = " ".join(reason.split())
        self.errors = errors


def died(reason: str) -> AnswerError:
    """Return what is answered to anything that goes wrong in the work: 500, and the text in the status line only."""
    return AnswerError(500, reason)


def wrong(errors: Mapping[str, str]) -> AnswerError:
    """Return what is answered to parameters that are unknown, missing or ill-typed."""
    return AnswerError(400, "Parameter verification failed.", errors=errors)


def forbidden(path: str, *privileges: str) -> AnswerError:
    """Return what is answered to somebody without one of these privileges."""
    return AnswerError(403, f"Permission check failed ({path}, {'|'.join(privileges)})")


def refused_login(reason: str = "Authentication failed!") -> AnswerError:
    """Return what is answered to somebody who is not let in."""
    return AnswerError(401, reason)


def not_implemented(reason: str) -> AnswerError:
    """Return what is answered to paths and methods that do not exist, and to what the server itself cannot take."""
    return AnswerError(501, reason)


def unreachable(reason: str = "No route to host") -> AnswerError:
    """Return what the proxy answers for a node that it cannot reach."""
    return AnswerError(595, reason)
