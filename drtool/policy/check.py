from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from drtool.model.nearest import nearest
from drtool.policy.document import PHASES, SECTIONS
from drtool.policy.stores import locked_on_s3_only, one_repository_twice, same_credentials, slips_in_names, whole_logins
from drtool.policy.subjects import one_check_each
from drtool.policy.trusted import trusted_sides
from drtool.policy.units import shorten
from drtool.policy.validate import entry_of, source_kinds

if TYPE_CHECKING:
    from pydantic import BaseModel

    from drtool.policy.document import Document, Path
    from drtool.policy.kinds import Kinds

_HINTS = 100
"""So many mistakes get the nearest right word: among thousands of names each costs a look at all of them."""
RETENTION_RULES = ("last", "hourly", "daily", "weekly", "monthly", "yearly")
_SINGULAR = dict(zip(SECTIONS, ("repository", "source", "set", "sandbox", "drill"), strict=True))


def check(document: Document, kinds: Kinds) -> None:
    """Note every name that leads nowhere and everything that contradicts itself; works on whatever shape was written."""
    for rule in _RULES:
        rule(document)
    kind_of = source_kinds(document, kinds.sources())
    _nodes(document, kind_of, kinds.nodes())
    _hooks_inside(document, kind_of, kinds.inside())
    _quiesces(document, kind_of, kinds.quiesces())
    _keeps_snapshots(document, kind_of, kinds.keeps_snapshots())
    _ssh(document, kind_of, kinds.sources())


def _nodes(document: Document, kind_of: Mapping[str, str], with_nodes: frozenset[str]) -> None:
    for source, kind in kind_of.items():
        if "per_node" in document.mapping("sources", source, "limits") and kind not in with_nodes:
            path = ("sources", source, "limits", "per_node")
            document.complain(path, f"sources of the kind `{kind}` have no nodes", "leave it out; at_once limits all of it", at_key=True)


def _hooks_inside(document: Document, kind_of: Mapping[str, str], with_runners: frozenset[str]) -> None:
    """A hook runs in a workload only where its kind of source can run something there."""
    for name in document.mapping("sets"):
        for phase in PHASES:
            for index in range(len(document.sequence("sets", name, phase))):
                path: Path = ("sets", name, phase, index, "on")
                on = document.text(*path)
                source, colon, _ = on.partition(":")
                if colon and source in kind_of and kind_of[source] not in with_runners:
                    message = f"no command can be run inside {shorten(on)}: sources of the kind `{kind_of[source]}` do not tell how"
                    document.complain(path, message, f"write `on: {source}`: it runs on the machine of that source")


def _quiesces(document: Document, kind_of: Mapping[str, str], able: frozenset[str]) -> None:
    """A set has one instant only when all of its members can be held still."""
    for name in document.mapping("sets"):
        if document.get("sets", name, "quiesce") is None:
            continue
        sources = dict.fromkeys(filter(None, map(entry_of, document.sequence("sets", name, "protect"))))
        unable = [f"`{source}` (`{kind_of[source]}`)" for source in sources if source in kind_of and kind_of[source] not in able]
        if unable:
            message = f"what is on {' and '.join(unable)} cannot be held still, so `{name}` has no one instant"
            hint = "leave `quiesce` out, and let `before` hooks quieten what must be; or put the others into a set of their own"
            document.complain(("sets", name, "quiesce"), message, hint, at_key=True)


def _keeps_snapshots(document: Document, kind_of: Mapping[str, str], able: frozenset[str]) -> None:
    """What is kept on a source is a snapshot, so one of the set's sources has to take some."""
    for name in document.mapping("sets"):
        if document.get("sets", name, "keep_on_source") is None:
            continue
        sources = dict.fromkeys(filter(None, map(entry_of, document.sequence("sets", name, "protect"))))
        kinds = {kind_of[source] for source in sources if source in kind_of}
        if kinds and not kinds & able:
            message = f"nothing stays on {' or '.join(f'`{source}`' for source in sources)}: what is there is read live, without a snapshot"
            hint = f"leave `keep_on_source` out; snapshots are kept by sources of: {', '.join(sorted(able)) or 'no kind'}"
            document.complain(("sets", name, "keep_on_source"), message, hint, at_key=True)


def to_of(document: Document, name: str) -> tuple[str, Path]:
    """Return the repository a set is stored in first, and where that is written."""
    path: Path = ("sets", name, "to") if "to" in document.mapping("sets", name) else ("defaults", "to")
    return document.text(*path), path


def copies_of(document: Document, name: str) -> list[tuple[str, Path]]:
    """Return the further repositories of a set, and where each is written."""
    own = "copies" in document.mapping("sets", name)
    return _copies_at(document, ("sets", name, "copies") if own else ("defaults", "copies"))


