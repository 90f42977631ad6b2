"""How the vendor says no: its error numbers, names, codes and the shape of its answers."""

from __future__ import annotations

import errno as numbers
from collections.abc import Iterable, Sequence
from typing import Any, Final, TypeAlias

Json: TypeAlias = Any
"""A value as JSON knows it."""

ENOMETHOD: Final = 201
EDATASETISLOCKED: Final = 205
ENOTAUTHENTICATED: Final = 207
EREBOOTREQUIRED: Final = 209
_NAMES: Final = {
    ENOMETHOD: "ENOMETHOD",
    204: "EREMOTENODEERROR",
    EDATASETISLOCKED: "EDATASETISLOCKED",
    ENOTAUTHENTICATED: "ENOTAUTHENTICATED",
    208: "ESSLCERTVERIFICATIONERROR",
    EREBOOTREQUIRED: "EREBOOTREQUIRED",
    210: "EHAUNAVAILABLE",
}

INVALID_JSON: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
TOO_MANY_CALLS: Final = -32000
CALL_ERROR: Final = -32001


def name_of(number: int) -> str:
    """Return the name of an error number, as the vendor has it."""
    return _NAMES.get(number) or numbers.errorcode.get(number, "EUNKNOWN")


def number_of(name: str) -> int:
    """Return the number behind a name; EFAULT for one that does not exist."""
    own = {text: number for number, text in _NAMES.items()}
    found = own.get(name) or getattr(numbers, name, numbers.EFAULT)
    return found if isinstance(found, int) else numbers.EFAULT


class CallError(Exception):
    """An answer, not an error of ours: the call failed with a number and a sentence."""

    def __init__(self, reason: str, number: int = numbers.EFAULT, *, extra: Json = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.number = number
        self.extra = extra

    def text(self) -> str:
        """Return the sentence with the name of its number before it."""
        return f"[{name_of(self.number)}] {self.reason}"


class MatchNotFoundError(Exception):
    """An answer: `get` was asked for and nothing matched."""


class ValidationErrors(Exception):  # noqa: N818 - the vendor's own word
    """An answer: the arguments were not taken; each with the attribute it is about, a message and a number."""

    def __init__(self, errors: Iterable[tuple[str | None, str, int]] = ()) -> None:
        super().__init__("validation")
        self.errors = list(errors)

    def add(self, attribute: str | None, message: str, number: int = numbers.EINVAL) -> None:
        """Note one more."""
        self.errors.append((attribute, message, number))

    def check(self) -> None:
        """Raise this if anything was noted."""
        if self.errors:
            raise self

    def text(self) -> str:
        """Return a line for each."""
        return "".join(f"[{name_of(number)}] {attribute or 'ALL'}: {message}\n" for attribute, message, number in self.errors)


class InstanceNotFoundError(ValidationErrors):
    """An answer: there is no such thing; its number stands only inside `extra`."""

    def __init__(self, message: str) -> None:
        super().__init__([(None, message, numbers.ENOENT)])

    def text(self) -> str:
        return f"[ENOENT] None: {self.errors[0][1]}"


def success(identity: Json, result: Json) -> dict[str, Json]:
    """Return the envelope of a result."""
    return {"jsonrpc": "2.0", "result": result, "id": identity}


def failure(identity: Json, code: int, message: str, data: Json = None) -> dict[str, Json]:
    """Return the envelope of an error; `data` only where the vendor has some."""
    error = {"code": code, "message": message} | ({"data": data} if data is not None else {})
    return {"jsonrpc": "2.0", "error": error, "id": identity}


def failed(identity: Json, error: Exception) -> dict[str, Json]:
    """Return the envelope of one of the answers above."""
    if isinstance(error, ValidationErrors):
        extra: Json = [list(each) for each in error.errors]
        return failure(identity, INVALID_PARAMS, "Invalid params", _data(numbers.EINVAL, error.text(), error, extra))
    if isinstance(error, CallError):
        return failure(identity, CALL_ERROR, "Method call error", _data(error.number, error.text(), error, error.extra))
    reason = "MatchNotFound()" if isinstance(error, MatchNotFoundError) else repr(error)
    return failure(identity, CALL_ERROR, "Method call error", _data(numbers.EINVAL, reason, error, None))


def _data(number: int, reason: str, error: Exception, extra: Json) -> dict[str, Json]:
    name = (
        type(error).__name__.removesuffix("Error")
        if isinstance(error, (InstanceNotFoundError, MatchNotFoundError))
        else type(error).__name__
    )
    trace = {"class": name, "frames": [], "formatted": f"middlewared.service_exception.{name}: {reason}", "repr": f"{name}({reason!r})"}
    return {"error": number, "errname": name_of(number), "reason": reason, "trace": trace, "extra": extra}


def described(error: Exception) -> dict[str, Json]:
    """Return what a failed job tells: `error`, `exception`, `exc_info`."""
    if isinstance(error, ValidationErrors):
        text, number, extra = error.text(), numbers.EINVAL, [list(each) for each in error.errors]
        kind = "VALIDATION"
    elif isinstance(error, CallError):
        text, number, extra, kind = error.text(), error.number, error.extra, "CallError"
    else:
        text, number, extra, kind = repr(error), None, None, type(error).__name__
    return {
        "error": text,
        "exception": f"Traceback (most recent call last):\n{type(error).__name__}: {text}\n",
        "exc_info": {"type": kind, "errno": number, "extra": extra, "repr": f"{type(error).__name__}({text!r})"},
    }


def date(seconds: float) -> dict[str, int]:
    """Return an instant as the vendor encodes it: milliseconds, truncated to whole seconds."""
    return {"$date": int(seconds) * 1000}


def names(rows: Sequence[str]) -> str:
    """Return a list in words."""
    return ", ".join(rows)
