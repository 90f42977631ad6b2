"""An old passphrase is called dead only once it opens nothing; a ring in memory answers what restic rarely does."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from drtool.app.composition import make_secrets
from drtool.app.keys.rotate import rotate_key
from drtool.model.errors import Refused, WrongKey
from drtool.model.key import RepositoryKey, RotatedKey
from drtool.model.policy import Address, Policy, RepositoryPolicy
from drtool.model.secret import Secret, SecretReference
from drtool.ports import KeyRing

NOW = datetime(2026, 11, 23, 14, tzinfo=UTC)


@dataclass
class Repository:
    """Keys by their ids; `stays` are never removed, and `tells` is whether an id is told."""

    keys: dict[str, str] = field(default_factory=dict)
    stays: tuple[str, ...] = ()
    tells: bool = True

    def opened(self, reference: SecretReference) -> KeyRing:
        return Ring(self, Path(reference.value).read_text().strip())


@dataclass
class Ring:
    """The keys of a repository, opened with one passphrase."""

    repository: Repository
    passphrase: str
    name: str = "near"
    needs_white_space: bool = False

    def current(self) -> str:
        for key, passphrase in self.repository.keys.items():
            if passphrase == self.passphrase:
                return key if self.repository.tells or not key.startswith("old") else ""
        raise WrongKey("it does not open")

    def list_keys(self) -> tuple[RepositoryKey, ...]:
        current = next(key for key, passphrase in self.repository.keys.items() if passphrase == self.passphrase)
        return tuple(RepositoryKey(key, "a", "b", NOW, key == current) for key in self.repository.keys)

    def add(self, secret: Secret, *, user: str, host: str) -> None:
        self.repository.keys[f"new{len(self.repository.keys)}"] = secret.reveal() if user and host else ""

    def remove(self, key: str) -> None:
        if key not in self.repository.stays:
            del self.repository.keys[key]


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "near.key"
    path.write_text("before\n")
    path.chmod(0o600)
    return path


def rotate(key: Path, repository: Repository) -> RotatedKey:
    near = RepositoryPolicy("near", Address("/srv/near", SecretReference("file", str(key))), "")
    return rotate_key(Policy("keyed", "", {"near": near}, {}, {}), "near", ring_with=repository.opened, secrets=make_secrets())


@pytest.mark.parametrize("count", [1, 2, 5])
def test_every_key_of_the_old_passphrase_goes(key: Path, count: int) -> None:
    repository = Repository({"paper": "in the safe", **{f"old{number}": "before" for number in range(count)}})
    rotated = rotate(key, repository)
    assert "before" not in repository.keys.values()
    assert repository.keys["paper"] == "in the safe"
    assert (rotated.removed, len(rotated.removed_too)) == ("old0", count - 1)


@pytest.mark.parametrize(
    "repository",
    [Repository({"old0": "before", "old1": "before"}, stays=("old1",)), Repository({"old0": "before"}, tells=False)],
    ids=["is not removed", "has no id"],
)
def test_one_that_goes_on_opening_ends_red_and_the_next_call_goes_on(key: Path, repository: Repository) -> None:
    with pytest.raises(Refused, match="still opens it"):
        rotate(key, repository)
    fresh = key.read_text().strip()
    assert fresh in repository.keys.values()
    assert (key.parent / "near.key.rotation-old").read_text() == "before\n"
    repository.stays, repository.tells = (), True
    rotated = rotate(key, repository)
    assert rotated.resumed
    assert key.read_text().strip() == fresh
    assert set(repository.keys.values()) == {fresh}
