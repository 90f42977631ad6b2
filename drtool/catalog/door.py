"""The one door: what comes out of a repository is held against bounds here, before anybody acts on it.

Whoever has the repository's key can write any manifest and sign any record. What passes names only plain places inside its own artifacts,
and counts that can be counted; what does not is Corrupt, told by the member it belongs to.
"""

from __future__ import annotations

import itertools
import posixpath
import re
from collections.abc import Callable, Mapping
from typing import Final

from drtool.model import bounds
from drtool.model.evidence import EvidenceRecord
from drtool.model.lying import lies_in
from drtool.model.native import NativePlace
from drtool.model.point import Artifact, Attributes, Canary, Census, Manifest, Member, MissingMember, SampledFile
from drtool.model.rotation import KNOWN_MOST, RECORDS_MOST, TOKEN_CHARACTERS, Rotation

MEMBERS: Final = 100_000
ARTIFACTS: Final = 1000
"""How many artifacts a member of a kind that this release does not know may have."""
CHAIN: Final = 32
"""Of how many streams a member may consist, the first of them whole."""
FACTS: Final = 32
PLACES: Final = 16
"""How many places a native artifact may name."""
SAMPLE: Final = 1_000_000
GROUPS: Final = 1 << 16
WARNINGS: Final = 10_000
SIGNERS: Final = 10_000
COUNTED: Final = 10_000
_SELECTOR_VALUES: Final = 100_000
_DOCUMENT_VALUES: Final = 1_000_000
_WORKLOAD_CHARACTERS: Final = bounds.NAME_CHARACTERS + bounds.PATH_CHARACTERS
_DIGEST: Final = 64
_FORMS: Final = ("tree", "stream", "native")
_GROUP: Final = re.compile(r"(\d{1,18}\.){3}\d{1,18}:[0-9a-f]{16}:[0-9a-f]{16}")
_MODE: Final = re.compile(r"[0-7]{0,6}")
_FINGERPRINT: Final = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
_TOKENS: Final = re.compile(rf"([A-Za-z0-9_-]{{{TOKEN_CHARACTERS}}})*")
_SMALLEST: Final = -(1 << 40)
_TEXTS: Final = ("exclude", "exclude_if_present", "exclude_files")
"""Keys of a selector that checks walk through: lists of text, whatever the kind."""


def admit(manifest: Manifest) -> Manifest:
    """Return a manifest that stays within what drtool writes; raises ValueError that names what does not."""
    for text, what in ((manifest.point, "a point"), (manifest.set, "a set"), (manifest.run, "a run")):
        bounds.name(text, what)
    bounds.policy_name(manifest.by)
    bounds.instant(manifest.instant, "the point")
    bounds.instant(manifest.sealed, "its seal")
    bounds.seconds(manifest.skew_seconds, "the skew")
    bounds.seconds(manifest.quiet_seconds, "the time its members were held still")
    bounds.count(len(manifest.members), "its members", most=MEMBERS)
    bounds.count(len(manifest.missing), "its missing members", most=MEMBERS)
    bounds.count(len(manifest.evidence), "its signers", most=SIGNERS)
    bounds.values(manifest.policy, "the policy in it", most=_DOCUMENT_VALUES)
    bounds.document(manifest.policy_text, "the text of the policy in it")
    bounds.values(manifest.versions, "its versions", most=ARTIFACTS)
    for member in manifest.members:
        _member(member)
    for missing in manifest.missing:
        _missing(missing)
    workloads = [member.workload for member in manifest.members]
    if len(set(workloads)) != len(workloads):
        raise ValueError("two of its members have one name")
    for signer, head in manifest.evidence.items():
        bounds.words(signer, "a signer", characters=bounds.NAME_CHARACTERS)
        bounds.count(head.number, "a place in a chain")
        bounds.hexadecimal(head.digest, "the digest of evidence", digits=_DIGEST)
    bounds.machine(manifest.machine)
    for digests in (manifest.counted, manifest.counted_unsigned):
        bounds.count(len(digests), "the points it counted", most=COUNTED)
        for digest in digests:
            bounds.hexadecimal(digest, "the digest of a point it counted", digits=_DIGEST)
    bounds.count(manifest.bytes, "its bytes")
    bounds.count(manifest.files, "its files")
    return manifest


