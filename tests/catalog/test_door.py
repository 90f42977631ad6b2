"""Nothing that somebody with a repository's key writes is acted on unlooked: paths stay inside, counts are counts, words are words."""

from __future__ import annotations

import contextlib
import hashlib
import posixpath
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings

from drtool.catalog import manifest as manifests
from drtool.catalog import sshsig
from drtool.catalog.evidence_bundle import write_evidence_bundle
from drtool.catalog.index import Index
from drtool.catalog.lanes import contents_of, of_evidence
from drtool.catalog.seal import read_sealed, unseal
from drtool.catalog.signer import Signer
from drtool.cli.render.evidence import evidence_lines, record_lines
from drtool.cli.render.listings import holds_lines, manifest_lines, points_lines
from drtool.cli.render.plan import restore_lines
from drtool.model.codec import canonical, decode, encode, parse
from drtool.model.errors import Conflict, Corrupt, NotFound, PolicyError, Refused
from drtool.model.evidence import EvidenceRecord, SignedEvidence
from drtool.model.examination import EvidenceView
from drtool.model.inventory import Inventory, Listing
from drtool.model.plan import Destination
from drtool.model.point import Manifest
from drtool.model.view import PointView, ShownEvidence
from drtool.planning.choose import choose_point
from drtool.planning.evidence import verified_points
from drtool.planning.reading import reading_status
from drtool.planning.repository_view import repository_views
from drtool.planning.restore import RestoreRequest, plan_restore
from drtool.planning.status import assess
from drtool.repositories.restic.translate import read_snapshots
from tests.catalog.forgeries import DIGEST, LABELS, MANIFEST, MANIFESTS, NOW, RECORD, RECORDS, changed, snapshots
from tests.planning.planning_values import backup_set, policy

EXAMPLES = 400
TRIED: dict[str, int] = {}


def read(document: Any) -> Manifest:  # noqa: ANN401
    data = canonical(document)
    return manifests.read(data, digest=hashlib.sha256(data).hexdigest())


@cache
def signer() -> Signer:
    key = Ed25519PrivateKey.from_private_bytes(b"\1" * 32)
    public = sshsig.public_line(key)
    return Signer(key, public, sshsig.fingerprint(public))


def signed(document: Any) -> bytes:  # noqa: ANN401
    """Sign any record, as whoever has a signing key can."""
    if isinstance(document, dict):
        document = {**document, "signer": signer().fingerprint, "public_key": signer().public_key}
    text = canonical(document)
    return canonical(SignedEvidence(text.decode("ascii"), signer().sign(text)))


