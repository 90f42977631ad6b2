"""The coverage ledger: each workload of each source gets exactly one word."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from drtool.model.inventory import Problem, SetInventory
from drtool.model.kind import KindFacts
from drtool.model.ledger import EXCLUDED, PROBLEM, PROTECTED, UNPROTECTED, Existing, InventoryLine, Ledger, SeenNames, Stock
from drtool.model.lying import lies_in
from drtool.model.policy import Exclusion, Policy, SourcePolicy
from drtool.model.workload import Workload
from drtool.planning.coverage import Covering, covering, sets_covering

_SHOWN = 3
Platform = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found: what sets match, what of that this user cannot read (by workload), and what each source that was asked tells."""

    sets: Mapping[str, SetInventory]
    barred: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    stocks: Mapping[str, Stock | Problem] = field(default_factory=dict)


def platform_of(source: SourcePolicy, facts: Mapping[str, KindFacts]) -> Platform:
    """Return what tells a source's platform from others: two sources may lead to one NAS, or to one machine."""
    known = facts.get(source.kind)
    if known is None or not known.connects:
        return (source.kind, source.name, "")
    return (source.kind, *(str(source.settings.get(key) or "") for key in (next(iter(known.connects)), *known.found_by)))


def sources_to_ask(policy: Policy, facts: Mapping[str, KindFacts]) -> tuple[str, ...]:
    """Name one source of each platform, the first that the policy has."""
    first: dict[Platform, str] = {}
    for name, source in policy.sources.items():
        first.setdefault(platform_of(source, facts), name)
    return tuple(first.values())


def make_ledger(policy: Policy, seen: Seen, facts: Mapping[str, KindFacts], *, known: SeenNames, now: datetime) -> Ledger:
    """Give each workload its word: a set that protects it comes before an exclusion, and what stands in its way before both."""
    book = _Book(policy, seen, facts, now)
    lines = [*book.protected(), *book.others()]
    unknown = book.unknown(lines)
    named = {name: frozenset(line.workload for line in lines if line.source == name and line.workload) for name in policy.sources}
    first = [name for name, names in named.items() if names and name not in known]
    remembered = {name: names | known.get(name, frozenset()) if name in unknown else names for name, names in named.items()}
    told = [f"first look at {name}: nothing of it is called new" for name in first]
    told += [f"{name}: {words}" for name, stock in seen.stocks.items() if isinstance(stock, Stock) for words in stock.told]
    return Ledger(
        lines=tuple(replace(each, new=bool(each.workload) and _is_new(each, known)) for each in lines),
        told=(*told, *book.idle(unknown)),
        seen={name: names for name, names in remembered.items() if names or name in known or name not in unknown},
    )


def _is_new(line: InventoryLine, known: SeenNames) -> bool:
    return line.source in known and line.workload not in known[line.source]


