"""Stories: tests that are nothing but data, one `*.yaml` each beside this file. The models below are their whole vocabulary."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Annotated, Any, Final, Self

from pydantic import Field, ValidationError, model_validator

from drtool.policy import faults, read
from drtool.policy.document import Document
from drtool.policy.strict import NonEmpty, Strict
from tests.cli.report_schema import validated
from tests.rig.program import called

FOLDER: Final = Path(__file__).parent
STORIES: Final = tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))
_BASE: Final = FOLDER / "base" / "homelab.yaml"
_CHANGES: Final = ("write", "remove", "move", "mode", "policy")
_ENDS: Final = ("ends", "screen", "unsaid", "facts", "there", "gone", "holds")

Texts = Annotated[list[NonEmpty], Field(min_length=1)]
Named = Annotated[dict[str, str], Field(min_length=1)]
Modes = Annotated[dict[str, int], Field(min_length=1)]
Values = Annotated[dict[str, Any], Field(min_length=1)]


class StoryError(ValueError):
    """A file is no story: every mistake with its file, line and field."""


class Step(Strict):
    """A command that is typed, with what it must end with, or one change of the machine between two commands.

    Paths begin at the folder of the machine; one that is looked for may be a pattern (`out/**/letter.txt`).
    """

    type: NonEmpty = ""  # what a person types behind `drtool`
    ends: int = 0  # its exit code
    screen: Texts = []  # words that are on the screen, however its lines are broken
    unsaid: Texts = []  # words that are not, where there are others
    facts: Values = {}  # what `--json` says at a path such as `sets.0.checks.*.passed`, where `*` is a list of all
    there: Texts = []  # something is there
    gone: Texts = []  # nothing is there
    holds: Named = {}  # one file is there, with this text
    keep: Named = {}  # from now on `$name` is what `--json` says at this path

    write: Named = {}  # files with their text; a folder ends in `/`
    remove: Texts = []
    move: Named = {}
    mode: Modes = {}
    policy: Values = {}  # laid over what the policy says so far, key by key; null takes a key away

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        given = self.model_fields_set
        if len(given & {"type", *_CHANGES}) != 1 or (len(given) > 1 and "type" not in given):
            raise ValueError(f"a step is one of: type with what it ends with, {', '.join(_CHANGES)}")
        return self


class Story(Strict):
    """A case: one sentence, what lies on the machine and in its policy beside what `base/homelab.yaml` says, and what happens.

    In every text `$machine` is the folder that everything lies in.
    """

    says: NonEmpty
    names: Named = {}  # texts for `$name`
    machine: Named = {}
    policy: Values = {}
    story: Annotated[list[Step], Field(min_length=1)]


@dataclass(frozen=True)
class Expectation:
    """What a command must end with; `of` is the path of a fact or the pattern of a file, where one is meant."""

    field: str
    kind: str
    of: str
    wanted: Any


@dataclass(frozen=True)
class Seen:
    """What a typed command ended with: its code, its screen in one line, its document, and the files that fit each pattern."""

    typed: str
    code: int
    screen: str
    document: Any
    files: Mapping[str, list[bytes]]


def story_of(path: Path) -> Story:
    """Read a file; StoryError tells every mistake in it."""
    document = read.read(os.path.relpath(path, FOLDER.parents[1]), path.read_bytes())
    try:
        story = Story.model_validate(document.data)
    except ValidationError as error:
        faults.report(document, error, model=Story, prefix=())
    else:
        _check_names(document, story)
    if document.problems:
        raise StoryError("\n".join(map(str, document.problems)))
    return story


def _check_names(document: Document, story: Story) -> None:
    """Every `$name` stands for something by then."""
    known = {"machine", *story.names}
    for at in (("names",), ("machine",), ("policy",), *(("story", number) for number in range(len(story.story)))):
        for name in Template(json.dumps(document.get(*at))).get_identifiers():
            if name not in known:
                document.complain(at, f"nothing is called `${name}` by then", f"there are: {', '.join(sorted(known))}")
        known |= document.mapping(*at, "keep").keys() if at[0] == "story" else set()


def told(story: Story, directory: Path, restic: Path) -> Iterator[tuple[Expectation, Seen]]:
    """Let it happen in an empty folder, and yield each expectation with what was seen."""
    base = read.read(str(_BASE), _BASE.read_bytes()).data
    names = {"machine": str(directory), **_filled(story.names, {"machine": str(directory)})}
    policy = _laid_over(base["policy"], story.policy)
    _write(directory, _filled({**base["machine"], **story.machine, "policy.yaml": json.dumps(policy), "home/": ""}, names))
    places = {"HOME": "home", "DRTOOL_STATE_DIR": "state", "DRTOOL_POLICY": "policy.yaml"}
    environment = {"PATH": f"{restic.parent}:{os.environ['PATH']}"} | {name: f"{directory}/{place}" for name, place in places.items()}
    for number, step in enumerate(story.story):
        if step.type:
            filled = step.model_copy(update=_filled(step.model_dump(exclude_unset=True), names))
            seen = _typed(filled, directory, environment)
            yield from ((each, seen) for each in _expectations(number, filled))
            names |= {name: str(fact(seen.document, path)) for name, path in filled.keep.items()}
        else:
            policy = _laid_over(policy, step.policy)
            _write(directory, _filled({"policy.yaml": json.dumps(policy)} if step.policy else step.write, names))
            _change(step, directory, names)


def _write(directory: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = directory / name
        (path if name.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            path.touch(mode=0o600)
            path.write_text(text, encoding="utf-8")


def _change(step: Step, directory: Path, names: Mapping[str, str]) -> None:
    for pattern in _filled(step.remove, names):
        assert list(directory.glob(pattern)), f"nothing fits {pattern}"
        for path in directory.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for old, new in step.move.items():
        (directory / old).rename(directory / new)
    for name, digits in step.mode.items():
        (directory / name).chmod(int(str(digits), 8))


def _typed(step: Step, directory: Path, environment: Mapping[str, str]) -> Seen:
    ended = called(shlex.split(step.type), cwd=directory, env=environment)
    document = validated(json.loads(ended.stdout or "null")) if step.facts or step.keep else None
    patterns = (*step.there, *step.gone, *step.holds)
    files = {pattern: [path.read_bytes() if path.is_file() else b"" for path in directory.glob(pattern)] for pattern in patterns}
    return Seen(step.type, ended.returncode, _one_line(ended.stdout + ended.stderr), document, files)


def _expectations(number: int, step: Step) -> Iterator[Expectation]:
    for kind in _ENDS:
        field = f"story[{number}].{kind}"
        match getattr(step, kind):
            case list(texts):
                yield from (Expectation(f"{field}[{at}]", kind, each, _one_line(each)) for at, each in enumerate(texts))
            case dict(named):
                yield from (Expectation(f"{field}.{of}", kind, of, each) for of, each in named.items())
            case code:
                yield Expectation(field, kind, "", code)


def found(this: Expectation, seen: Seen) -> Any:  # noqa: ANN401 - a code, a screen, a fact, or what is in files
    """Return what an expectation is about."""
    match this.kind:
        case "ends":
            return seen.code
        case "screen" | "unsaid":
            return seen.screen
        case "facts":
            return fact(seen.document, this.of)
    return seen.files[this.of]


def is_met(this: Expectation, seen: Seen) -> bool:
    """Judge one expectation by what was seen."""
    there = found(this, seen)
    match this.kind:
        case "screen":
            return this.wanted in there
        case "unsaid":
            return there != "" and this.wanted not in there
        case "there" | "gone":
            return (there != []) is (this.kind == "there")
        case "holds":
            return bool(there == [this.wanted.encode()])
    return json.dumps(there, sort_keys=True) == json.dumps(this.wanted, sort_keys=True)


def fact(value: Any, path: str) -> Any:  # noqa: ANN401 - a JSON document
    """Return what stands at a path of a document; LookupError where nothing does."""
    if not path:
        return value
    first, _dot, rest = path.partition(".")
    match value:
        case list() if first == "*":
            return [fact(each, rest) for each in value]
        case list() if first.isdecimal() and int(first) < len(value):
            return fact(value[int(first)], rest)
        case dict() if first in value:
            return fact(value[first], rest)
    raise LookupError(f"there is no {path} in {json.dumps(value)}")


def _laid_over(under: Any, over: Any) -> Any:  # noqa: ANN401 - plain data
    if not isinstance(under, dict) or not isinstance(over, dict):
        return over
    return {key: _laid_over(under.get(key), over.get(key, under.get(key))) for key in {**under, **over} if over.get(key, 0) is not None}


def _filled(value: Any, names: Mapping[str, str]) -> Any:  # noqa: ANN401 - plain data
    match value:
        case str():
            return Template(value).substitute(names)
        case list():
            return [_filled(each, names) for each in value]
        case dict():
            return {_filled(key, names): _filled(each, names) for key, each in value.items()}
    return value


def _one_line(text: str) -> str:
    return " ".join(text.split())