def _copies_at(document: Document, path: Path) -> list[tuple[str, Path]]:
    found: list[tuple[str, Path]] = [(key, (*path, key)) for key in document.mapping(*path)]
    for index, item in enumerate(document.sequence(*path)):
        if isinstance(item, str):
            found.append((item, (*path, index)))
        elif isinstance(item, dict):
            found += [(key, (*path, index, key)) for key in item]
    return found


def _known(document: Document, path: Path, section: str, name: object) -> bool:
    known = document.mapping(section)
    if not isinstance(name, str) or not name or name in known:
        return isinstance(name, str) and name in known
    hint = nearest(name, known) if len(document.problems) < _HINTS else ""
    document.complain(path, f"there is no {_SINGULAR[section]} `{name}`", hint)
    return False


def _names(document: Document) -> None:
    _known(document, ("defaults", "to"), "repositories", document.text("defaults", "to"))
    for copy, path in _copies_at(document, ("defaults", "copies")):
        _known(document, path, "repositories", copy)
    for repository in document.mapping("repositories"):
        for source in document.mapping("repositories", repository, "seen_from"):
            _known(document, ("repositories", repository, "seen_from", source), "sources", source)
    if "lease" in document.mapping("sources"):
        document.complain(("sources", "lease"), "a source cannot be named `lease`", "sandboxes use that word", at_key=True)
    for index in range(len(document.sequence("inventory", "exclude"))):
        place: Path = ("inventory", "exclude", index, "source")
        _known(document, place, "sources", document.text(*place))
    for name in document.mapping("sets"):
        _names_of_set(document, name)
    for name, body in document.mapping("sandboxes").items():
        for source in body if isinstance(body, dict) else ():
            if source != "lease" and source not in document.mapping("sources"):
                hint = nearest(source, [*document.mapping("sources"), "lease"])
                document.complain(("sandboxes", name, source), f"there is no source `{source}`", hint, at_key=True)


def _names_of_set(document: Document, name: str) -> None:
    path: Path = ("sets", name)
    _known(document, (*path, "to"), "repositories", document.text(*path, "to"))
    for copy, place in _copies_at(document, (*path, "copies")):
        _known(document, place, "repositories", copy)
    for index, item in enumerate(document.sequence(*path, "protect")):
        source = entry_of(item)
        if source is not None:
            _known(document, (*path, "protect", index, source), "sources", source)
    for index, other in enumerate(document.sequence(*path, "needs")):
        _known(document, (*path, "needs", index), "sets", other)
    for phase in PHASES:
        for index in range(len(document.sequence(*path, phase))):
            source, _, _ = document.text(*path, phase, index, "on").partition(":")
            _known(document, (*path, phase, index, "on"), "sources", source)
    _names_of_checks(document, path)


def _names_of_checks(document: Document, path: Path) -> None:
    protected = {source for item in document.sequence(*path, "protect") if (source := entry_of(item)) is not None}
    for index, item in enumerate(document.sequence(*path, "checks")):
        kind = entry_of(item)
        for key in ("in", "of"):
            of = document.text(*path, "checks", index, kind, key) if kind is not None else ""
            if of and of.partition(":")[0] not in protected:
                hint = nearest(of.partition(":")[0], protected)
                document.complain((*path, "checks", index, kind or "", key), f"this set protects no `{of}`", hint)


def _destinations(document: Document) -> None:
    for name in document.mapping("sets"):
        to, to_path = to_of(document, name)
        if document.get(*to_path) is None:
            hint = "say `to: REPOSITORY` here or in `defaults:`"
            document.complain(("sets", name, "to"), "`to` is missing: where is this set stored?", hint, at_key=True)
        seen: set[str] = set()
        for copy, path in copies_of(document, name):
            if copy == to and to:
                own = to_path if to_path[0] == "sets" and path[0] == "defaults" else path
                hint = "name another repository, or give this set its own `copies:`"
                document.complain(own, f"set `{name}` is stored in `{to}` and copied to it too", hint)
            if copy in seen:
                document.complain(path, f"`{copy}` is named twice", "keep one of them")
            seen.add(copy)
            same_credentials(document, to, copy, path)


def _keeping(document: Document) -> None:
    for name in document.mapping("sets"):
        default = document.mapping("defaults", "keep")
        own = {**default, **document.mapping("sets", name, "keep")}
        path: Path = ("sets", name, "keep")
        if document.get(*path) is None and document.get("defaults", "keep") is None:
            hint = "say for example `keep: {daily: 14, weekly: 8}` here or in `defaults:`"
            document.complain(path, "`keep` is missing: which points are kept?", hint, at_key=True)
            continue
        if not _keeps_something(own):
            document.complain(path if document.get(*path) is not None else ("defaults", "keep"), *_KEEPS_NOTHING, at_key=True)
            continue
        for _, copy_path in copies_of(document, name):
            if not _keeps_something({**own, **document.mapping(*copy_path, "keep")}):
                document.complain((*copy_path, "keep"), *_KEEPS_NOTHING, at_key=True)