class _Book:
    """What sets protect, by platform and by name there, and what is excluded."""

    def __init__(self, policy: Policy, seen: Seen, facts: Mapping[str, KindFacts], now: datetime) -> None:
        self._policy, self._seen, self._now = policy, seen, now
        self._platforms = {name: platform_of(source, facts) for name, source in policy.sources.items()}
        self._matched: set[Exclusion] = set()
        self._members: dict[str, list[tuple[str, Workload]]] = {}
        for name, found in seen.sets.items():
            for workload in found.workloads:
                self._members.setdefault(workload.name, []).append((name, workload))
        self._kinds = {self._place(name, each.name): each.kind for name, each in self._existing()}
        self._mounts = {self._platforms[name]: stock.mounts for name, stock in seen.stocks.items() if isinstance(stock, Stock)}
        self._coverings = self._paths()

    def protected(self) -> list[InventoryLine]:
        """Return a line for each workload that sets match, and one for each set that could not be asked or matches nothing."""
        lines = [self._member(name, found) for name, found in self._members.items()]
        for name, found in self._seen.sets.items():
            lines += [InventoryLine("", "", name, PROBLEM, problem.what, (name,)) for problem in found.problems]
            lines += [InventoryLine("", source, name, PROBLEM, "the selector matches nothing", (name,)) for source in found.empty]
        return lines

    def others(self) -> list[InventoryLine]:
        """Return a line for everything else that exists, and one for each source that did not tell."""
        taken = {self._place(found[0][1].source, name) for name, found in self._members.items()}
        lines = [self._other(source, each) for source, each in self._existing() if self._place(source, each.name) not in taken]
        told = {problem.what for found in self._seen.sets.values() for problem in found.problems}
        silent = {name: stock for name, stock in self._seen.stocks.items() if isinstance(stock, Problem)}
        lines += [
            InventoryLine("", name, "", PROBLEM, _joined(each.what, each.hint and f"next: {each.hint}"))
            for name, each in silent.items()
            if f"{name}: {each.what}" not in told
        ]
        return lines

    def unknown(self, lines: Iterable[InventoryLine]) -> frozenset[str]:
        """Name the sources of which something could not be asked."""
        silent = [name for name, stock in self._seen.stocks.items() if isinstance(stock, Problem)]
        unsure = [name for name, found in self._seen.sets.items() if found.problems]
        silent += [protect.source for name in unsure for protect in self._policy.sets[name].protect]
        return frozenset(silent) | {line.source for line in lines if line.is_unknown and line.source}

    def idle(self, unknown: Iterable[str]) -> list[str]:
        """Say which exclusions match nothing, where everybody was asked."""
        away = {self._platforms[name] for name in unknown}
        return [
            f"the exclusion of {each.workload} on {each.source} matches nothing"
            for each in self._policy.exclusions
            if each not in self._matched and self._platforms[each.source] not in away
        ]

    def _member(self, name: str, found: list[tuple[str, Workload]]) -> InventoryLine:
        sets = tuple(dict.fromkeys(each for each, _workload in found))
        source = found[0][1].source
        barred = self._seen.barred.get(name, ())
        problems = [workload.problem for _set, workload in found if workload.problem]
        problems += [f"this user cannot read {', '.join(barred)}"] if barred else []
        problems += [f"what {each.set} excludes is all of it" for each in self._coverings_of(name, found) if each.is_empty]
        self._exclusion(source, name)
        note = problems[0] if problems else found[0][1].way
        kind = self._kinds.get(self._place(source, name), found[0][1].kind)
        return InventoryLine(name, source, sets[0], PROBLEM if problems else PROTECTED, note, sets, kind)

    def _other(self, source: str, each: Existing) -> InventoryLine:
        sets, bare = sets_covering(each.paths, self._coverings.get(self._platforms[source], ()))
        exclusion = self._exclusion(source, each.name, exactly=each.may_hide)
        line = InventoryLine(each.name, source, "", UNPROTECTED, each.note, kind=each.kind)
        if each.paths and not bare and not each.problem:
            return replace(line, state=PROTECTED, set=sets[0], sets=sets)
        if exclusion is not None and not exclusion.is_over(self._now):
            return replace(line, state=EXCLUDED, note=exclusion.reason, until=exclusion.until)
        ended = f"its exclusion ended with {exclusion.until.date()}: {exclusion.reason}" if exclusion is not None else ""
        if each.problem:
            return replace(line, state=PROBLEM, note=_joined(each.problem, ended))
        return replace(line, note=_joined(ended, each.note, self._partly(source, each, bare)))

    def _partly(self, source: str, each: Existing, bare: tuple[str, ...]) -> str:
        if bare and len(bare) < len(each.paths):
            return f"not covered: {_some(bare)}"
        known = self._coverings.get(self._platforms[source], ())
        barred = [shut for other in known for path in bare for shut in other.barred if lies_in(shut, path) or lies_in(path, shut)]
        if barred:
            return f"this user cannot read {_some(tuple(dict.fromkeys(barred)))}"
        inside = [other.path for other in known for path in bare if other.path != path and lies_in(other.path, path)]
        return f"of it protected: {_some(tuple(dict.fromkeys(inside)))}" if inside else ""

    def _exclusion(self, source: str, name: str, *, exactly: bool = False) -> Exclusion | None:
        """Return what excludes a workload, the one that lasts longest; `exactly`: by its very name."""
        place = name.removeprefix(f"{source}:")
        platform = self._platforms[source]
        found = [
            each
            for each in self._policy.exclusions
            if self._platforms[each.source] == platform and means(each.workload.removeprefix(f"{each.source}:"), place)
        ]
        self._matched.update(found)
        found = [each for each in found if not exactly or each.workload in (place, name)]
        return max(found, key=lambda each: each.until, default=None)

    def _paths(self) -> dict[Platform, tuple[Covering, ...]]:
        found: dict[Platform, list[Covering]] = {}
        for name, members in self._members.items():
            found.setdefault(self._platforms[members[0][1].source], []).extend(self._coverings_of(name, members))
        return {platform: tuple(paths) for platform, paths in found.items()}

    def _coverings_of(self, name: str, members: list[tuple[str, Workload]]) -> list[Covering]:
        barred = self._seen.barred.get(name, ())
        mounts = self._mounts.get(self._platforms[members[0][1].source])
        found = (covering(each, workload, mounts, barred=barred) for each, workload in members)
        return [each for each in found if each is not None]

    def _existing(self) -> list[tuple[str, Existing]]:
        return [(name, each) for name, stock in self._seen.stocks.items() if isinstance(stock, Stock) for each in stock.existing]

    def _place(self, source: str, name: str) -> tuple[Platform, str]:
        return self._platforms[source], name.removeprefix(f"{source}:")


def means(pattern: str, name: str) -> bool:
    """Compare part by part: `*` stands for (a part of) one name, and `**` as the last part for everything below."""
    names, patterns = name.split("/"), pattern.split("/")
    if patterns[-1] == "**" and len(names) >= len(patterns):
        names, patterns = names[: len(patterns) - 1], patterns[:-1]
    return len(names) == len(patterns) and all(map(fnmatch.fnmatchcase, names, patterns))


def _some(paths: tuple[str, ...]) -> str:
    more = f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return f"{', '.join(paths[:_SHOWN])}{more}"


def _joined(*words: str) -> str:
    return "; ".join(filter(None, words))