def rows(labels: dict[str, str], **changes: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    row = {"id": "1" * 64, "tree": DIGEST, "paths": ["/home"], "time": "2026-11-23T12:00:00Z", "tags": labels}
    return [{**row, **changes}]


def listed(found: Any) -> Listing:  # noqa: ANN401
    tagged = [
        {**row, "tags": ["drtool", *(f"{key}={quote(value, safe='', errors='surrogatepass')}" for key, value in row["tags"].items())]}
        for row in found
    ]
    return read_snapshots(tagged, repository="near", taken=NOW).listing


@pytest.fixture(autouse=True)
def busy(request: pytest.FixtureRequest) -> Iterator[None]:
    """Time on the processor, not on the wall: the machine may have other things to do."""
    TRIED[request.node.name] = 0
    yield
    if TRIED[request.node.name]:
        print(f"{request.node.name}: {TRIED[request.node.name]} tried")  # noqa: T201 - how many is part of what this shows


def within_a_second(what: str, work: Callable[[], object]) -> None:
    TRIED[what] = TRIED.get(what, 0) + 1
    started = time.process_time()
    with contextlib.suppress(PolicyError, Corrupt, Refused, NotFound, Conflict):
        work()
    assert time.process_time() - started < 1


def test_what_drtool_writes_comes_in() -> None:
    assert read(encode(MANIFEST)) == MANIFEST
    document = read_sealed(signed(encode(RECORD)))
    assert unseal(document) == replace(RECORD, signer=signer().fingerprint, public_key=signer().public_key)
    for role, labels in LABELS.items():
        assert listed(rows(labels)).foreign == 0, role


MEMBER = ("members", 0)
FIRST = (*MEMBER, "artifacts", 0)
SECOND = {**encode(MANIFEST)["members"][0]["artifacts"][0], "name": "x", "path": "/../../../etc/cron.d/pwned"}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ((*FIRST, "path"), "/../../etc/cron.d/x"),
        ((*FIRST, "path"), "etc"),
        ((*FIRST, "path"), "/etc"),
        ((*FIRST, "path"), "/home/"),
        ((*FIRST, "path"), "/home\0"),
        ((*FIRST, "form"), "stream"),
        ((*FIRST, "tree"), "../x"),
        ((*FIRST, "stored_bytes"), -1),
        ((*MEMBER, "artifacts"), []),
        ((*MEMBER, "artifacts"), [encode(MANIFEST)["members"][0]["artifacts"][0], SECOND]),
        ((*MEMBER, "artifacts"), [encode(MANIFEST)["members"][0]["artifacts"][0], {**SECOND, "path": "/home/b"}]),
        ((*MEMBER, "workload"), "here:/etc"),
        ((*MEMBER, "workload"), "billing"),
        ((*MEMBER, "source"), "billing"),
        ((*MEMBER, "source"), "../here"),
        ((*MEMBER, "selector"), {"path": "/etc"}),
        ((*MEMBER, "selector"), {"exclude": 5}),
        ((*MEMBER, "selector"), {"starts": True}),
        ((*MEMBER, "selector"), {"node": "one"}),
        ((*MEMBER, "selector"), {"exclude_if_present": [None]}),
        (("members", 1, "workload"), "billing:x"),
        (("members", 1, "artifacts", 0, "path"), "/other"),
        (("members", 1, "artifacts", 0, "form"), "tree"),
        (("members", 2, "selector", "dataset"), "tank/other"),
        (("members", 2, "selector", "dataset"), 5),
        (("members", 2, "workload"), "nas:tank/../x"),
        ((*FIRST, "census", "files"), -1),
        ((*FIRST, "census", "bytes"), 2**63),
        ((*FIRST, "census", "sha256"), "../../x"),
        ((*FIRST, "census", "sample", 0, "path"), "/etc/shadow"),
        ((*FIRST, "census", "sample", 0, "path"), "/home/../etc/shadow"),
        ((*FIRST, "census", "sample", 0, "path"), "/homework"),
        ((*FIRST, "census", "sample", 0, "bytes"), -5),
        ((*FIRST, "census", "sample", 0, "mode"), "rwx"),
        ((*FIRST, "census", "sample", 0, "user"), 10**400),
        ((*FIRST, "census", "attributes", "groups"), ["x"]),
        ((*FIRST, "census", "attributes", "groups"), ["1.1.0:0123456789abcdef:0123456789abcdef"]),
        ((*FIRST, "census", "canary", "nonce_sha256"), "x"),
        (("members",), [encode(MANIFEST)["members"][0]] * 2),
        (("point",), "../../state"),
        (("set",), "a/b"),
        (("run",), ".."),
        (("by",), "\x1b[2J"),
        (("by",), "*"),
        (("instant",), "0001-01-01T00:00:00+23:59"),
        (("instant",), "9999-12-31T23:59:59Z"),
        (("sealed",), "1901-01-01T00:00:00Z"),
        (("skew_seconds",), 1e300),
        (("evidence", "SHA256:x", "number"), -1),
        (("evidence", "SHA256:x", "digest"), "x"),
        (("policy",), {"sources": 10**400}),
        (("missing", 0, "reason"), "\0"),
    ],
)
def test_a_manifest_that_drtool_never_writes_is_corrupt(path: tuple[Any, ...], value: object) -> None:
    with pytest.raises(Corrupt, match=r"none that drtool writes|cannot be read"):
        read(changed(encode(MANIFEST), path, value))


@pytest.mark.parametrize("data", [b"[" * 100_000, b'{"point":' * 50_000, b"NaN", b"1" * 5000, b"\xff", b"", b"null", b"[]"])
def test_what_is_no_document_is_corrupt(data: bytes) -> None:
    with pytest.raises(Corrupt):
        manifests.read(data, digest=hashlib.sha256(data).hexdigest())
    with pytest.raises(Corrupt):
        read_sealed(data)


