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
from drtool.catalog.signer import Signer, key_file_signer
from drtool.model.codec import canonical
from drtool.model.errors import Corrupt
from drtool.model.rotation import Rotation, SignedRotation
from drtool.offsite.restic.labels import body_tags
from drtool.offsite.restic.translate import read_snapshots

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