_KEEPS_NOTHING = ("this keeps nothing", "say at least one of last, hourly, daily, weekly, monthly, yearly or within")


def _keeps_something(rules: Mapping[str, Any]) -> bool:
    values = [rules.get(rule) for rule in RETENTION_RULES]
    # What is not even a number is told by the schema; it need not be told twice.
    return bool(rules.get("within")) or any(value is not None and value != 0 for value in values)


def _cycles(document: Document) -> None:
    from graphlib import CycleError, TopologicalSorter  # noqa: PLC0415 - only when a policy is really read

    sets = document.mapping("sets")
    needs = {
        name: {other for other in document.sequence("sets", name, "needs") if isinstance(other, str) and other in sets} for name in sets
    }
    while True:
        try:
            TopologicalSorter(needs).prepare()
        except CycleError as error:
            circle: list[str] = error.args[1][::-1]  # graphlib tells it from the needed to the needing
            name, other = circle[0], circle[1]
            index = document.sequence("sets", name, "needs").index(other)
            message = f"these sets need each other: {' → '.join(circle)}"
            document.complain(("sets", name, "needs", index), message, "one of them must come first")
            needs[name].discard(other)
        else:
            return


def _drills(document: Document) -> None:
    for name in document.mapping("drills"):
        path: Path = ("drills", name)
        sandbox = document.text(*path, "sandbox")
        places = document.mapping("sandboxes", sandbox) if sandbox else {}
        _known(document, (*path, "sandbox"), "sandboxes", sandbox)
        origin = document.text(*path, "from")
        if origin:
            _known(document, (*path, "from"), "repositories", origin)
        chosen: dict[str, str] = {}
        for index, item in enumerate(document.sequence(*path, "sets")):
            if not _known(document, (*path, "sets", index), "sets", item):
                continue
            held = [to_of(document, item)[0], *(copy for copy, _ in copies_of(document, item))]
            chosen.setdefault(held[-1], item)
            if origin in document.mapping("repositories") and origin not in held:
                hint = f"it is stored in {', '.join(filter(None, held))}"
                document.complain((*path, "from"), f"set `{item}` is not stored in `{origin}`", hint)
            if sandbox in document.mapping("sandboxes"):
                _sandbox_places(document, (*path, "sets", index), item, sandbox=sandbox, places=places)
        if not origin and len(chosen) > 1:
            message = f"these sets have different last copies: {', '.join(sorted(chosen))}"
            document.complain((*path, "sets"), message, "say `from: REPOSITORY`, or make two drills of it")
        opened = origin or next(iter(chosen), "")
        key = document.text(*path, "key")
        if key and key == document.text("repositories", opened, "password"):
            message = f"this is the key that `{opened}` is opened with every day: it proves nothing about another"
            document.complain((*path, "key"), message, f"name another: drtool key add {opened} --file FILE")


def _sandbox_places(document: Document, path: Path, name: str, *, sandbox: str, places: Iterable[str]) -> None:
    for item in document.sequence("sets", name, "protect"):
        source = entry_of(item)
        if source in document.mapping("sources") and source not in places:
            message = f"set `{name}` needs a place for source `{source}` in sandbox `{sandbox}`"
            document.complain(
                path,
                message,
                f"add `{source}: {{directory: /var/lib/drtool/sandbox}}` to sandboxes.{sandbox}; any source takes a directory of this host",
            )


def _ssh(document: Document, kind_of: Mapping[str, str], schemas: Mapping[str, type[BaseModel]]) -> None:
    for name in document.mapping("sets"):
        repository, _ = to_of(document, name)
        location = document.text("repositories", repository, "restic")
        for index, item in enumerate(document.sequence("sets", name, "protect")):
            source = entry_of(item)
            if source is None or source not in kind_of or not document.get("sources", source, kind_of[source], "ssh"):
                continue
            if not _runs_there(document, source, kind_of[source], schemas):
                continue
            if location.startswith("/") and source not in document.mapping("repositories", repository, "seen_from"):
                message = f"source `{source}` is another machine, and repository `{repository}` is a directory of this one"
                hint = f"add `seen_from: {{{source}: {{restic: …}}}}` to repositories.{repository}"
                document.complain(("sets", name, "protect", index, source), message, hint, at_key=True)


def _runs_there(document: Document, source: str, kind: str, schemas: Mapping[str, type[BaseModel]]) -> bool:
    """Tell whether the repository's program runs where `ssh` leads: a kind with several ways in has a key `access` for that."""
    access = schemas[kind].model_fields.get("access")
    return access is None or (document.text("sources", source, kind, "access") or access.default) == "ssh"


_RULES: tuple[Callable[[Document], None], ...] = (
    _names,
    _destinations,
    one_repository_twice,
    whole_logins,
    locked_on_s3_only,
    slips_in_names,
    trusted_sides,
    _keeping,
    _cycles,
    _drills,
    one_check_each,
)
