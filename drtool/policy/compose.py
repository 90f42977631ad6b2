"""A first policy as text, with comments for whoever changes it: what `load` reads as what was answered."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from drtool.model.answers import Answers, Datasets, Place

_PLAIN: Final = re.compile(r"[A-Za-z/][A-Za-z0-9/._-]*|([0-9]{1,9}[wdhms])+")
_WORDS: Final = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
"""What YAML of one version or another takes for something else than text."""
_SHORT: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}
_LAST_BYTE: Final = 0xFF
_LAST_OF_PLANE: Final = 0xFFFF


def compose(answers: Answers) -> str:
    """Return the policy that says what was answered; nothing is judged here, whatever was typed stays one value."""
    parts = (_head(answers), _repositories(answers), _sources(answers), _sets(answers), _drills(answers))
    return "\n".join("\n".join(part) + "\n" for part in parts if part)


def quoted(text: str) -> str:
    """Return text as one YAML scalar that is read as exactly this text, plain where nobody could take it for anything else."""
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return '"' + "".join(_character(each) for each in text) + '"'


def _character(character: str) -> str:
    if character in _SHORT:
        return _SHORT[character]
    if character.isprintable():
        return character
    number = ord(character)
    if number <= _LAST_BYTE:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number <= _LAST_OF_PLANE else f"\\U{number:08x}"


def _head(answers: Answers) -> list[str]:
    return [
        "# Written by `drtool new`, and yours from now on: change what you like, then",
        "# type `drtool validate`. `drtool schema` tells an editor every key there is.",
        "drtool: 1        # version of this language",
        f"name: {quoted(answers.name)}",
        "site: home       # what burns together: where this machine stands",
    ]


_ABOUT: Final = {
    "near": "fast to restore from, and lost together with this place",
    "offsite": "what is left when this place is lost",
}

_NOT_OFF_SITE: Final = "no off-site copy: it lies on one file system with what it is a copy of"


def _repositories(answers: Answers) -> list[str]:
    lines = ["repositories:"]
    for name, place in answers.places.items():
        about = _NOT_OFF_SITE if place.shared_with else _ABOUT[name]
        lines += [f"  # {about}", f"  {name}:", *_place(place, answers)]
        if place.shared_with:
            lines += ["    # once its disk is kept elsewhere, add this line: site: away"]
        elif name == "offsite":
            lines += ["    # a folder is off-site only if its disk is kept elsewhere"] if place.restic.startswith("/") else []
            lines.append("    site: away")
        lines += [
            "    # when space is freed: Sundays, UTC",
            '    prune: "0 5 * * 0"',
            "    # a slice each morning; within four weeks every byte is read again",
            '    verify: {schedule: "0 6 * * *", cycle: 28d}',
        ]
    return lines if answers.places else ["repositories: {}"]


def _place(place: Place, answers: Answers) -> list[str]:
    lines = [
        f"    restic: {quoted(place.restic)}",
        "    # where the key is found, never the key itself: file:, env:, credential:",
        f"    password: {quoted(place.password)}",
    ]
    if place.environment:
        lines += ["    environment:", *(f"      {quoted(name)}: {quoted(value)}" for name, value in place.environment.items())]
    if place.seen_from:
        source = _source(answers)
        lines += [
            "    # restic runs on the other machine, which reaches this folder so",
            f"    seen_from: {{{source}: {{restic: {quoted(place.seen_from)}}}}}",
        ]
    return lines


def _source(answers: Answers) -> str:
    if isinstance(answers.protect, Datasets):
        return "nas"
    return "there" if answers.protect.ssh else "here"


def _sources(answers: Answers) -> list[str]:
    protect = answers.protect
    if isinstance(protect, Datasets):
        return [
            "sources:",
            "  # a user with the roles that `drtool doctor` asks for, and no more",
            "  nas:",
            "    truenas:",
            f"      url: {quoted(protect.url)}",
            f"      user: {quoted(protect.user)}",
            f"      key: {quoted(protect.key)}",
            *([f"      ca: {quoted(protect.ca)}"] if protect.ca else []),
        ]
    if protect.ssh:
        return ["sources:", "  # another machine; restic runs there", f"  there: {{files: {{ssh: {quoted(protect.ssh)}}}}}"]
    return ["sources:", "  here: {files: {}}        # the files of this machine"]


def _sets(answers: Answers) -> list[str]:
    protect = answers.protect
    lines = ["sets:", f"  {_set(answers)}:", "    protect:"]
    if isinstance(protect, Datasets):
        lines += [f"      - nas: {{dataset: {quoted(name)}, recursive: true}}" for name in protect.names]
    else:
        lines += ['      # what matches is left out by: exclude: ["*.tmp"]', f"      - {_source(answers)}:", "          paths:"]
        lines += [f"            - {quoted(path)}" for path in protect.paths]
    copies = [name for name in answers.places if name != answers.first]
    return [
        *lines,
        f"    to: {answers.first}",
        *([f"    copies: [{', '.join(copies)}]"] if copies else []),
        "    # which are kept; `verified`: so many that were re-read whole, or drilled",
        f"    keep: {{{', '.join(f'{quoted(rule)}: {_rule(value)}' for rule, value in answers.keep.items())}}}",
        "    # rpo: so much, in time, may be lost; rto: so long may the way back take",
        f"    objectives: {{rpo: {quoted(answers.rpo)}, rto: {quoted(answers.rto)}}}",
        "    # when, in UTC: twice within the RPO leaves room for one that fails",
        f"    schedule: {quoted(answers.schedule)}",
    ]


def _set(answers: Answers) -> str:
    return "datasets" if isinstance(answers.protect, Datasets) else "documents"


def _rule(value: Any) -> str:  # noqa: ANN401 - whatever was typed
    if value is None:
        return "null"
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else quoted(str(value))


def _drills(answers: Answers) -> list[str]:
    if not answers.sandbox:
        return []
    return [
        "# where drills restore to; nothing in it outlives its lease",
        f"sandboxes: {{lab: {{lease: 4h, {_source(answers)}: {{directory: {quoted(answers.sandbox)}}}}}}}",
        "",
        "# a timed restore from the copy that would be left, with checks: the proof",
        "drills:",
        f'  monthly: {{sets: [{_set(answers)}], from: {answers.farthest}, sandbox: lab, schedule: "0 4 1 * *"}}',
    ]


def kept_by(rules: str) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """Read rules of retention as a policy has them between braces, `last: 3, daily: 14`, and what is wrong with how they are written."""
    from drtool.policy.read import read  # noqa: PLC0415 - heavy

    document = read("keep", f"{{{rules}}}".encode(errors="replace"))
    return document.data, tuple(problem.message for problem in document.problems)
