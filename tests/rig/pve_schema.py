"""The vendor's own schemas, where somebody has them: whether a request or an answer fits, judged in his terms."""

from __future__ import annotations

import functools
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

VARIABLE: Final = "DRTOOL_VENDOR_SCHEMAS"
"""Names directories, separated as those of PATH are; one of them, or `pve-api` beside it, has a file for each release."""
Schema = Mapping[str, Any]
_YES_NO: Final = {"1", "0", "on", "off", "yes", "no", "true", "false"}
_WHOLE: Final = re.compile(r"[+-]?\d+")
_NUMBER: Final = re.compile(r"[+-]?\d+(?:\.\d+)?")
_FORMATS: Final = {
    "pve-node": r"(?i:[a-z0-9](?i:[a-z0-9-]*[a-z0-9])?)",
    "pve-vmid": r"[1-9][0-9]{2,8}",
    "pve-configid": r"(?i:[a-z][a-z0-9_-]+)",
    "pve-storage-id": r"(?i:[a-z][a-z0-9\-_.]*[a-z0-9])",
    "pve-userid": r"[^\s:/]+@[A-Za-z][A-Za-z0-9.\-_]+",
    "pve-tokenid": r"[^\s:/]+@[A-Za-z][A-Za-z0-9.\-_]+![A-Za-z][A-Za-z0-9.\-_]+",
    "pve-roleid": r"[A-Za-z0-9.\-_]+",
    "pve-groupid": r"[A-Za-z0-9.\-_]+",
    "pve-priv": r"[A-Za-z0-9.\-_]+",
    "pve-realm": r"[A-Za-z][A-Za-z0-9.\-_]+",
    "pve-poolid": r"[A-Za-z0-9.\-_]+(?:/[A-Za-z0-9.\-_]+){0,2}",
    "pve-task-status-type": r"(?i:ok|error|warning|unknown)",
    "pve-storage-content": r"[a-z]+",
    "pve-ha-resource-or-vm-id": r"(?:(?:ct|vm):)?[1-9][0-9]{2,8}",
    "email-opt": r"(?:\S+@\S+)?",
}
"""What the schemas only name. What is not here is not looked at."""


def vendor_file(release: str) -> Path | None:
    """Return the file with the schemas of a release, None where nobody has it."""
    for named in os.environ.get(VARIABLE, "").split(os.pathsep):
        if named:
            for directory in (Path(named), Path(named).parent / "pve-api"):
                if (directory / f"{release}.json").exists():
                    return directory / f"{release}.json"
    return None


@functools.cache
def vendor_calls(release: str) -> Mapping[str, Mapping[str, Schema]]:
    """Return the vendor's calls of a release by path and method, empty where there are none."""
    file = vendor_file(release)
    return {} if file is None else json.loads(file.read_text(encoding="utf-8"))


def vendor_call(release: str, method: str, path: str) -> Schema | None:
    """Return one of them, None where there is no such one."""
    return vendor_calls(release).get(path, {}).get(method)


def in_python(pattern: str) -> str:
    """Return a regular expression of the vendor's language in ours."""
    for theirs, ours in (("(?^:", "(?:"), ("(?^u:", "(?:"), ("(?^i:", "(?i:"), ("(?<", "(?P<")):
        pattern = pattern.replace(theirs, ours)
    return pattern.replace("(?P<!", "(?<!").replace("(?P<=", "(?<=")


def problems_of_request(call: Schema, given: Mapping[str, Any]) -> Iterator[str]:
    """Return what the vendor would not take of parameters as they came: texts, or lists of texts."""
    yield from _object({**call["parameters"], "type": "object"}, given, "", strict=True)