def admit_record(record: EvidenceRecord) -> EvidenceRecord:
    """Return a record of evidence that stays within what drtool writes; raises ValueError that names what does not."""
    for text, what in ((record.id, "evidence"), (record.subject, "a subject"), (record.outcome, "an outcome")):
        bounds.name(text, what)
    bounds.policy_name(record.by)
    for text, what in ((record.set, "a set"), (record.point, "a point"), (record.run, "a run")):
        bounds.optional_name(text, what)
    for text, what in ((record.repository, "a repository"), (record.host, "a host"), (record.signer, "a signer"), (record.key, "a key")):
        bounds.words(text, what, characters=bounds.NAME_CHARACTERS)
    bounds.words(record.public_key, "the public key")
    bounds.machine(record.machine)
    bounds.machine(record.tested)
    for text, what in (
        (record.previous, "the digest of the record before"),
        (record.manifest, "the digest of the manifest"),
        (record.plan, "the digest of the plan"),
        (record.journal_sha256, "the digest of the journal"),
    ):
        bounds.hexadecimal(text, what, digits=_DIGEST)
    for number, what in (
        (record.number, "a place in a chain"),
        (record.bytes, "bytes"),
        (record.files, "files"),
        (record.checks_passed, "checks"),
        (record.checks_planned, "checks"),
        (record.journal_events, "events"),
    ):
        bounds.count(number, what)
    for duration, what in ((record.rto_seconds, "RTO"), (record.rpo_seconds, "RPO")):
        if duration is not None:
            bounds.seconds(duration, what)
    bounds.instant(record.started, "the start")
    bounds.instant(record.ended, "the end")
    bounds.values(record.details, "the record", most=_DOCUMENT_VALUES)
    bounds.values(record.report, "the report in it", most=_DOCUMENT_VALUES)
    bounds.values(record.versions, "its versions", most=ARTIFACTS)
    if record.reading is not None:
        bounds.check_reading(record.reading)
    return record


def admit_rotation(rotation: Rotation) -> Rotation:
    """Return a rotation that stays within what drtool writes; raises ValueError that names what does not."""
    bounds.name(rotation.id, "a rotation")
    bounds.policy_name(rotation.by)
    bounds.machine(rotation.machine)
    for fingerprint in (rotation.old, rotation.new):
        if not _FINGERPRINT.fullmatch(fingerprint):
            raise ValueError(f"{bounds.shown(fingerprint)} is no fingerprint of a key")
    if rotation.old == rotation.new:
        raise ValueError("no key follows itself")
    bounds.instant(rotation.at, "the rotation")
    bounds.optional_name(rotation.point, "a point")
    bounds.count(rotation.number, "a place in a chain")
    bounds.hexadecimal(rotation.head, "the digest of evidence", digits=_DIGEST)
    for known, most, what in ((rotation.known, KNOWN_MOST, "points"), (rotation.records, RECORDS_MOST, "records")):
        if len(known) > most * TOKEN_CHARACTERS or not _TOKENS.fullmatch(known):
            raise ValueError(f"the {what} it knows are no beginnings of digests")
    if rotation.since is not None:
        bounds.instant(rotation.since, "the oldest point it knows")
    if rotation.untold is not None:
        bounds.instant(rotation.untold, "the newest record it does not know")
    return rotation


def _member(member: Member) -> None:
    what = f"the member {bounds.shown(member.workload)}"
    try:
        bounds.words(member.workload, "a workload", characters=_WORKLOAD_CHARACTERS)
        bounds.name(member.source, "a source")
        bounds.name(member.kind, "a kind")
        _workload(member)
        bounds.instant(member.instant, "it")
        bounds.values(member.selector, "its selector", most=_SELECTOR_VALUES)
        _texts(member)
        bounds.count(len(member.warnings), "its warnings", most=WARNINGS)
        for warning in member.warnings:
            bounds.words(warning, "a warning", characters=_WORKLOAD_CHARACTERS)
        _artifacts(member)
    except ValueError as error:
        raise ValueError(f"{what}: {error}") from None


