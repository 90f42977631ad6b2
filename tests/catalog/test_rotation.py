"""A record that one key follows another is believed only with the signatures of these keys, and within bounds."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from drtool.catalog import sshsig
from drtool.catalog.rotation import open_rotation, opened_rotations, sign_rotation
from drtool.catalog.seal import signer_of_tags
from drtool.catalog.signer import Signer, key_file_signer
from drtool.model.codec import canonical
from drtool.model.errors import Corrupt
from drtool.model.point import SAID_OF_A_POINT
from drtool.model.rotation import KNOWN_MOST, RECORDS_MOST, TOKEN_CHARACTERS, Rotation, SignedRotation, mark
from drtool.repositories.restic.labels import body_tags, to_tags
from drtool.repositories.restic.translate import read_snapshots

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Signer, Signer, Signer]:
    return tuple(key_file_signer(str(tmp_path / name)) for name in ("old", "new", "thief"))  # type: ignore[return-value]


def _word(old: Signer, new: Signer, **more: Any) -> Rotation:  # noqa: ANN401
    return Rotation("01M0000000000000000000000A", "homelab", "nas", old.fingerprint, new.fingerprint, NOW, **more)


def test_the_first_word_needs_both_keys_and_the_last_the_new_one(keys: tuple[Signer, Signer, Signer]) -> None:
    old, new, thief = keys
    word = _word(old, new)
    assert open_rotation(sign_rotation(word, new=new, old=old)) == word
    ended = replace(word, final=True)
    assert open_rotation(sign_rotation(ended, new=new)) == ended
    refused = [
        sign_rotation(word, new=new),
        sign_rotation(word, new=thief, old=old),
        sign_rotation(word, new=new, old=thief),
        sign_rotation(word, new=old, old=new),
        sign_rotation(ended, new=old),
        sign_rotation(ended, new=thief),
    ]
    good = sign_rotation(word, new=new, old=old)
    refused += [
        replace(good, by="another"),
        replace(good, record=good.record.replace(thief.fingerprint, "").replace('"nas"', '"fas"')),
        replace(good, record=good.record.replace('"final":false', '"final":true').replace("nas", "nas ")),
        replace(good, new_signature=good.old_signature),
        replace(good, new_signature="A" * 2000),
        replace(good, new_signature="ü"),
        replace(good, old_signature=sshsig.compact(old.sign(good.record.encode(), namespace=sshsig.TAGS_NAMESPACE))),
        replace(good, record="[" * 100_000),
        replace(good, record="A" * 130_000),
        replace(sign_rotation(ended, new=new), old_signature=good.old_signature),
    ]
    for signed in refused:
        with pytest.raises(Corrupt):
            open_rotation(signed)
    assert opened_rotations((*refused, good), by="homelab") == (word,)
    assert opened_rotations((good,), by="another") == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"old": "SHA256:short"},
        {"known": "A"},
        {"known": "A" * 16 * 5001},
        {"known": "ä" * 16},
        {"records": "A"},
        {"records": "A" * 16 * 2001},
        {"number": -1},
        {"head": "z"},
        {"machine": "../up"},
        {"by": "home*"},
        {"at": datetime(9999, 1, 1, tzinfo=UTC)},
        {"format": "drtool.hold/1"},
    ],
)
def test_what_says_too_much_is_not_admitted(keys: tuple[Signer, Signer, Signer], changes: dict[str, Any]) -> None:
    old, new, _thief = keys
    word = replace(_word(old, new), **changes)
    with pytest.raises(Corrupt):
        open_rotation(sign_rotation(word, new=new, old=old))


def test_a_field_of_a_later_release_is_covered_and_read_past(keys: tuple[Signer, Signer, Signer]) -> None:
    old, new, _thief = keys
    text = canonical({**json.loads(canonical(_word(old, new))), "later": 1})
    signatures = [sshsig.compact(each.sign(text, namespace=sshsig.ROTATION_NAMESPACE)) for each in (new, old)]
    assert open_rotation(SignedRotation("homelab", text.decode(), *signatures)) == _word(old, new)


def test_a_listing_gives_it_as_it_was_written(keys: tuple[Signer, Signer, Signer]) -> None:
    old, new, _thief = keys
    signed = sign_rotation(_word(old, new), new=new, old=old)
    row = {"id": "f" * 64, "tree": "e" * 64, "paths": ["/rotation.json"], "time": "2026-01-01T00:00:00Z", "tags": list(body_tags(signed))}
    longer = {**row, "tags": [*body_tags(replace(signed, record="A" * 130_000))]}
    found = read_snapshots([row, row, longer], repository="near", taken=NOW).listing
    assert found.rotations == (signed,)
    assert found.foreign == 1


_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def test_a_signature_that_is_spelt_otherwise_is_none(keys: tuple[Signer, Signer, Signer]) -> None:
    """Bits of base64 that say nothing, padding and the other alphabet would make one record look like several."""
    old, new, _thief = keys
    good = sign_rotation(_word(old, new), new=new, old=old)
    line = good.new_signature
    spelt = [line[:-1] + each for each in _DIGITS if each != line[-1]]
    spelt += [f"{line}=", f"{line}==", f" {line}", f"{line}\n"]
    spelt += [other for other in (line.replace("-", "+"), line.replace("_", "/")) if other != line]
    assert opened_rotations([replace(good, new_signature=each) for each in spelt], by="homelab") == ()
    for each in spelt:
        assert signer_of_tags(good.record.encode(), each) == ""


def test_an_armoured_signature_has_one_spelling(keys: tuple[Signer, Signer, Signer]) -> None:
    armoured = keys[0].sign(b"text")
    body = armoured.splitlines()[-2]
    bare = body.rstrip("=")
    assert bare != body, "there are bits that say nothing"
    plain = _DIGITS[:-2] + "+/"
    otherwise = bare[:-1] + plain[plain.index(bare[-1]) ^ 1] + body[len(bare) :]
    assert sshsig.verify(armoured, b"text")
    with pytest.raises(Corrupt):
        sshsig.verify(armoured.replace(body, otherwise), b"text")


def test_the_longest_last_word_fits_into_one_argument(keys: tuple[Signer, Signer, Signer]) -> None:
    old, new, _thief = keys
    token = "A" * TOKEN_CHARACTERS
    word = _word(old, new, final=True, known=token * KNOWN_MOST, records=token * RECORDS_MOST, since=NOW, number=1 << 40, head="a" * 64)
    signed = sign_rotation(word, new=new)
    assert open_rotation(signed) == word
    assert max(len(tag) for tag in body_tags(signed)) < 128 * 1024, "Linux takes no longer argument"


_SAID = [
    ("by", "homelab", "another"),
    ("set", "documents", "photos"),
    ("point", "01M0000000000000000000000A", "01M0000000000000000000000B"),
    ("run", "01M0000000000000000000000A", "01M0000000000000000000000B"),
    ("instant", "2026-01-01T00:00:00Z", "1999-01-01T00:00:00Z"),
    ("sealed", "2026-01-01T00:00:00Z", "1999-01-01T00:00:00Z"),
    ("complete", "yes", "no"),
    ("bytes", "1", "2"),
    ("files", "1", "2"),
    ("members", "1", "2"),
    ("artifacts", "1", "2"),
    ("trees", "aaaaaaaa", "bbbbbbbb"),
    ("digest", "d" * 64, "e" * 64),
    ("machine", "nas", "nas2"),
]
_POINT = {"role": "manifest", **{name: value for name, value, _other in _SAID}}


def _row(number: int, labels: dict[str, str]) -> dict[str, Any]:
    time = f"2026-01-01T00:00:{number:02}Z"
    return {"id": f"{number:064x}", "tree": "e" * 64, "paths": ["/manifest.json"], "time": time, "tags": list(to_tags(labels))}


def test_one_list_names_what_a_point_says() -> None:
    assert tuple(name for name, _value, _other in _SAID) == SAID_OF_A_POINT


@pytest.mark.parametrize(("name", "_value", "other"), _SAID)
def test_a_point_written_again_with_other_tags_hides_nothing(name: str, _value: str, other: str) -> None:
    good, otherwise = {**_POINT, "signature": "good"}, {**_POINT, name: other, "signature": "otherwise"}
    rows = [_row(1, good), _row(2, otherwise), _row(3, good)]
    found = read_snapshots(rows, repository="near", taken=NOW, signer_of=lambda _text, _signature: "SHA256:old").listing
    assert {each.manifest for each in found.points} == {f"{3:064x}", f"{2:064x}"}, "with the same tags, the later one"
    assert len({each.mark for each in found.points}) == len(found.points)
    assert {each.mark for each in found.points} == {mark(replace(each, mark="")) for each in found.points}
