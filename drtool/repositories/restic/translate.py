"""From restic's list of snapshots to a Listing; what is not ours, or malformed, is counted and left alone."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from drtool.model import bounds
from drtool.model.codec import parse
from drtool.model.evidence import EVIDENCE_FORMAT, SIGNED_FORMAT, TOLD_IN_LISTINGS, Evidence, Reading
from drtool.model.hold import Hold
from drtool.model.inventory import Listing
from drtool.model.point import TREE_CHARACTERS, TREES_TOLD, DataSnapshot, RecoveryPoint, Unsealed
from drtool.model.policy import RepositoryPolicy
from drtool.model.rotation import SignedRotation, mark
from drtool.ports import Notary
from drtool.repositories.restic.labels import SIGNATURE, from_tags, signed_text
from drtool.repositories.restic.rows import Row, TranslatedListing

_REASON_CHARACTERS = 1000
"""Longer than any that we write: a reason is cut, for a hold counts whatever it says."""


SignerOf = Callable[[bytes, str], str]
_Noun = Evidence | Hold | RecoveryPoint | SignedRotation


def read_snapshots(document: Any, *, repository: str, taken: datetime, signer_of: SignerOf | None = None) -> TranslatedListing:  # noqa: ANN401
    """Build a TranslatedListing from the JSON of `snapshots`; raises ValueError when it is no list.

    `signer_of` tells who signed the tags of a record (`Notary.signer_of`); without it nobody has.
    """
    if document is None:
        document = []
    if not isinstance(document, list):
        raise ValueError("restic did not print a list of snapshots")  # noqa: TRY004 - one kind for every unreadable answer
    rows: list[Row] = []
    foreign: set[str] = set()
    made: dict[str, _Noun] = {}
    for entry in document:
        row = _row(entry)
        try:
            if row is not None and row.role != "data":
                made[row.id] = _with_signer(_noun(row), row.labels, signer_of)
        except (KeyError, TypeError, ValueError):
            row = None
        if row is None:
            foreign.add(str(entry.get("id", "")) if isinstance(entry, dict) else "")
        else:
            rows.append(row)
    rows.sort(key=lambda row: (row.stored, row.id))
    points, unsealed = _points(rows, made)
    listing = Listing(
        repository=repository,
        taken=taken,
        points=points,
        holds=tuple(noun for row in rows if isinstance(noun := made.get(row.id), Hold)),
        evidence=tuple(noun for row in rows if isinstance(noun := made.get(row.id), Evidence)),
        unsealed=unsealed,
        rotations=tuple(dict.fromkeys(noun for row in rows if isinstance(noun := made.get(row.id), SignedRotation))),
        foreign=len(document) - len(rows),
    )
    return TranslatedListing(listing, tuple(rows), frozenset(foreign))


def read_judged(document: Any, *, policy: RepositoryPolicy, notary: Notary | None, taken: datetime) -> TranslatedListing:  # noqa: ANN401
    """Build a TranslatedListing as `read_snapshots`, judged by `notary`; without one everybody's points are listed alike."""
    if notary is None:
        return read_snapshots(document, repository=policy.name, taken=taken)
    reading = read_snapshots(document, repository=policy.name, taken=taken, signer_of=notary.signer_of)
    return replace(reading, listing=notary.judge(reading.listing, policy.address.location))


def _row(entry: Any) -> Row | None:  # noqa: ANN401
    if not isinstance(entry, dict):
        return None
    labels = from_tags(str(tag) for tag in entry.get("tags") or ())
    if labels is None or not labels.get("by"):
        return None
    try:
        bounds.policy_name(labels["by"])
        if labels["role"] == "data":
            _check_data(labels)
        paths = tuple(bounds.plain_path(str(path), "a snapshot") for path in entry["paths"])
        if not paths:
            return None
        return Row(
            id=str(entry["id"]),
            tree=str(entry["tree"]),
            paths=paths,
            stored=_instant(entry["time"]),
            copied=bool(entry.get("original")),
            labels=labels,
        )
    except (KeyError, TypeError, ValueError):
        return None


def _check_data(labels: Mapping[str, str]) -> None:
    for key in ("set", "point"):
        bounds.name(labels[key], f"a {key}")
    bounds.optional_name(labels.get("run", ""), "a run")
    if "inside" in labels:
        bounds.plain_path(labels["inside"], "a snapshot")
    if not bounds.words(labels["workload"], "a workload", characters=bounds.NAME_CHARACTERS + bounds.PATH_CHARACTERS):
        raise ValueError("a workload has a name")


def _points(rows: list[Row], made: Mapping[str, _Noun]) -> tuple[tuple[RecoveryPoint, ...], tuple[Unsealed, ...]]:
    data: defaultdict[tuple[str, str], list[DataSnapshot]] = defaultdict(list)
    for row in rows:
        if row.role == "data":
            data[row.by, row.point].append(DataSnapshot(row.id, row.tree, row.labels["workload"], row.point))
    sealed: dict[tuple[str, ...], RecoveryPoint] = {}
    for row in rows:  # sorted: a manifest written twice with the same tags counts once, the last; nobody writes over other tags
        noun = made.get(row.id)
        if isinstance(noun, RecoveryPoint):
            sealed[row.by, row.point, noun.signer, noun.unsigned, noun.mark] = noun.listed_with(data[row.by, row.point])
    claimed = {key[:2] for key in sealed}
    unsealed = tuple(_unsealed(row) for row in rows if row.role == "data" and (row.by, row.point) not in claimed)
    return tuple(sorted(sealed.values(), key=lambda point: (point.instant, point.point))), unsealed


