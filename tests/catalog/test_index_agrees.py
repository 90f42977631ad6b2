"""What is judged of a listing out of the index is what is judged of the fresh one: no verb tells more by asking again."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from drtool.catalog.index import Index
from drtool.model.evidence import Evidence, Reading
from drtool.model.hold import Hold
from drtool.model.inventory import Listing
from drtool.model.point import DataSnapshot, RecoveryPoint
from drtool.model.rotation import Rotation, known_points, known_records, mark
from drtool.model.standing import Acceptance, Adopted
from drtool.planning.standing import judged, ours_of
from tests.planning.planning_values import BY, DAY, NOW, evidence, listing, point, repository

A, B, C = (f"SHA256:{letter * 43}" for letter in "abc")
KEYS = some.sampled_from([A, B, C, ""])
MACHINES = some.sampled_from(["nas", "laptop", "gone"])
HOURS = some.integers(0, 200)
POINTS = some.lists(some.tuples(KEYS, MACHINES, HOURS, some.integers(0, 3), some.booleans(), some.booleans()), max_size=8)
RECORDS = some.lists(
    some.tuples(
        KEYS, MACHINES, HOURS, some.one_of(some.none(), some.floats(0, 9e6)), some.sampled_from(["drill", "verify"]), some.booleans()
    ),
    max_size=6,
)
HOLDS = some.lists(some.tuples(KEYS, HOURS, some.booleans(), some.booleans()), max_size=4)


def _points(rows: list[tuple[str, str, int, int, bool, bool]]) -> list[RecoveryPoint]:
    found = []
    for number, (key, machine, hours, count, whole, _known) in enumerate(rows):
        trees = tuple(f"{number}{each}" * 8 for each in range(count))
        data = tuple(DataSnapshot(f"s{each}", each, "here:/home", f"P{number}") for each in trees)
        instant = NOW - timedelta(hours=hours, microseconds=number)
        body: dict[str, Any] = {
            "signer": key,
            "unsigned": "" if key else f"{number:064x}",
            "machine": machine,
            "trees": trees,
            "data": data,
        }
        made = point(f"P{number}", instant, artifacts=count, digest=f"{number:064x}", lacking=int(not whole), **body)
        found.append(replace(made, mark=mark(made)))
    return found


def _records(rows: list[tuple[str, str, int, float | None, str, bool]]) -> list[Evidence]:
    reading = Reading(1, 2, NOW - DAY, (1,))
    return [
        evidence(
            id=f"E{number}",
            ended=NOW - timedelta(hours=hours),
            signer=key,
            tags_signer=key,
            unsigned="" if key else f"{number:064x}",
            tested=machine,
            rto_seconds=seconds,
            subject=subject,
            number=number,
            digest=f"{number:064x}",
            details={"drill": "monthly", "measured": {"seconds": [seconds, 1, 1.5], "of": {"a": None}}} if number % 2 else {},
            reading=reading if subject == "verify" else None,
        )
        for number, (key, machine, hours, seconds, subject, _known) in enumerate(rows)
    ]


def _holds(rows: list[tuple[str, int, bool, bool]]) -> list[Hold]:
    return [
        Hold(f"H{number}", "documents", BY, "why", NOW - timedelta(hours=hours), None, releases="H0" if ends else "", signer=key)
        for number, (key, hours, ends, _known) in enumerate(rows)
    ]


def _known(noun: list[Any], rows: list[Any]) -> list[Any]:
    return [each for each, row in zip(noun, rows, strict=True) if row[-1]]


def _as_told(found: Listing) -> Listing:
    """Without what an index forgets of points, and no verb that looks tells."""
    bare = [tuple(replace(each, data=(), trees=()) for each in every) for every in (found.points, found.others)]
    return replace(found, points=bare[0], others=bare[1])


@given(POINTS, RECORDS, HOLDS, some.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_listing_read_back_is_judged_as_the_fresh_one(
    tmp_path: Path,
    points: list[tuple[str, str, int, int, bool, bool]],
    records: list[tuple[str, str, int, float | None, str, bool]],
    holds: list[tuple[str, int, bool, bool]],
    replaced: bool,  # noqa: FBT001 - drawn
) -> None:
    every, told, held = sorted(_points(points), key=lambda each: each.instant), _records(records), _holds(holds)
    known = "".join(known_points(_known(_points(points), points), at=NOW))
    first = Rotation("01", BY, "nas", A, B, NOW)
    kept, _untold = known_records(_known(told, records), _known(held, holds), at=NOW)
    last = replace(first, final=True, known=known, records="".join(kept))
    rotations = (first, last) if replaced else ()
    ours = ours_of(Acceptance(("nas",), first=A, adopted=(Adopted("gone", (), NOW),), rotations=rotations), by=BY)
    fresh = replace(listing("near"), points=tuple(every), others=(), evidence=tuple(told), holds=tuple(held))
    index = Index(str(tmp_path), {"near": repository("near")}, judge=lambda found: judged(found, ours))
    for saved in (fresh, judged(fresh, ours), judged(fresh, replace(ours, machines=frozenset()))):
        index.save(saved)
        assert _as_told(index.load()["near"]) == _as_told(judged(fresh, ours))


def test_what_a_release_remembered_that_forgot_more_is_asked_anew(tmp_path: Path) -> None:
    index = Index(str(tmp_path), {"near": repository("near")})
    index.save(listing("near", [point("A")]))
    assert index.load().keys() == {"near"}
    (file,) = (tmp_path / "index").iterdir()
    body = json.loads(file.read_text())
    del body["points"][0]["mark"]
    file.write_text(json.dumps(body))
    assert index.load() == {}