def _workload(member: Member) -> None:
    if member.workload != member.source and not member.workload.startswith(f"{member.source}:"):
        raise ValueError(f"it says that it is of the source {bounds.shown(member.source)}")


def _texts(member: Member) -> None:
    for key in _TEXTS:
        found = member.selector.get(key, ())
        if not isinstance(found, list | tuple) or any(not isinstance(item, str) or "\0" in item for item in found):
            raise ValueError(f"`{key}` of its selector is no list of texts")
    bounds.words(member.by_hand, "`by_hand` of its selector")
    starts, node = member.selector.get("starts", False), member.selector.get("node")
    if not isinstance(starts, bool) or (node is not None and not isinstance(node, str)):
        raise ValueError("`starts` or `node` of its selector is none")
    if member.kind in _KINDS and (starts or node):
        raise ValueError(f"nothing of the kind {member.kind} runs, or lies on a node")
    bounds.optional_name(node or "", "`node` of its selector")


def _artifacts(member: Member) -> None:
    own = _KINDS.get(member.kind)
    most = ARTIFACTS if own is None else CHAIN if _is_chain(member) else 1
    if not member.artifacts or len(member.artifacts) > most:
        raise ValueError(f"it has {len(member.artifacts)} artifacts, where {member.kind} has {'one' if most == 1 else f'1 to {most}'}")
    if len({artifact.name for artifact in member.artifacts}) != len(member.artifacts):
        raise ValueError("two of its artifacts have one name")
    for artifact in member.artifacts:
        bounds.words(artifact.name, "an artifact", characters=_WORKLOAD_CHARACTERS)
        if artifact.form not in _FORMS:
            raise ValueError(f"{bounds.shown(artifact.form)} is no form of an artifact")
        bounds.optional_name(artifact.tree, "a tree")
        bounds.plain_path(artifact.path, "an artifact")
        bounds.count(artifact.stored_bytes, "what it took")
        _places(artifact)
        bounds.values(artifact.facts, "what its source knows it by", most=FACTS)
        _census(artifact.census, artifact.path)
    paths = sorted(artifact.path for artifact in member.artifacts)
    if any(lies_in(inner, outer) for outer, inner in itertools.pairwise(paths)):
        raise ValueError("its artifacts lie in one another")
    if own is not None:
        own(member, member.artifacts[0])


def _is_chain(member: Member) -> bool:
    """Tell whether it is one of streams, side by side in a folder of their own."""
    folders = {posixpath.dirname(artifact.path) for artifact in member.artifacts}
    return member.kind == "truenas" and len(folders) == 1 and folders != {"/"} and all(each.form == "stream" for each in member.artifacts)


def _places(artifact: Artifact) -> None:
    """What a platform keeps has places and no tree; what a repository keeps has a tree and no place."""
    if not artifact.native:
        if artifact.places:
            raise ValueError(f"{bounds.shown(artifact.name)} is a {artifact.form}, and names a place at a platform")
        return
    if artifact.tree or not 1 <= len(artifact.places) <= PLACES:
        raise ValueError(f"{bounds.shown(artifact.name)} is native: it has 1 to {PLACES} places, and no tree")
    for place in artifact.places:
        _place(place)
    if len({place.identity for place in artifact.places}) != len(artifact.places):
        raise ValueError(f"{bounds.shown(artifact.name)} names a place twice")


def _place(place: NativePlace) -> None:
    source, _, rest = place.store.partition(":")
    bounds.name(source, "a source that keeps something")
    bounds.line(rest, "a store", characters=bounds.NAME_CHARACTERS)
    bounds.optional_name(place.site, "a site")
    bounds.line(place.digest, "a digest in a store's words", characters=bounds.NAME_CHARACTERS)
    if not bounds.line(place.locator, "a place in a store", characters=_WORKLOAD_CHARACTERS):
        raise ValueError("a place in a store has no locator")


