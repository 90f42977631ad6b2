"""Signatures as OpenSSH makes and checks them, judged by ssh-keygen itself."""

from __future__ import annotations

import base64
import stat
import subprocess
import time
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from drtool.catalog import sshsig
from drtool.catalog.allowed_signers import allowed_line, read_allowed
from drtool.catalog.evidence_folder import EvidenceFolder
from drtool.catalog.seal import read_sealed, seal, unseal
from drtool.catalog.signer import Signer, key_file_signer, read_signer
from drtool.model.codec import canonical
from drtool.model.errors import Corrupt, Refused
from drtool.model.evidence import EvidenceRecord, SignedEvidence
from drtool.model.secret import Secret, SecretReference

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@cache
def some_key(seed: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)


def some_signer(seed: int = 1) -> Signer:
    public = sshsig.public_line(some_key(seed))
    return Signer(some_key(seed), public, sshsig.fingerprint(public))


def some_record(signer: Signer, **changes: object) -> EvidenceRecord:
    body = EvidenceRecord(
        id="01J00000000000000000000001",
        subject="drill",
        by="homelab",
        repository="offsite",
        outcome="succeeded",
        started=NOW,
        ended=NOW,
        signer=signer.fingerprint,
        public_key=signer.public_key,
        number=1,
        set="documents",
        details={"why": "größer als ein Byte, \udcff, \u2028"},
    )
    return replace(body, **changes)  # type: ignore[arg-type]


def keygen(*arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["ssh-keygen", *arguments], input=given, capture_output=True, check=False)


def checked_by_openssh(folder: Path, allowed: str, document: SignedEvidence, *, name: str = "homelab", at: str = "") -> bool:
    (folder / "allowed_signers").write_text(allowed)
    (folder / "record.sig").write_text(document.signature)
    when = (f"-Overify-time={at}",) if at else ()
    arguments = ("-f", str(folder / "allowed_signers"), "-I", name, "-n", "drtool.evidence", "-s", str(folder / "record.sig"))
    return keygen("-Y", "verify", *when, *arguments, given=document.record.encode()).returncode == 0