def problems_of_answer(call: Schema, data: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    """Return where an answer is not what the vendor says it is; of two calls he says nothing."""
    yield from problems(call["returns"], data, "it")


def problems(schema: Schema, value: Any, where: str) -> Iterator[str]:  # noqa: ANN401 - JSON
    """Return where a value does not fit; the vendor's numbers and yes or no may be texts."""
    kind = schema.get("type", "any")
    if kind == "object":
        yield from _object(schema, value, where) if isinstance(value, Mapping) else [f"{where}: no object"]
    elif kind == "array":
        yield from _array(schema, value, where) if isinstance(value, list) else [f"{where}: no list"]
    elif kind == "null":
        yield from [] if value is None else [f"{where}: not null"]
    elif kind in {"boolean", "integer", "number", "string"}:
        problem = _problem_of_one(schema, kind, value)
        yield from [f"{where}: {problem}"] if problem else []
        if not problem and kind == "string" and isinstance(schema.get("format"), Mapping):
            yield from property_string(schema["format"], value, where)


def _array(schema: Schema, value: Sequence[Any], where: str) -> Iterator[str]:
    for place, each in enumerate(value):
        yield from problems(schema.get("items") or {}, each, f"{where}[{place}]")


def _object(schema: Schema, value: Mapping[str, Any], where: str, *, strict: bool = False) -> Iterator[str]:
    known: Mapping[str, Schema] = schema.get("properties") or {}
    numbered = {name.removesuffix("[n]"): each for name, each in known.items() if name.endswith("[n]")}
    for name, each in known.items():
        if name not in value:
            if not each.get("optional") and not name.endswith("[n]"):
                yield f"{where}.{name}: missing"
        elif each.get("requires", name) not in value:
            yield f"{where}.{name}: not without {each['requires']}"
    for name, each in value.items():
        of = known.get(name) or numbered.get(name.rstrip("0123456789"))
        if of is not None:
            yield from problems(of, each, f"{where}.{name}")
        elif (strict or "additionalProperties" in schema) and not schema.get("additionalProperties"):
            yield f"{where}.{name}: unknown"


def _problem_of_one(schema: Schema, kind: str, value: Any) -> str:  # noqa: ANN401 - JSON
    text = str(int(value)) if isinstance(value, bool) else str(value)
    if isinstance(value, list | Mapping) or value is None:
        return f"no {kind}"
    if kind == "boolean":
        return "" if text.lower() in _YES_NO else "no boolean"
    if kind in {"integer", "number"}:
        if not (_WHOLE if kind == "integer" else _NUMBER).fullmatch(text) and not (kind == "number" and isinstance(value, float)):
            return f"no {kind}"
        if "minimum" in schema and float(text) < float(schema["minimum"]):
            return "too small"
        return "too large" if "maximum" in schema and float(text) > float(schema["maximum"]) else ""
    if not isinstance(value, str):
        return "no string"
    return _problem_of_text(schema, text)


def _problem_of_text(schema: Schema, text: str) -> str:
    if not int(schema.get("minLength", 0)) <= len(text) <= int(schema.get("maxLength", 1 << 30)):
        return "too short or too long"
    if "enum" in schema and text not in schema["enum"]:
        return "not one of the words"
    if "pattern" in schema and not re.fullmatch(in_python(str(schema["pattern"])), text):
        return "does not match"
    named = schema.get("format")
    if isinstance(named, str):
        pattern = _FORMATS.get(named.removesuffix("-list"))
        parts = re.split(r"[,;\s]+", text) if named.endswith("-list") else [text]
        if pattern is not None and not all(re.fullmatch(pattern, part) for part in parts if part or not named.endswith("-list")):
            return f"no {named}"
    return ""


def property_string(keys: Mapping[str, Schema], text: str, where: str) -> Iterator[str]:
    """Return where a text of keys and values does not fit; one key may stand without its name."""
    default = next((name for name, each in keys.items() if each.get("default_key")), "")
    given: dict[str, str] = {}
    for part in text.split(","):
        name, is_named, value = part.partition("=")
        if not is_named:
            name, value = default, part
        of = keys.get(name)
        if of is not None and "alias" in of:
            if "keyAlias" in of:
                given[str(of["keyAlias"])] = name
            name = str(of["alias"])
        given[name] = value
    yield from _object({"properties": {name: each for name, each in keys.items() if "alias" not in each}}, given, where, strict=True)