def _files(member: Member, artifact: Artifact) -> None:
    """A workload of files is its source and its path: a member called `here:/home` holds nothing else."""
    if artifact.form != "tree" or member.workload != f"{member.source}:{artifact.path}":
        raise ValueError(f"it holds {bounds.shown(artifact.path)}")
    if member.selector.get("path", artifact.path) != artifact.path:
        raise ValueError(f"its selector names {bounds.shown(str(member.selector['path']))}")


def _stream(member: Member, artifact: Artifact) -> None:
    if artifact.form != "stream" or member.workload != member.source or artifact.path != f"/{member.source}":
        raise ValueError(f"it holds {bounds.shown(artifact.path)}")


def _truenas(member: Member, artifact: Artifact) -> None:
    """What is put in place is the dataset of the selector: it must be the one that the workload's name shows."""
    if artifact.native:
        raise ValueError("nothing of the kind truenas is kept by its platform")
    place = member.selector.get("dataset", "system")
    if not isinstance(place, str) or member.workload != f"{member.source}:{place}":
        raise ValueError(f"its selector names {bounds.shown(str(place))}")
    if any(part in ("", ".", "..") for part in place.split("/")):
        raise ValueError(f"{bounds.shown(place)} is no dataset")


_KINDS: Final[Mapping[str, Callable[[Member, Artifact], None]]] = {"files": _files, "stream": _stream, "truenas": _truenas}
"""The kinds of this release have one artifact each, or a chain of streams, at the place that their workload's name says."""


def _census(census: Census, path: str) -> None:
    bounds.count(census.files, "its files")
    bounds.count(census.bytes, "its bytes")
    bounds.hexadecimal(census.sha256, "its SHA-256", digits=_DIGEST)
    bounds.count(len(census.sample), "its sample", most=SAMPLE)
    for file in census.sample:
        _sampled(file, path)
    if census.attributes is not None:
        _attributes(census.attributes)
    if census.canary is not None:
        _canary(census.canary)


def _sampled(file: SampledFile, path: str) -> None:
    bounds.plain_path(file.path, "a sampled file")
    if not lies_in(file.path, path):
        raise ValueError(f"its sample names {bounds.shown(file.path)}, which lies elsewhere")
    bounds.count(file.bytes, "the size of a sampled file")
    bounds.hexadecimal(file.sha256, "the SHA-256 of a sampled file", digits=_DIGEST)
    bounds.hexadecimal(file.extended, "the extended attributes of a sampled file", digits=_DIGEST)
    for number in (file.user, file.group, file.modified):
        if not _SMALLEST <= number <= bounds.LARGEST:
            raise ValueError("a sampled file has an owner or a time without end")
    if not _MODE.fullmatch(file.mode):
        raise ValueError(f"{bounds.shown(file.mode)} is no mode of a file")


def _attributes(attributes: Attributes) -> None:
    for number in (attributes.files, attributes.directories, attributes.symlinks, attributes.others, attributes.left_out):
        bounds.count(number, "its entries")
    bounds.count(len(attributes.groups), "its groups", most=GROUPS)
    for group in attributes.groups:
        if group and not _GROUP.fullmatch(group):
            raise ValueError(f"{bounds.shown(group)} is no sum over attributes")


def _canary(canary: Canary) -> None:
    for text, what in ((canary.set, "a set"), (canary.point, "a point"), (canary.run, "a run")):
        bounds.name(text, what)
    bounds.policy_name(canary.by)
    bounds.instant(canary.instant, "its canary")
    bounds.hexadecimal(canary.nonce_sha256, "its canary", digits=_DIGEST)
    bounds.words(canary.problem, "its canary")


def _missing(missing: MissingMember) -> None:
    bounds.words(missing.workload, "a workload", characters=_WORKLOAD_CHARACTERS)
    bounds.words(missing.reason, "a reason", characters=_WORKLOAD_CHARACTERS)
