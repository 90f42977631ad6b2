from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from drtool.model.nearest import nearest
from drtool.policy.faults import report

if TYPE_CHECKING:
    from pydantic import BaseModel

    from drtool.policy.document import Document, Path
    from drtool.policy.kinds import Kinds
    from drtool.policy.schema import PolicySchema

Compiled = dict["Path", dict[str, Any]]
"""The keys of a kind by where they stand, with every default filled in, as JSON values."""


def validate(document: Document, kinds: Kinds) -> tuple[PolicySchema | None, Compiled]:
    """Hold what was written against the schema of the language and those of the kinds; mistakes are noted in the document."""
    from pydantic import ValidationError  # noqa: PLC0415 - heavy

    from drtool.policy.schema import PolicySchema  # noqa: PLC0415 - heavy

    policy = None
    try:
        policy = PolicySchema.model_validate(document.data)
    except ValidationError as error:
        report(document, error, model=PolicySchema, prefix=())
    compiled: Compiled = {}
    _sources(document, kinds.sources(), compiled)
    kind_of = source_kinds(document, kinds.sources())
    _protect(document, kinds.selectors(), kind_of, compiled)
    _checks(document, kinds.checks(), compiled)
    _places(document, kinds.places(), kind_of, compiled)
    _notify(document, kinds.notifiers(), compiled)
    return policy, compiled


def source_kinds(document: Document, models: Mapping[str, Any]) -> dict[str, str]:
    """Return the kind of every source that names exactly one."""
    found = {}
    for name, body in document.mapping("sources").items():
        named = [kind for kind in body if kind in models] if isinstance(body, dict) else []
        if len(named) == 1:
            found[name] = named[0]
    return found


def entry_of(item: object) -> str | None:
    """Return the one key of an entry such as `- here: {…}`; None when it is shaped otherwise."""
    return next(iter(item)) if isinstance(item, dict) and len(item) == 1 else None


def _one(document: Document, path: Path, model: type[BaseModel], compiled: Compiled, *, beside: Mapping[str, type] | None = None) -> None:
    from pydantic import ValidationError  # noqa: PLC0415 - heavy

    value = document.get(*path)
    beside = beside or {}
    if isinstance(value, dict):
        for key, expected in beside.items():
            if key in value and not isinstance(value[key], expected):
                document.complain((*path, key), "must be true or false" if expected is bool else "must be text")
        value = {key: item for key, item in value.items() if key not in beside}
    try:
        settings = model.model_validate({} if value is None else value)
    except ValidationError as error:
        report(document, error, model=model, prefix=path, extra=beside)
    except OverflowError:
        document.complain(path, "a number in here is too large")
    else:
        compiled[path] = settings.model_dump(mode="json", by_alias=True)


BESIDE = ("site", "limits")
"""What stands beside the kind of a source."""


def _sources(document: Document, models: Mapping[str, type[BaseModel]], compiled: Compiled) -> None:
    for name, body in document.mapping("sources").items():
        if not isinstance(body, dict):
            continue
        path: Path = ("sources", name)
        named = [kind for kind in body if kind in models]
        unknown = [key for key in body if key not in models and key not in BESIDE]
        for key in unknown:
            document.complain((*path, key), f"unknown key `{key}`", nearest(key, {*models, *BESIDE}), at_key=True)
        if not named and not unknown:
            document.complain(path, "one key names the kind of the source", nearest("", models, what="kinds"), at_key=True)
        if len(named) > 1:
            hint = "make two sources of it"
            document.complain((*path, named[1]), f"a source has one kind, this has {' and '.join(named)}", hint, at_key=True)
        for kind in named:
            _one(document, (*path, kind), models[kind], compiled)


def _protect(document: Document, models: Mapping[str, type[BaseModel]], kind_of: Mapping[str, str], compiled: Compiled) -> None:
    for name in document.mapping("sets"):
        for index, item in enumerate(document.sequence("sets", name, "protect")):
            path: Path = ("sets", name, "protect", index)
            source = entry_of(item)
            if source is None:
                _shape(document, path, item, "one source and its selector, as in `- here: {paths: [/home]}`")
            elif kind_of.get(source) in models:
                _one(document, (*path, source), models[kind_of[source]], compiled, beside={"allow_empty": bool})


def _checks(document: Document, models: Mapping[str, type[BaseModel]], compiled: Compiled) -> None:
    for name in document.mapping("sets"):
        for index, item in enumerate(document.sequence("sets", name, "checks")):
            path: Path = ("sets", name, "checks", index)
            kind = entry_of(item)
            if kind is None:
                _shape(document, path, item, "one kind of check and its keys, as in `- files: {at_least: 1}`")
            elif kind not in models:
                hint = nearest(kind, models, what="kinds")
                document.complain((*path, kind), f"unknown kind of check `{kind}`", hint, at_key=True)
            else:
                own = {field.alias or key for key, field in models[kind].model_fields.items()}
                beside = {key: str for key in ("in", "of") if key not in own}
                _one(document, (*path, kind), models[kind], compiled, beside=beside)
                if isinstance(item[kind], dict) and {"in", "of"} <= item[kind].keys():
                    document.complain((*path, kind, "of"), "`in` and `of` say the same", "keep one of them", at_key=True)


def _notify(document: Document, models: Mapping[str, type[BaseModel]], compiled: Compiled) -> None:
    for index, item in enumerate(document.sequence("notify")):
        path: Path = ("notify", index)
        kind = entry_of(item)
        if kind is None:
            _shape(document, path, item, 'one kind and its keys, as in `- webhook: {url: "https://example.org/hook"}`')
        elif kind not in models:
            document.complain((*path, kind), f"nobody is told by `{kind}`", nearest(kind, models, what="kinds"), at_key=True)
        else:
            _one(document, (*path, kind), models[kind], compiled)


def _places(document: Document, models: Mapping[str, type[BaseModel]], kind_of: Mapping[str, str], compiled: Compiled) -> None:
    for name, body in document.mapping("sandboxes").items():
        for source in body if isinstance(body, dict) else ():
            path: Path = ("sandboxes", name, source)
            kind = kind_of.get(source)
            if source == "lease" or kind is None:
                continue
            if kind in models:
                _one(document, path, models[kind], compiled)
            else:
                document.complain(path, f"sources of the kind `{kind}` have no place in a sandbox", at_key=True)


def _shape(document: Document, path: Path, item: object, example: str) -> None:
    if isinstance(item, dict):  # anything else is told by the schema
        document.complain(path, f"an entry has one key, this has {len(item)}", f"it is {example}")
