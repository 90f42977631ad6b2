"""What the appliance knows besides its datasets, kept in one file of its directory."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from dataclasses import asdict, dataclass, field
from typing import Final

from drtool.lab.truenas.answers import Json

PROFILES: Final = ("25.04", "25.10", "26")
_VERSIONS: Final = {"25.04": "25.04.2.6", "25.10": "25.10.5", "26": "26.0.0"}
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
KEY_LETTERS: Final = 64
ROUNDS: Final = 4096
"""Of deriving what proves a key; the vendor's are many more."""


@dataclass(slots=True)
class User:
    """Somebody who may log in, and what the privileges of his groups allow."""

    name: str
    roles: list[str]


@dataclass(slots=True)
class Key:
    """An API key: whose it is, and the digest of the secret part."""

    id: int
    name: str
    user: str
    digest: str
    revoked: bool = False
    salt: str = ""
    stored_key: str = ""
    server_key: str = ""
    """What proves that somebody has the key without his showing it (RFC 5802), in hexadecimal."""


@dataclass(slots=True)
class Encryption:
    """An encryption root: key format HEX or PASSPHRASE, what opens it, and whether it is locked.

    Of a passphrase only a digest is kept. A clone has the key of its `origin`, and opens with it.
    """

    format: str
    secret: str
    locked: bool = False
    iterations: int = 350_000
    origin: str = ""

    def opens(self, given: str) -> bool:
        """Tell whether what was given is the key or the passphrase."""
        return self.secret == (digest_of(given) if self.format == "PASSPHRASE" else given)


@dataclass(slots=True)
class State:
    """Everything that survives a restart, apart from the data itself."""

    profile: str
    boot_id: str
    host_id: str
    seed: str
    users: dict[str, User] = field(default_factory=dict)
    keys: dict[int, Key] = field(default_factory=dict)
    shares: list[dict[str, Json]] = field(default_factory=list)
    tasks: list[dict[str, Json]] = field(default_factory=list)
    guests: list[dict[str, Json]] = field(default_factory=list)
    """Virtual machines: number, name, whether it runs, its disks."""
    apps: list[dict[str, Json]] = field(default_factory=list)
    """Apps: name, whether it runs, the paths of the host that it uses."""
    quotas: dict[str, list[dict[str, Json]]] = field(default_factory=dict)
    """By dataset what single users and groups may use of it."""
    encryption: dict[str, Encryption] = field(default_factory=dict)
    stored_keys: dict[str, str] = field(default_factory=dict)
    """The keys in the appliance's database, by the name under which each was written: a rename leaves them where they are."""
    last_id: int = 0
    uploads: int = 0

    @property
    def version(self) -> str:
        """The release this profile stands for."""
        return _VERSIONS[self.profile]

    def at_least(self, profile: str) -> bool:
        """Tell whether this is that release or a later one."""
        return PROFILES.index(self.profile) >= PROFILES.index(profile)

    def next_id(self) -> int:
        """Return a number nobody had."""
        self.last_id += 1
        return self.last_id

    def add_key(self, user: str, name: str) -> str:
        """Make an API key and return it: its number, a dash, and 64 letters."""
        number = max(self.keys, default=0) + 1
        text = f"{number}-{''.join(secrets.choice(_LETTERS) for _ in range(KEY_LETTERS))}"
        salt = secrets.token_bytes(16)
        salted = hashlib.pbkdf2_hmac("sha512", text.partition("-")[2].encode(), salt, ROUNDS)
        client, server = (hmac.new(salted, words, "sha512").digest() for words in (b"Client Key", b"Server Key"))
        stored = hashlib.sha512(client).hexdigest()
        self.keys[number] = Key(number, name, user, digest_of(text), salt=salt.hex(), stored_key=stored, server_key=server.hex())
        return text

    def key_of(self, text: str) -> Key | None:
        """Return the key somebody shows, if there is such a one; a revoked one too."""
        number = text.partition("-")[0]
        key = self.keys.get(int(number)) if number.isdigit() else None
        return key if key is not None and secrets.compare_digest(key.digest, digest_of(text)) else None

    def root_of(self, dataset: str) -> str | None:
        """Return the encryption root of a dataset, None when it is not encrypted."""
        roots = [root for root in self.encryption if f"{dataset}/".startswith(f"{root}/")]
        return max(roots, key=len, default=None)

    def is_locked(self, dataset: str) -> bool:
        """Tell whether the dataset's key is not loaded."""
        root = self.root_of(dataset)
        return root is not None and self.encryption[root].locked

    def opens_by_itself(self, root: str) -> bool:
        """Tell whether the database has the key of a root, so that a boot unlocks it."""
        each = self.encryption[root]
        if each.origin in self.encryption:
            return self.opens_by_itself(each.origin)
        return each.format == "HEX" and each.opens(self.stored_keys.get(root, ""))


def digest_of(text: str) -> str:
    """Return the SHA-256 of a text, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def fresh_state(profile: str) -> State:
    """Return the state of an appliance just unpacked."""
    return State(profile=profile, boot_id=new_boot_id(), host_id=secrets.token_hex(32), seed=secrets.token_hex(32))


def new_boot_id() -> str:
    """Return an id as Linux gives each boot one."""
    text = secrets.token_hex(16)
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def load_state(path: str) -> State | None:
    """Return the state kept at `path`, None where there is none."""
    try:
        with open(path, encoding="utf-8") as stream:
            kept = json.load(stream)
    except FileNotFoundError:
        return None
    kept["users"] = {name: User(**each) for name, each in kept["users"].items()}
    kept["keys"] = {int(number): Key(**each) for number, each in kept["keys"].items()}
    kept["encryption"] = {name: Encryption(**each) for name, each in kept["encryption"].items()}
    return State(**kept)


def save_state(state: State, path: str) -> None:
    """Keep the state at `path`, in one move."""
    write_json(path, asdict(state))


def write_json(path: str, value: Json) -> None:
    """Write a file of JSON in one move, readable by its owner only."""
    fresh = f"{path}.{secrets.token_hex(4)}"
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as stream:
        json.dump(value, stream)
    os.replace(fresh, path)
