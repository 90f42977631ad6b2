"""What a parameter may be, and how the vendor refuses what it may not."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from drtool.lab.proxmox.answers import Json, wrong

_YES: Final = frozenset({"1", "on", "yes", "true"})
_NO: Final = frozenset({"0", "off", "no", "false"})
_WHOLE: Final = re.compile(r"[+-]?\d+")
_ID: Final = r"[A-Za-z][A-Za-z0-9_-]+"
_USER: Final = r"[^\s:/]+@[A-Za-z][A-Za-z0-9._-]+"
FORMATS: Final[Mapping[str, str]] = {
    "pve-node": r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?",
    "pve-storage-id": r"[A-Za-z][A-Za-z0-9._-]*[A-Za-z0-9]",
    "pve-storage-content": r"[a-z]+",
    "pve-vmid": r"[1-9][0-9]{2,8}",
    "pve-configid": _ID,
    "pve-poolid": r"[A-Za-z0-9._-]+(?:/[A-Za-z0-9._-]+){0,2}",
    "pve-roleid": r"[A-Za-z0-9._-]+",
    "pve-sdn-vnet-id": r"[A-Za-z][A-Za-z0-9]*[A-Za-z0-9]",
    "pve-realm": r"[A-Za-z][A-Za-z0-9._-]+",
    "pve-userid": _USER,
    "pve-groupid": r"[A-Za-z0-9._-]+",
    "pve-tokenid": rf"{_USER}![A-Za-z][A-Za-z0-9._-]+",
    "pve-priv": r"[A-Za-z0-9._-]+",
    "pve-task-status-type": r"(?i:unknown|ok|error|warning)",
    "pve-ha-resource-or-vm-id": r"(?:(?:vm|ct):)?[1-9][0-9]{2,8}",
    "email-opt": r"(?:\S+@\S+)?",
}
"""What the vendor's formats look like; one that ends in `-list` is a list of the format before it."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: its type (string, integer, boolean), whether it is needed, and its bounds.

    `requires` names the parameter without which it may not stand.
    """

    type: str
    needed: bool = False
    words: tuple[str, ...] = ()
    pattern: str = ""
    format: str = ""
    least: int | None = None
    most: int | None = None
    shortest: int = 0
    longest: int | None = None
    requires: str = ""
    gone: tuple[str, ...] = ()
    """Words that releases before 9 take besides."""
    older: Parameter | None = None
    """What it is in releases before 9, where that is something else."""

    def in_release(self, release: str) -> Parameter:
        """Return what it may be in a release."""
        if not release.startswith("8."):
            return self
        return self.older or replace(self, words=(*self.words, *self.gone), gone=())


Parameters = Mapping[str, Parameter]


def text(format: str = "", *, needed: bool = False, pattern: str = "", longest: int | None = None, requires: str = "") -> Parameter:  # noqa: A002 - the vendor's word
    """Return what a text is."""
    return Parameter("string", needed, pattern=pattern, format=format, longest=longest, requires=requires)


def one_of(*words: str, requires: str = "", gone: tuple[str, ...] = ()) -> Parameter:
    """Return what one of some words is; those that are `gone` are in releases before 9 only."""
    return Parameter("string", words=words, requires=requires, gone=gone)


def whole(*, least: int | None = None) -> Parameter:
    """Return what a whole number is."""
    return Parameter("integer", least=least)


def flag() -> Parameter:
    """Return what a yes or no is."""
    return Parameter("boolean")


def guest_number(*, needed: bool = True) -> Parameter:
    """Return what the number of a guest is."""
    return Parameter("integer", needed, format="pve-vmid", least=100, most=999_999_999)


NODE: Final = text("pve-node", needed=True)
STORAGE: Final = text("pve-storage-id", needed=True)
SNAPSHOT: Final = text("pve-configid", needed=True, longest=40)
ON_NODE: Final[Parameters] = {"node": NODE}
OF_GUEST: Final[Parameters] = {"node": NODE, "vmid": guest_number()}


def take(parameters: Parameters, given: Mapping[str, Sequence[str]]) -> dict[str, Json]:
    """Return parameters as what they are; refused as the vendor does: 400, with an error for each that is wrong."""
    errors = dict(_errors(parameters, given))
    if errors:
        raise wrong(errors)
    return {name: _as(parameters[name], values[-1]) for name, values in given.items()}


def _errors(parameters: Parameters, given: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
    for name, parameter in parameters.items():
        if name not in given:
            if parameter.needed:
                yield name, "property is missing and it is not optional"
        elif len(given[name]) > 1:
            yield name, f"type check ('{parameter.type}') failed - got ARRAY"
        else:
            if parameter.requires and parameter.requires not in given:
                yield parameter.requires, f"missing property - '{name}' requires this property"
            problem = problem_of(parameter, given[name][0])
            if problem:
                yield name, problem
    for name in given:
        if name not in parameters:
            yield name, "property is not defined in schema and the schema does not allow additional properties"


def problem_of(parameter: Parameter, value: str) -> str:
    """Return what is wrong with one value, empty where it fits."""
    if parameter.type == "boolean":
        return "" if value.lower() in _YES | _NO else f"type check ('boolean') failed - got '{value}'"
    if parameter.type == "integer":
        if not _WHOLE.fullmatch(value):
            return f"type check ('integer') failed - got '{value}'"
        if parameter.least is not None and int(value) < parameter.least:
            return f"value must have a minimum value of {parameter.least}"
        if parameter.most is not None and int(value) > parameter.most:
            return f"value must have a maximum value of {parameter.most}"
        return ""
    return _problem_of_text(parameter, value)


def _problem_of_text(parameter: Parameter, value: str) -> str:
    if len(value) < parameter.shortest:
        return f"value must be at least {parameter.shortest} characters long"
    if parameter.longest is not None and len(value) > parameter.longest:
        return f"value may only be {parameter.longest} characters long"
    if parameter.words and value not in parameter.words:
        return f"value '{value}' does not have a value in the enumeration '{', '.join(parameter.words)}'"
    if parameter.pattern and not re.fullmatch(parameter.pattern, value):
        return "value does not match the regex pattern"
    if parameter.format and not fits(parameter.format, value):
        return f"invalid format - value does not look like a valid {parameter.format}"
    return ""


def fits(format: str, value: str) -> bool:  # noqa: A002 - the vendor's word
    """Tell whether a text has a format; lists are separated by commas, semicolons or blanks."""
    if format.endswith("-list"):
        return all(fits(format.removesuffix("-list"), each) for each in split(value))
    return format not in FORMATS or re.fullmatch(FORMATS[format], value) is not None


def split(value: str) -> list[str]:
    """Return what is listed in a text."""
    return [each for each in re.split(r"[,;\s\0]+", value) if each]


def _as(parameter: Parameter, value: str) -> Json:
    if parameter.type == "boolean":
        return value.lower() in _YES
    return int(value) if parameter.type == "integer" else value
