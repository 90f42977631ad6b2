"""The tags on every snapshot: who made it and why, and for records the summary that a listing rebuilds them from.

A comma splits restic's tags, so values are percent-encoded; an empty value is not written.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from urllib.parse import quote, unquote

from drtool.model.codec import canonical, encode
from drtool.model.evidence import TOLD_IN_LISTINGS, Evidence, Reading, SignedEvidence
from drtool.model.hold import Hold
from drtool.model.point import SAID_LATER, SAID_OF_A_POINT, TREE_CHARACTERS, TREES_TOLD, Manifest
from drtool.model.rotation import SignedRotation
from drtool.ports import Body, Labels

MARK = "drtool"
MANIFEST_NAME = "/manifest.json"
SIGNATURE = "signature"
ROLES = ("data", "manifest", "evidence", "hold", "rotation")
_REASON_CHARACTERS = 200


def to_tags(values: Mapping[str, str]) -> tuple[str, ...]:
    """Spell labels as tags, the mark first."""
    return (MARK, *(f"{key}={quote(value, safe='')}" for key, value in values.items() if value))


def from_tags(tags: Iterable[str]) -> dict[str, str] | None:
    """Return the labels that tags spell, or None when they are not ours."""
    found: dict[str, str] = {}
    marked = False
    for tag in tags:
        key, equals, value = tag.partition("=")
        if equals:
            found[key] = unquote(value) if "%" in value else value
        elif tag == MARK:
            marked = True
    return found if marked and found.get("role") in ROLES else None


def data_tags(labels: Labels, *, inside: str = "") -> tuple[str, ...]:
    """Return the tags of a stored artifact; `inside` is where it lies, when that is not the path of its snapshot."""
    return to_tags(
        {
            "by": labels.by,
            "set": labels.set,
            "workload": labels.workload,
            "point": labels.point,
            "run": labels.run,
            "role": "data",
            "machine": labels.machine,
            "expires": instant_text(labels.expires),
            "inside": inside,
        }
    )


def body_tags(body: Body, *, sign: Callable[[bytes], str] | None = None) -> tuple[str, ...]:
    """Return the tags of a record, with its bounded summary; with `sign`, one more is the signature of all of them."""
    labels = {key: value for key, value in _body_labels(body).items() if value}
    if sign is None or isinstance(body, SignedRotation):  # which bears the signatures of two keys of its own
        return to_tags(labels)
    return to_tags({**labels, SIGNATURE: sign(signed_text(labels))})


def signed_text(labels: Mapping[str, str]) -> bytes:
    """Return what a signature of tags covers: all of them but itself, so that a tag of a later release is covered too."""
    return canonical({key: value for key, value in labels.items() if key != SIGNATURE})


def _body_labels(body: Body) -> dict[str, str]:
    match body:
        case Manifest():
            return _manifest_labels(body)
        case Evidence():
            return _evidence_labels(body)
        case SignedEvidence():
            return _evidence_labels(body.summary())
        case Hold():
            return _hold_labels(body)
        case SignedRotation():
            return _rotation_labels(body)


def body_name(body: Body) -> str:
    """Return the file name under which a record is stored."""
    match body:
        case Manifest():
            return MANIFEST_NAME
        case Evidence() | SignedEvidence():
            return "/evidence.json"
        case Hold():
            return "/hold.json"
        case SignedRotation():
            return "/rotation.json"


def instant_text(instant: datetime) -> str:
    """Spell an instant in UTC."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _manifest_labels(manifest: Manifest) -> dict[str, str]:
    said = {
        "by": manifest.by,
        "set": manifest.set,
        "point": manifest.point,
        "run": manifest.run,
        "instant": instant_text(manifest.instant),
        "sealed": instant_text(manifest.sealed),
        "complete": "yes" if manifest.complete else "no",
        "bytes": str(manifest.bytes),
        "files": str(manifest.files),
        "members": str(len(manifest.members)),
        "artifacts": str(len(manifest.artifacts)),
        "trees": ".".join(sorted({each.tree[:TREE_CHARACTERS] for each in manifest.artifacts if each.tree})[:TREES_TOLD]),
        "digest": hashlib.sha256(canonical(manifest)).hexdigest(),
        "machine": manifest.machine,
        "natives": str(sum(artifact.native for artifact in manifest.artifacts) or ""),
        "native_members": str(sum(all(artifact.native for artifact in member.artifacts) for member in manifest.members) or ""),
    }
    return {"role": "manifest", **{name: said[name] for name in (*SAID_OF_A_POINT, *SAID_LATER)}}


def _evidence_labels(evidence: Evidence) -> dict[str, str]:
    return {
        "by": evidence.by,
        "role": "evidence",
        "eid": evidence.id,
        "subject": evidence.subject,
        "outcome": evidence.outcome,
        "repository": evidence.repository,
        "started": instant_text(evidence.started),
        "ended": instant_text(evidence.ended),
        "set": evidence.set,
        "point": evidence.point,
        "rto": "" if evidence.rto_seconds is None else repr(evidence.rto_seconds),
        "rpo": "" if evidence.rpo_seconds is None else repr(evidence.rpo_seconds),
        "bytes": str(evidence.bytes),
        "files": str(evidence.files),
        "checks": f"{evidence.checks_passed}/{evidence.checks_planned}",
        "key": evidence.key,
        "signer": evidence.signer,
        "number": str(evidence.number) if evidence.signer else "",
        "record": evidence.digest,
        "previous": evidence.previous,
        "machine": evidence.machine,
        "tested": evidence.tested,
        **{key: json.dumps(encode(evidence.details[key]), separators=(",", ":")) for key in TOLD_IN_LISTINGS if key in evidence.details},
        **_reading_labels(evidence.reading),
    }


def _reading_labels(reading: Reading | None) -> dict[str, str]:
    if reading is None:
        return {}
    return {
        "slice": f"{reading.slice}/{reading.slices}",
        "cycle": instant_text(reading.cycle),
        "done": ".".join(map(str, reading.done)),
    }


def _hold_labels(hold: Hold) -> dict[str, str]:
    return {
        "by": hold.by,
        "role": "hold",
        "hid": hold.id,
        "set": hold.set,
        "point": hold.point,
        "until": "" if hold.until is None else instant_text(hold.until),
        "reason": hold.reason[:_REASON_CHARACTERS],
        "releases": hold.releases,
        "created": instant_text(hold.created),
        "kind": hold.kind,
        "run": hold.run,
        "machine": hold.machine,
    }


def _rotation_labels(rotation: SignedRotation) -> dict[str, str]:
    return {
        "by": rotation.by,
        "role": "rotation",
        "record": rotation.record,
        "new_signature": rotation.new_signature,
        "old_signature": rotation.old_signature,
    }
