from __future__ import annotations

import contextlib
import itertools
import os
import secrets

from drtool.model.errors import Refused
from drtool.model.secret import Secret, SecretReference

KEY_BYTES = 32
ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
"""Thirty-two characters that nobody mistakes for another: five bits each."""
GROUPS = 8
GROUP_CHARACTERS = 4
_PART = ".drtool-part"
_FRESH = ".rotation-new"
_ASIDE = ".rotation-old"
_KEPT = ".replaced-by-"


def fresh_passphrase() -> Secret:
    """Make a passphrase that a person can type from paper: 160 bits in eight groups of four."""
    groups = ("".join(secrets.choice(ALPHABET) for _ in range(GROUP_CHARACTERS)) for _ in range(GROUPS))
    return Secret("-".join(groups))


def beside(path: str) -> tuple[str, ...]:
    """Return the files beside a key file in which its rotations keep passphrases."""
    folder, name = os.path.split(path)
    try:
        names = os.listdir(folder or ".")
    except OSError:
        return ()
    ours = tuple(f"{name}{suffix}" for suffix in (_FRESH, _ASIDE, _KEPT))
    return tuple(sorted(os.path.join(folder, each) for each in names if each.startswith(ours)))


def is_missing(reference: SecretReference) -> bool:
    """Tell whether a `file:` reference points where surely nothing is; what may not be looked at may be there."""
    if reference.scheme != "file":
        return False
    try:
        os.lstat(reference.value)
    except FileNotFoundError:
        return True
    except OSError:
        pass
    return False


def make_key_file(reference: SecretReference) -> bool:
    """Write a fresh random key where a `file:` reference points and nothing is yet (0600); False when there is one, or no file is meant."""
    if reference.scheme != "file" or os.path.lexists(reference.value):
        return False
    write_key_file(reference.value, Secret(secrets.token_urlsafe(KEY_BYTES)))
    return True


def write_key_file(path: str, passphrase: Secret) -> None:
    """Write a key file (0600), whole or not at all and never over anything; Refused when something is there."""
    file = NewKeyFile(path)
    file.write(passphrase)
    file.finish()


class NewKeyFile:
    """A key file that takes its name only once its key opens something; until then it lies beside it as `.drtool-part`."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.part = f"{path}{_PART}"

    def require_free(self) -> None:
        """Refuse a name that is taken."""
        if os.path.lexists(self.path):
            raise self._refused(FileExistsError(17, "File exists"))

    def write(self, passphrase: Secret) -> None:
        """Write the passphrase to the part, over one that an earlier attempt left."""
        try:
            os.makedirs(os.path.dirname(self.path) or ".", mode=0o700, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.part)
            with os.fdopen(os.open(self.part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as stream:
                stream.write(passphrase.reveal() + "\n")
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            self.discard()
            raise self._refused(error) from None

    def read(self) -> Secret:
        """Return the passphrase in the part."""
        return _read(self.part)

    def finish(self) -> None:
        """Give the part its name; Refused when that is taken."""
        try:
            self.require_free()
            os.rename(self.part, self.path)
            _settle(self.path)
        except OSError as error:
            self.discard()
            raise self._refused(error) from None
        except Refused:
            self.discard()
            raise

    def discard(self) -> None:
        """Remove the part."""
        with contextlib.suppress(OSError):
            os.unlink(self.part)

    def _refused(self, error: OSError) -> Refused:
        return Refused(
            f"the key file {self.path} cannot be written: {error.strerror}",
            hint="name a file that does not exist yet" if isinstance(error, FileExistsError) else "make its folder, or run as root",
            safe="nothing was changed",
        )


def is_same_file(one: SecretReference, other: SecretReference) -> bool:
    """Tell whether two `file:` references lead to one file, by whatever links and spellings."""
    if (one.scheme, other.scheme) != ("file", "file"):
        return False
    first, second = (os.path.realpath(os.path.expanduser(each.value)) for each in (one, other))
    try:
        return first == second or os.path.samefile(first, second)
    except OSError:
        return False


def remove_key_file(reference: SecretReference) -> None:
    """Take back a key file that was made for a key no repository has, or no longer has."""
    os.unlink(reference.value)


class RotatingFile:
    """A key file that is being replaced: the fresh key lies beside it before, the one before it beside it after.

    Killed anywhere, the file itself is whole and holds the key from before or the fresh one; the two names beside it tell how far it came.
    """

    def __init__(self, reference: SecretReference) -> None:
        self.path = os.path.realpath(os.path.expanduser(reference.value))
        self.live = SecretReference("file", self.path)
        self.fresh = SecretReference("file", self.path + _FRESH)
        self.aside = SecretReference("file", self.path + _ASIDE)

    @property
    def is_begun(self) -> bool:
        """An earlier rotation left one of the two beside it."""
        return os.path.lexists(self.fresh.value) or self.is_aside

    @property
    def is_aside(self) -> bool:
        """The key from before is kept beside it."""
        return os.path.lexists(self.aside.value)

    @property
    def is_swapped(self) -> bool:
        """The file holds the fresh key already."""
        return self.is_aside and not os.path.lexists(self.fresh.value)

    def make_fresh(self) -> None:
        """Put a fresh key beside the file, with its owner; what lies there from an earlier attempt is used."""
        if not os.path.lexists(self.fresh.value):
            write_key_file(self.fresh.value, fresh_passphrase())

    def read_fresh(self) -> Secret:
        """Return the passphrase that lies beside the file."""
        return _read(self.fresh.value)

    def swap(self) -> None:
        """Keep the file beside itself and put the fresh key in its place, at once."""
        try:
            before = os.stat(self.path)
            if os.geteuid() == 0:
                os.chown(self.fresh.value, before.st_uid, before.st_gid)
            if not self.is_aside:
                os.link(self.path, self.aside.value)
            if not os.path.samefile(self.path, self.aside.value):
                raise Refused(
                    f"{self.aside.value} is in the way", hint="look which key it holds, and move it away", safe=f"{self.path} is as it was"
                )
            os.replace(self.fresh.value, self.path)
            _settle(self.path)
        except OSError as error:
            raise Refused(
                f"the key file {self.path} cannot be replaced: {error.strerror}",
                hint="run as its owner or as root, where its folder can be written; then rotate again",
                safe=f"{self.path} still opens the repository",
            ) from None

    def finish(self, fresh_id: str) -> str:
        """End the rotation and return where the passphrase from before lies now: who else was opened with this file, nobody knows here."""
        names = (f"{self.path}{_KEPT}{fresh_id}{-number or ''}" for number in itertools.count())
        kept = next(name for name in names if not os.path.lexists(name))
        os.rename(self.aside.value, kept)
        _settle(self.path)
        return kept


def _read(path: str) -> Secret:
    with open(path, encoding="ascii") as stream:
        return Secret(stream.read().removesuffix("\n"))


def _settle(path: str) -> None:
    """Have the folder's entries on the disk."""
    descriptor = os.open(os.path.dirname(path) or ".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
