"""What somebody with a repository's key may write: values of every shape at every place of a document, and labels of every kind."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from drtool.model.codec import encode
from drtool.model.evidence import EvidenceHead, EvidenceRecord, Reading
from drtool.model.point import Artifact, Attributes, Canary, Census, Manifest, Member, MissingMember, SampledFile

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
POINT = "01J00000000000000000000001"
RUN = "01J00000000000000000000002"
DIGEST = "a" * 64
GROUP = "1.1.0.0:0123456789abcdef:0123456789abcdef"

_FILE = SampledFile("/home/a", 3, DIGEST, "644", 0, 0, 1, DIGEST)
_TREE = Census(2, 10, (_FILE,), "", Attributes(2, 1, 0, 0, 0, (GROUP, "")), Canary("homelab", "documents", POINT, RUN, NOW, DIGEST))
MANIFEST = Manifest(
    point=POINT,
    set="documents",
    by="homelab",
    run=RUN,
    instant=NOW,
    sealed=NOW,
    complete=True,
    members=(
        Member(
            "here:/home",
            "here",
            "files",
            {"path": "/home", "exclude": ["*.tmp"]},
            NOW,
            (Artifact("here:/home", "tree", DIGEST, "/home", _TREE),),
            ("a warning",),
        ),
        Member("billing", "billing", "stream", {}, NOW, (Artifact("billing", "stream", DIGEST, "/billing", Census(1, 5, sha256=DIGEST)),)),
        Member(
            "nas:tank/photos",
            "nas",
            "truenas",
            {"dataset": "tank/photos", "nests": True},
            NOW,
            (Artifact("nas:tank/photos", "tree", DIGEST, "/run/drtool/nas/clone", Census(1, 1)),),
        ),
    ),
    missing=(MissingMember("here:/etc", "no answer"),),
    policy={"name": "homelab", "site": "home", "sources": {"here": {"name": "here", "kind": "files", "site": "", "settings": {}}}},
    versions={"drtool": "1"},
    evidence={"SHA256:x": EvidenceHead(1, DIGEST)},
)
"""Everything filled in, as drtool writes it."""

RECORD = EvidenceRecord(
    id="01J00000000000000000000003",
    subject="drill",
    by="homelab",
    repository="near",
    outcome="succeeded",
    started=NOW,
    ended=NOW,
    signer="SHA256:x",
    public_key="ssh-ed25519 AAAA",
    number=1,
    set="documents",
    point=POINT,
    manifest=DIGEST,
    run=RUN,
    plan=DIGEST,
    host="pi",
    versions={"drtool": "1"},
    rto_seconds=1.5,
    rpo_seconds=3.0,
    bytes=3,
    files=1,
    checks_passed=1,
    checks_planned=2,
    details={"fingerprint": {"hooks": "x"}, "objective": {"rto_seconds": 3600.0}, "drill": "monthly"},
    reading=Reading(1, 2, NOW, (1,)),
    report={"stages": [], "checks": []},
    journal_sha256=DIGEST,
    journal_events=3,
)

LABELS: dict[str, dict[str, str]] = {
    "manifest": {
        "by": "homelab",
        "set": "documents",
        "point": POINT,
        "run": RUN,
        "role": "manifest",
        "instant": "2026-11-23T12:00:00Z",
        "sealed": "2026-11-23T12:00:00Z",
        "complete": "yes",
        "bytes": "3",
        "files": "1",
        "members": "1",
        "digest": DIGEST,
    },
    "evidence": {
        "by": "homelab",
        "role": "evidence",
        "eid": "01J00000000000000000000003",
        "subject": "verify",
        "outcome": "succeeded",
        "repository": "near",
        "started": "2026-11-23T12:00:00Z",
        "ended": "2026-11-23T12:00:00Z",
        "set": "documents",
        "point": POINT,
        "rto": "1.5",
        "rpo": "2.5",
        "bytes": "1",
        "files": "1",
        "checks": "1/2",
        "key": "k",
        "signer": "SHA256:x",
        "number": "1",
        "record": DIGEST,
        "previous": DIGEST,
        "fingerprint": '{"hooks":"x"}',
        "slice": "1/2",
        "cycle": "2026-11-23T12:00:00Z",
        "done": "1",
        "measured": '{"to":"sandbox","cache":"warm","program":"restic 0.18","run":"R","steps":[]}',
    },
    "hold": {
        "by": "homelab",
        "role": "hold",
        "hid": "01J00000000000000000000004",
        "set": "documents",
        "point": POINT,
        "reason": "why",
        "until": "2026-12-23T12:00:00Z",
        "created": "2026-11-23T12:00:00Z",
        "kind": "quarantine",
        "run": RUN,
        "releases": "x",
    },
    "data": {
        "by": "homelab",
        "set": "documents",
        "point": POINT,
        "run": RUN,
        "workload": "here:/home",
        "role": "data",
        "expires": "2026-11-24T12:00:00Z",
    },
}

_NASTY_TEXTS = (
    "",
    ".",
    "..",
    "/",
    "../../../etc/cron.d/x",
    "/../../etc/passwd",
    "/home/../etc",
    "//etc",
    "/home/",
    "/etc/cron.d/x",
    "a\0b",
    "\x1b[2J",
    "\n",
    "\udcff",
    "-",
    "--exclude=/",
    "x" * 20_000,
    "1" * 5000,
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "9999-12-31T23:59:59Z",
    "2026-11-23T12:00:00",
    "nan",
    "inf",
    "-1",
    "1/0",
    "0/0",
    "1e400",
    "[" * 5000,
    '{"a":' * 5000,
    '{"steps":[[1,2,3]]}',
    "NaN",
    "https://[",
)
_NASTY_NUMBERS = (-1, 0, 1, 2**31, 2**63, 2**64, -(2**63), 10**400, 1e308, 0.5)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(_NASTY_NUMBERS),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(_NASTY_TEXTS),
    st.text(max_size=30),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(st.text(max_size=8), st.just("kind")), inner, max_size=4)
    ),
    max_leaves=12,
)
LABEL_VALUES = st.one_of(st.sampled_from(_NASTY_TEXTS), st.text(max_size=40), st.integers().map(str), st.floats().map(repr))

_LIKE: dict[type, st.SearchStrategy[Any]] = {
    str: st.one_of(st.sampled_from(_NASTY_TEXTS), st.text(max_size=30)),
    int: st.one_of(st.sampled_from(_NASTY_NUMBERS), st.integers()),
    float: st.one_of(st.sampled_from(_NASTY_NUMBERS), st.floats(allow_nan=False, allow_infinity=False)),
}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401
    """Yield the way to every value of a document."""
    if path:
        yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from places(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from places(item, (*path, index))


def changed(document: Any, path: tuple[Any, ...], value: Any) -> Any:  # noqa: ANN401
    """Return a copy of a document with another value at one place."""
    result = copy.deepcopy(document)
    holder = result
    for part in path[:-1]:
        holder = holder[part]
    holder[path[-1]] = value
    return result


@st.composite
def forged(draw: st.DrawFn, document: Any) -> Any:  # noqa: ANN401
    """Draw a document with one to three of its values replaced, doubled or removed."""
    result = copy.deepcopy(document)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(sorted(places(result), key=repr)))
        holder = result
        for part in path[:-1]:
            holder = holder[part]
        how = draw(st.integers(0, 9))
        value = holder[path[-1]]
        if how == 0:
            del holder[path[-1]]
        elif how == 1 and isinstance(holder, list):
            holder.append(copy.deepcopy(value))
        elif how == 2:
            holder[path[-1]] = draw(VALUES)
        else:  # of the same type: what has another is turned away soon
            holder[path[-1]] = draw(_LIKE.get(type(value), VALUES))
        if not result:
            return result
    return result


MANIFESTS = forged(encode(MANIFEST))
RECORDS = forged(encode(RECORD))


@st.composite
def snapshots(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Draw a list of snapshots as restic prints it, their labels with some values replaced."""
    rows = []
    for number in range(draw(st.integers(1, 6))):
        labels = dict(LABELS[draw(st.sampled_from(sorted(LABELS)))])
        for key in draw(st.lists(st.sampled_from(sorted(labels)), max_size=4)):
            labels[key] = draw(LABEL_VALUES)
        row: dict[str, Any] = {
            "id": f"{number:064x}",
            "tree": DIGEST,
            "paths": ["/home"],
            "time": "2026-11-23T12:00:00.123456789Z",
            "hostname": "here",
            "tags": labels,
        }
        for key in draw(st.lists(st.sampled_from(("tree", "paths", "time", "hostname")), max_size=1)):
            row[key] = draw(VALUES)
        rows.append(row)
    return rows
