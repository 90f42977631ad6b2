"""Whose key is never rotated away: one file in every spelling, and whoever is let in with it; no repository is asked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Never

import pytest

from drtool.app.composition import make_secrets
from drtool.app.keys.rotate import rotate_key
from drtool.model.errors import Refused
from drtool.model.policy import Address, DrillPolicy, Policy, RepositoryPolicy
from drtool.model.secret import SecretReference, parse_reference

SAME_FILE = ("{0}/key", "{0}/../{1}/key", "{0}//key", "{0}/link", "{0}/loop/key", "{0}/hard")


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of key files: `key`, in all its spellings, a `copy` of it, and one of another."""
    monkeypatch.setenv("SAME", "a passphrase")
    (tmp_path / "key").write_text("a passphrase\n")
    (tmp_path / "copy").write_text("a passphrase\n")
    (tmp_path / "another").write_text("another\n")
    for name in ("key", "copy", "another"):
        (tmp_path / name).chmod(0o600)
    (tmp_path / "link").symlink_to("key")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "hard").hardlink_to(tmp_path / "key")
    return tmp_path


def _reference(text: str, keys: Path) -> SecretReference:
    reference = parse_reference(text.format(keys, keys.name))
    assert reference is not None
    return reference


def _policy(keys: Path, *, other: str, near: str = "file:{0}/key") -> Policy:
    first, second = (Address(f"/srv/{name}", _reference(text, keys)) for name, text in (("near", near), ("other", other)))
    repositories = {"near": RepositoryPolicy("near", first, ""), "other": RepositoryPolicy("other", second, "")}
    return Policy("keyed", "", repositories, {}, {})


def _no_ring(reference: SecretReference) -> Never:
    raise LookupError(f"a repository would be asked with {reference}")


def _refused(policy: Policy, keys: Path, who: str) -> None:
    before = sorted(path.name for path in keys.iterdir())
    with pytest.raises(Refused, match=f"opens {who}.* too"):
        rotate_key(policy, "near", ring_with=_no_ring, secrets=make_secrets())
    assert sorted(path.name for path in keys.iterdir()) == before
    assert (keys / "key").read_text() == "a passphrase\n"


@pytest.mark.parametrize("spelling", [*(f"file:{each}" for each in SAME_FILE), "command:cat {0}/key", "env:SAME"])
def test_of_another_repository(keys: Path, spelling: str) -> None:
    _refused(_policy(keys, other=spelling), keys, "other")


@pytest.mark.parametrize("spelling", SAME_FILE)
def test_the_other_way_round(keys: Path, spelling: str) -> None:
    _refused(_policy(keys, near=f"file:{spelling}", other="file:{0}/key"), keys, "other")


def test_of_a_drill_of_a_machine_elsewhere_and_of_what_signs(keys: Path) -> None:
    policy, link = _policy(keys, other="file:{0}/another"), _reference("file:{0}/link", keys)
    drill = DrillPolicy("away", (), "other", "lab", key=link)
    other = policy.repositories["other"]
    seen = replace(other, seen_from={"pi": replace(other.address, password=link)})
    store = replace(other, address=replace(other.address, environment={"AWS_SECRET_ACCESS_KEY": link}))
    _refused(replace(policy, drills={"away": drill}), keys, "the drill away")
    _refused(replace(policy, repositories={**policy.repositories, "other": seen}), keys, "other")
    _refused(replace(policy, repositories={**policy.repositories, "other": store}), keys, "AWS_SECRET_ACCESS_KEY of other")
    _refused(replace(policy, evidence_key=link), keys, "the evidence")


@pytest.mark.parametrize("other", ["file:{0}/copy", "file:{0}/another", "file:{0}/gone", "env:GONE", "command:cat {0}/another"])
def test_what_goes_on_opening_is_in_nobodys_way(keys: Path, other: str) -> None:
    with pytest.raises(LookupError, match="would be asked"):
        rotate_key(_policy(keys, other=other), "near", ring_with=_no_ring, secrets=make_secrets())