@settings(max_examples=60, deadline=None)
@given(message=st.binary(max_size=300), namespace=st.text(min_size=1, max_size=20), seed=st.integers(0, 255))
def test_a_signature_survives_the_journey(message: bytes, namespace: str, seed: int) -> None:
    armoured = sshsig.sign(some_key(seed), message, namespace=namespace)
    assert sshsig.verify(armoured, message, namespace=namespace) == sshsig.public_line(some_key(seed))
    with pytest.raises(Corrupt):
        sshsig.verify(armoured, message + b"\n", namespace=namespace)
    with pytest.raises(Corrupt, match="another purpose"):
        sshsig.verify(armoured, message, namespace=namespace + "x")


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_no_bit_of_a_signature_may_change(data: st.DataObject) -> None:
    armoured = sshsig.sign(some_key(1), b"the record")
    body = bytearray(base64.b64decode("".join(armoured.splitlines()[1:-1])))
    body[data.draw(st.integers(0, len(body) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    changed = "\n".join([armoured.splitlines()[0], base64.b64encode(body).decode(), armoured.splitlines()[-1]])
    with pytest.raises(Corrupt):
        sshsig.verify(changed, b"the record")


def test_nothing_may_follow_a_signature() -> None:
    armoured = sshsig.sign(some_key(1), b"the record")
    body = base64.b64decode("".join(armoured.splitlines()[1:-1]))
    longer = "\n".join([armoured.splitlines()[0], base64.b64encode(body + b"\0").decode(), armoured.splitlines()[-1]])
    with pytest.raises(Corrupt):
        sshsig.verify(longer, b"the record")


@settings(max_examples=200, deadline=None)
@given(noise=st.text(max_size=200) | st.binary(max_size=200).map(lambda body: base64.b64encode(b"SSHSIG\0\0\0\1" + body).decode()))
def test_noise_is_no_signature(noise: str) -> None:
    for text in (noise, f"-----BEGIN SSH SIGNATURE-----\n{noise}\n-----END SSH SIGNATURE-----\n"):
        with pytest.raises(Corrupt):
            sshsig.verify(text, b"the record")


def test_openssh_accepts_what_we_sign_and_refuses_it_changed(tmp_path: Path) -> None:
    signer = some_signer()
    document = seal(signer, some_record(signer))
    allowed = allowed_line(("homelab",), signer.public_key)
    assert checked_by_openssh(tmp_path, allowed, document)
    assert not checked_by_openssh(tmp_path, allowed, replace(document, record=document.record.replace("succeeded", "data_wrong")))
    assert not checked_by_openssh(tmp_path, allowed, document, name="another")
    assert not checked_by_openssh(tmp_path, allowed_line(("homelab",), some_signer(2).public_key), document)


def test_we_accept_what_openssh_signs(tmp_path: Path) -> None:
    key = tmp_path / "key"
    assert keygen("-q", "-t", "ed25519", "-N", "", "-C", "a comment", "-f", str(key)).returncode == 0
    signer = read_signer(key.read_text().rstrip("\n"), where="file:key")
    assert signer.public_key == " ".join((tmp_path / "key.pub").read_text().split()[:2])
    assert signer.fingerprint in keygen("-l", "-f", str(key)).stdout.decode()
    text = canonical(some_record(signer))
    for hash_name in ("sha512", "sha256"):
        signed = keygen("-Y", "sign", "-q", "-O", f"hashalg={hash_name}", "-n", "drtool.evidence", "-f", str(key), given=text)
        assert unseal(SignedEvidence(text.decode(), signed.stdout.decode())).number == 1
    elsewhere = keygen("-Y", "sign", "-q", "-n", "file", "-f", str(key), given=text).stdout.decode()
    with pytest.raises(Corrupt, match="another purpose: file"):
        unseal(SignedEvidence(text.decode(), elsewhere))


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_only_ed25519_signs(tmp_path: Path, kind: str) -> None:
    key = tmp_path / "key"
    keygen("-q", "-t", kind, "-N", "", "-f", str(key))
    with pytest.raises(Refused, match="ed25519") as refused:
        read_signer(key.read_text(), where="file:key")
    assert "PRIVATE" not in str(refused.value)
    signed = keygen("-Y", "sign", "-q", "-n", "drtool.evidence", "-f", str(key), given=b"text").stdout.decode()
    with pytest.raises(Corrupt, match="Ed25519"):
        sshsig.verify(signed, b"text")


def test_a_key_with_a_passphrase_and_no_key_at_all_are_refused(tmp_path: Path) -> None:
    key = tmp_path / "key"
    keygen("-q", "-t", "ed25519", "-N", "secret words", "-f", str(key))
    for text in (key.read_text(), "", "AAAA"):
        with pytest.raises(Refused, match="without a passphrase"):
            read_signer(text, where="file:key")


def test_the_key_is_made_once_and_privately(tmp_path: Path) -> None:
    folder = EvidenceFolder(str(tmp_path / "state"))
    first = folder.signer()
    assert EvidenceFolder(str(tmp_path / "state")).signer().fingerprint == first.fingerprint
    path = tmp_path / "state" / "evidence" / "key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert keygen("-y", "-f", str(path)).stdout.decode().split()[:2] == first.public_key.split()
    path.write_text("damaged")
    with pytest.raises(Refused):  # never replaced silently: that would begin another chain
        folder.signer()


def test_the_policy_may_name_the_key(tmp_path: Path) -> None:
    key = tmp_path / "named"
    keygen("-q", "-t", "ed25519", "-N", "", "-f", str(key))
    reference = SecretReference("file", str(key))
    folder = EvidenceFolder(str(tmp_path / "state"), key=reference, resolve=lambda each: Secret(Path(each.value).read_text()))
    assert folder.signer().fingerprint == key_file_signer(str(key)).fingerprint
    assert not (tmp_path / "state").exists()


def test_a_document_is_read_back_and_held_against_its_signature() -> None:
    signer = some_signer()
    record = some_record(signer)
    document = seal(signer, record)
    assert unseal(read_sealed(canonical(document))) == record
    summary = document.summary()
    assert (summary.id, summary.signer, summary.number, summary.details) == (record.id, signer.fingerprint, 1, {})
    with pytest.raises(Corrupt, match="does not fit"):
        unseal(replace(document, record=document.record.replace("succeeded", "failed")))
    with pytest.raises(Corrupt, match="another key"):
        unseal(seal(some_signer(2), record))
    with pytest.raises(Corrupt, match="another key"):
        unseal(seal(signer, replace(record, public_key=some_signer(2).public_key)))


@pytest.mark.parametrize("changes", [{"id": "../../../etc/cron.d/x"}, {"id": ""}, {"number": 0}])
def test_a_signed_record_that_drtool_never_writes_is_corrupt(changes: dict[str, object]) -> None:
    signer = some_signer()
    with pytest.raises(Corrupt, match="none that drtool writes"):
        unseal(seal(signer, some_record(signer, **changes)))


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b'{"record": 1, "signature": ""}', b'{"format":"drtool.hold/1","record":"","signature":""}']
)
def test_what_is_no_document_is_corrupt(body: bytes) -> None:
    with pytest.raises(Corrupt):
        read_sealed(body)


ALLOWED = (
    "{who} {key}",
    'other,{who} namespaces="drtool.evidence" {key} a comment',
    '{who} namespaces="git,drtool.*" {key}',
    '{who} namespaces="git" {key}',
    '{who} namespaces="drtool.evidence,git" {key} it\'s a "comment',
    '"other,{who}"\t namespaces="git,valid-before" {key}',
    "home* {key}",
    "home*,!{who} {key}",
    "someone {key}",
    '{who} valid-before="20261124" {key}',
    '{who} valid-before="20261122" {key}',
    '{who} valid-after="20261124000000" {key}',
    '{who} namespaces="drtool.evidence",valid-after="20261101",valid-before="20261201" {key}',
    "# {who} {key}",
    '{who} Namespaces="git" {key}',
    '{who} namespaces="drtool.evidence",Valid-Before="20261122" {key}',
    '{who} VALID-BEFORE="20261122" {key}',
    '{who} valid-before="20261122Z" {key}',
    "{who} Cert-Authority {key}",
    "{who} no-such-option {key}",
    '{who} valid-until="20261124" {key}',
    "home[a-z]* {key}",
    "# a comment\N{LINE SEPARATOR}{who} {key}",
    "# a comment\f{who} {key}",
    '"{who}" {key}',
    "HOMELAB {key}",
)


@pytest.mark.parametrize("line", ALLOWED)
def test_allowed_signers_mean_what_openssh_means(tmp_path: Path, line: str) -> None:
    signer = some_signer()
    record = some_record(signer)
    text = line.format(who="homelab", key=signer.public_key) + f"\nnobody {some_signer(2).public_key}\n"
    expected = checked_by_openssh(tmp_path, text, seal(signer, record), at="20261123120000")
    assert read_allowed(text)(record) is expected


@pytest.mark.parametrize(
    ("line", "allowed"), [('{who} valid-after="20261124" {key}', True), ('{who} valid-before="20261124" {key}', False)]
)
def test_an_instant_is_of_the_time_zone_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, allowed: bool) -> None:  # noqa: FBT001
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    time.tzset()
    try:
        signer = some_signer()
        record = some_record(signer)
        text = line.format(who="homelab", key=signer.public_key)
        assert checked_by_openssh(tmp_path, text, seal(signer, record), at="20261124020000") is allowed
        assert read_allowed(text)(record) is allowed
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "homelab ssh-rsa AAAA\n", 'homelab namespaces="x ssh-ed25519 AAAA\n', "homelab ssh-ed25519\n"]
)
def test_a_file_that_allows_nobody_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        read_allowed(text)