def _unsealed(row: Row) -> Unsealed:
    try:
        expires = _instant(row.labels["expires"])
    except (KeyError, ValueError):
        expires = None
    return Unsealed(
        id=row.id,
        by=row.by,
        set=row.labels["set"],
        point=row.point,
        run=row.labels.get("run", ""),
        workload=row.labels["workload"],
        stored=row.stored,
        expires=expires,
        copied=row.copied,
        tree=row.tree,
        machine=row.labels.get("machine", ""),
    )


def _with_signer(noun: _Noun, labels: Mapping[str, str], signer_of: SignerOf | None) -> _Noun:
    """Add who signed the tags a noun was read from; a rotation bears signatures of its own."""
    if isinstance(noun, SignedRotation):
        return noun
    signature = labels.get(SIGNATURE, "")
    signer = signer_of(signed_text(labels), signature) if signature and signer_of is not None else ""
    unsigned = "" if signature else hashlib.sha256(signed_text(labels)).hexdigest()
    if isinstance(noun, RecoveryPoint):
        return replace(noun, signer=signer, unsigned=unsigned, mark=mark(noun))
    if isinstance(noun, Evidence):
        return replace(noun, tags_signer=signer, unsigned=unsigned)
    return replace(noun, signer=signer)


def _noun(row: Row) -> _Noun:
    labels = row.labels
    if row.role == "manifest":
        return bounds.check_point(
            RecoveryPoint(
                point=labels["point"],
                set=labels["set"],
                by=row.by,
                run=labels["run"],
                instant=_instant(labels["instant"]),
                complete=labels["complete"] == "yes",
                bytes=int(labels["bytes"]),
                files=int(labels["files"]),
                members=int(labels["members"]),
                digest=labels["digest"],
                manifest=row.id,
                sealed=_instant(labels["sealed"]),
                artifacts=int(labels.get("artifacts", "0")),
                trees=tuple(tree[:TREE_CHARACTERS] for tree in labels.get("trees", "").split(".", TREES_TOLD)[:TREES_TOLD] if tree),
                machine=labels.get("machine", ""),
                natives=int(labels.get("natives", "0")),
                native_members=int(labels.get("native_members", "0")),
            )
        )
    if row.role == "rotation":
        return bounds.check_rotation(SignedRotation(row.by, labels["record"], labels["new_signature"], labels.get("old_signature", "")))
    return bounds.check_evidence(_evidence(row)) if row.role == "evidence" else bounds.check_hold(_hold(row))


def _evidence(row: Row) -> Evidence:
    labels = row.labels
    passed, _, planned = labels["checks"].partition("/")
    return Evidence(
        id=labels["eid"],
        subject=labels["subject"],
        by=row.by,
        repository=labels["repository"],
        outcome=labels["outcome"],
        started=_instant(labels["started"]),
        ended=_instant(labels["ended"]),
        set=labels.get("set", ""),
        point=labels.get("point", ""),
        rto_seconds=float(labels["rto"]) if "rto" in labels else None,
        rpo_seconds=float(labels["rpo"]) if "rpo" in labels else None,
        bytes=int(labels["bytes"]),
        files=int(labels["files"]),
        checks_passed=int(passed),
        checks_planned=int(planned),
        key=labels.get("key", ""),
        details={key: parse(labels[key]) for key in TOLD_IN_LISTINGS if key in labels},
        format=SIGNED_FORMAT if labels.get("signer") else EVIDENCE_FORMAT,
        signer=labels.get("signer", ""),
        number=int(labels.get("number", "0")),
        digest=labels.get("record", ""),
        previous=labels.get("previous", ""),
        machine=labels.get("machine", ""),
        tested=labels.get("tested", ""),
        reading=_slice(labels),
        snapshot=row.id,
        copied=row.copied,
    )


def _slice(labels: Mapping[str, str]) -> Reading | None:
    if "slice" not in labels:
        return None
    number, _, slices = labels["slice"].partition("/")
    done = tuple(int(each) for each in labels.get("done", "").split(".") if each)
    return Reading(int(number), int(slices), _instant(labels["cycle"]), done)


def _hold(row: Row) -> Hold:
    labels = row.labels
    return Hold(
        id=labels["hid"],
        set=labels.get("set", ""),
        by=row.by,
        reason=labels.get("reason", "").replace("\0", "")[:_REASON_CHARACTERS],
        created=_instant(labels["created"]),
        until=_until(labels),
        point=labels.get("point", ""),
        releases=labels.get("releases", ""),
        kind=labels.get("kind", ""),
        run=labels.get("run", ""),
        machine=labels.get("machine", ""),
    )


def _until(labels: Mapping[str, str]) -> datetime | None:
    """Return when a hold ends; one that ends beyond every calendar does not: whoever wrote it wanted it kept."""
    if "until" not in labels:
        return None
    try:
        return bounds.instant(_instant(labels["until"]), "the end of a hold")
    except ValueError:
        return None


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"an instant needs a zone: {text}")
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"an instant beyond the calendar: {text}") from None