def test_a_member_of_a_kind_of_tomorrow_is_read() -> None:
    virtual_machine = {
        **encode(MANIFEST)["members"][0],
        "workload": "pve:104",
        "source": "pve",
        "kind": "proxmox",
        "selector": {},
        "artifacts": [
            {"name": name, "form": "stream", "tree": DIGEST, "path": f"/{name}", "census": {"files": 1, "bytes": 5}}
            for name in ("scsi0", "scsi1")
        ],
    }
    assert len(read(changed(encode(MANIFEST), ("members",), [virtual_machine])).members[0].artifacts) == 2
    runs = {**virtual_machine, "selector": {"starts": True, "node": "pve-1"}}
    assert read(changed(encode(MANIFEST), ("members",), [runs])).members[0].starts
    for told in ({"starts": "yes"}, {"starts": 1}, {"node": 5}, {"node": "a/b"}, {"node": "x" * 300}, {"node": ["a"]}):
        with pytest.raises(Corrupt):
            read(changed(encode(MANIFEST), ("members",), [{**virtual_machine, "selector": told}]))


@pytest.mark.parametrize(
    ("role", "changes"),
    [
        ("manifest", {"point": "../../x"}),
        ("manifest", {"set": "a/b"}),
        ("manifest", {"run": "\n"}),
        ("manifest", {"bytes": "-1"}),
        ("manifest", {"files": "1" * 400}),
        ("manifest", {"members": str(2**63)}),
        ("manifest", {"instant": "0001-01-01T00:00:00+23:59"}),
        ("manifest", {"sealed": "9999-12-31T23:59:59-10:00"}),
        ("manifest", {"digest": "x" * 64}),
        ("data", {"point": ".."}),
        ("data", {"workload": "a\0b"}),
        ("evidence", {"eid": "../x"}),
        ("evidence", {"rto": "nan"}),
        ("evidence", {"rpo": "inf"}),
        ("evidence", {"bytes": "-1"}),
        ("evidence", {"checks": "1/-1"}),
        ("evidence", {"slice": "1/0", "done": ""}),
        ("evidence", {"slice": f"1/{2**70}"}),
        ("evidence", {"done": "1.1"}),
        ("evidence", {"done": "7"}),
        ("evidence", {"fingerprint": "[" * 100_000}),
        ("evidence", {"measured": "NaN"}),
        ("evidence", {"cycle": "0001-01-01T00:00:00+23:59"}),
        ("hold", {"hid": ""}),
        ("hold", {"set": "../x"}),
        ("hold", {"created": "0001-01-01T00:00:00+23:59"}),
    ],
)
def test_tags_that_drtool_never_writes_are_no_record_of_ours(role: str, changes: dict[str, str]) -> None:
    found = listed(rows({**LABELS[role], **changes}))
    assert (found.foreign, found.points, found.evidence, found.holds, found.unsealed) == (1, (), (), (), ())


@pytest.mark.parametrize("paths", [[], ["relative"], ["/a/../b"], ["//x"], [5], [None]])
@pytest.mark.parametrize("role", ["manifest", "hold", "data"])
def test_a_snapshot_without_a_plain_path_is_not_ours(role: str, paths: list[Any]) -> None:
    assert listed(rows(LABELS[role], paths=paths)).foreign == 1


def test_a_hold_counts_whatever_it_says() -> None:
    """What keeps data is not thrown away for a word too many, or for an end beyond every calendar."""
    (hold,) = listed(rows({**LABELS["hold"], "reason": "x" * 5000 + "\0", "until": "9999-12-31T23:59:59-23:00"})).holds
    assert hold.until is None
    assert 0 < len(hold.reason) <= 1000
    assert holds_lines([hold])


