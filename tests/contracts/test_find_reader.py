"""What `restic find` prints is read in pieces of any size; what is half or contradicts itself is never taken for an answer."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from drtool.model.errors import Refused
from drtool.ports import Entry
from drtool.repositories.restic.find import FindReader

FIRST, SECOND = "a" * 64, "b" * 64
DAMAGED = f"Unable to load tree {'c' * 64}\n ... which belongs to snapshot {SECOND}\n"


def node(path: str) -> str:
    return json.dumps({"path": path, "type": "file", "mode": 0o644, "mtime": "2026-11-30T00:00:00Z", "size": 3}, ensure_ascii=False)


def matches(snapshot: str, *nodes: str, hits: int | None = None) -> str:
    return f'{{"matches":[{",".join(nodes)}],"hits":{len(nodes) if hits is None else hits},"snapshot":"{snapshot}"}}'


def read(
    answer: str, size: int = 1 << 20, *, require_few: Callable[[int], None] = lambda _waiting: None
) -> tuple[FindReader, list[tuple[str, list[str]]]]:
    found: list[tuple[str, list[str]]] = []

    def take(snapshot: str, entries: list[Entry]) -> None:
        found.append((snapshot, [entry.path for entry in entries]))

    reader = FindReader(lambda path: "b" not in path, take, require_few)
    data = answer.encode()
    for first in range(0, len(data), size):
        reader.feed(data[first : first + size])
    return reader, found


@pytest.mark.parametrize("size", [1, 2, 7, 1 << 20])
def test_pieces_of_any_size_are_one_answer(size: int) -> None:
    odd = '/é "quoted" ],"hits":1,"snapshot":"x"}'
    answer = f"created new cache in /x\n[{matches(FIRST, node('/a'), node('/b'), node(odd))},{matches(SECOND, node('/b'))}]\n"
    reader, found = read(answer, size)
    assert found == [(FIRST, ["/a", odd]), (SECOND, [])]
    assert (reader.is_whole, reader.unloadable) == (True, ())
    assert read("[]\n", size)[0].is_whole


@pytest.mark.parametrize("size", [1, 5, 1 << 20])
def test_words_of_damage_in_its_middle_are_heard(size: int) -> None:
    """An old restic prints them between two entries of another snapshot, a new one before the answer."""
    for answer in (f"[{matches(FIRST, node('/a')).replace('],', f'{DAMAGED}],')}]\n", f"{DAMAGED}[{matches(FIRST, node('/a'))}]\n"):
        reader, found = read(answer, size)
        assert (found, reader.is_whole, reader.unloadable) == ([(FIRST, ["/a"])], True, (SECOND,))


@pytest.mark.parametrize(
    "half",
    [
        "",
        "[",
        f"[{matches(FIRST, node('/a'))}",
        f"[{matches(FIRST, node('/a'))[:-20]}",
        f"[{matches(FIRST, node('/a'))},",
        f"{DAMAGED.splitlines()[0]}\n[]\n",
    ],
)
def test_half_an_answer_is_none(half: str) -> None:
    assert not read(half)[0].is_whole


@pytest.mark.parametrize(
    "lie",
    [
        f"[{matches(FIRST, node('/a'), hits=2)}]\n",
        '[{"found":[1,2,3]}]\n',
        f"[{matches(FIRST, node('/a')).replace('hits', 'hats')}]{' ' * 200}\n",
        f'[{{"matches":[{{"path":"{"a" * (5 << 20)}',
        f'[{{"matches":[{"{" * 100}{"[" * 200_000}',
        f"[{matches(FIRST, node('/a').replace('3}', '-3}'))}]\n",
        f"[{matches(FIRST, node('/a').replace('3}', '3' * 5000 + '}'))}]\n",
        f"[{matches(FIRST, node('/a')).replace(':1,', ':' + '1' * 5000 + ',')}]\n",
    ],
)
def test_what_contradicts_itself_or_never_ends_is_refused(lie: str) -> None:
    try:
        taken = read(lie)[0].is_whole
    except Refused:
        taken = False
    assert not taken


def test_what_waits_for_the_id_of_its_snapshot_is_bounded() -> None:
    def require_few(waiting: int) -> None:
        if waiting > 10:
            raise Refused("too many")

    endless = f'[{{"matches":[{",".join([node("/b")] * 20 + [node("/a")] * 10)}'
    read(endless, require_few=require_few)
    with pytest.raises(Refused, match="too many"):
        read(f"{endless},{node('/a')}", require_few=require_few)