@pytest.mark.parametrize(
    "changes",
    [
        {"bytes": -1},
        {"files": 2**63},
        {"rto_seconds": 1e300},
        {"set": "a/b"},
        {"point": ".."},
        {"by": ""},
        {"by": "*"},
        {"by": "größer"},
        {"by": "a,b"},
        {"plan": "x"},
        {"reading": {"slice": 1, "slices": 0, "cycle": encode(NOW), "done": []}},
        {"details": {"x": 10**400}},
        {"ended": "0001-01-01T00:00:00+23:59"},
    ],
)
def test_a_signed_record_beyond_bounds_is_corrupt(changes: dict[str, object]) -> None:
    with pytest.raises(Corrupt):
        unseal(read_sealed(signed({**encode(RECORD), **changes})))


def use_manifest(document: Any) -> None:  # noqa: ANN401
    manifest = read(document)
    for member in manifest.members:
        for artifact in member.artifacts:
            assert artifact.path.startswith("/")
            assert f"{posixpath.normpath(f'/sandbox/{artifact.path}')}/".startswith("/sandbox/"), "the whole of it is `/`"
            assert ".." not in artifact.path.split("/")
            base = artifact.path.rstrip("/") + "/"
            assert all((file.path + "/").startswith(base) for file in artifact.census.sample)
    manifest_lines(manifest)
    list(contents_of(manifest))
    canonical(manifest)
    mine = policy(backup_set(manifest.set))
    plan = plan_restore(
        mine,
        RestoreRequest((manifest.set,), Destination("directory", path="/out")),
        manifests={manifest.set: manifest},
        copies={manifest.set: ("near",)},
        now=NOW,
        declared=NOW,
        run="R1",
    )
    restore_lines(plan)
    canonical(plan)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(MANIFESTS)
def test_no_forged_manifest_escapes_hangs_or_ends_as_a_bug(document: Any) -> None:  # noqa: ANN401
    within_a_second("test_no_forged_manifest_escapes_hangs_or_ends_as_a_bug", lambda: use_manifest(document))


def use_listing(found: Any, folder: Path) -> None:  # noqa: ANN401
    listing = listed(found)
    mine = policy(backup_set())
    later = NOW + timedelta(hours=1)
    both = {"near": listing, "offsite": replace(listing, repository="offsite")}
    index = Index(str(folder), mine.repositories)
    index.save(listing)
    assert index.load().keys() <= both.keys()
    for point in listing.points:
        assert "/" not in point.point + point.set + point.run
        assert point.point not in (".", "..")
    views = tuple(PointView(point, ("near",), (), listing.holds) for point in listing.points)
    points_lines(views)
    holds_lines(listing.holds)
    evidence_lines([EvidenceView(each, ("near",)) for each in listing.evidence], policy="homelab")
    verified_points(listing)
    for each in listing.evidence:
        of_evidence(each)
        record_lines(ShownEvidence(EvidenceView(each, ("near",))), policy="homelab")
    inventory = Inventory(taken=later, repositories=both)
    repository_views(inventory, mine.repositories)
    reading_status(mine, both, now=later)
    for status in assess(mine, inventory, now=later):
        canonical(status)
    choose_point(both, set="documents", by="homelab", now=later)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(snapshots())
def test_no_forged_tags_escape_hang_or_end_as_a_bug(tmp_path: Path, found: list[dict[str, Any]]) -> None:
    within_a_second("test_no_forged_tags_escape_hang_or_end_as_a_bug", lambda: use_listing(found, tmp_path))


def use_record(document: Any, folder: Path) -> None:  # noqa: ANN401
    sealed = read_sealed(signed(document))
    record = unseal(sealed)
    summary = sealed.summary()
    of_evidence(summary)
    record_lines(ShownEvidence(EvidenceView(summary, ("near",)), record), policy="homelab")
    canonical(record)
    assert decode(EvidenceRecord, parse(canonical(record))) == record
    write_evidence_bundle(
        str(folder / f"{TRIED['test_no_forged_evidence_escapes_hangs_or_ends_as_a_bug']}"), [sealed], now=NOW, left_out={}
    )
    assert {entry.name for entry in folder.iterdir()} <= {str(number) for number in range(EXAMPLES * 3)}


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(RECORDS)
def test_no_forged_evidence_escapes_hangs_or_ends_as_a_bug(tmp_path: Path, document: Any) -> None:  # noqa: ANN401
    within_a_second("test_no_forged_evidence_escapes_hangs_or_ends_as_a_bug", lambda: use_record(document, tmp_path))
