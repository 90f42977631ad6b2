from __future__ import annotations

import contextlib
import os
import secrets

from drtool.model.errors import Refused
from drtool.model.secret import Secret, SecretReference
from drtool.openness import opening_of

KEY_BYTES = 32
ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
"""Thirty-two characters that nobody mistakes for another: five bits each."""
GROUPS = 8
GROUP_CHARACTERS = 4
_PART = ".drtool-part"
FRESH = ".rotation-new"
ASIDE = ".rotation-old"
KEPT = ".replaced-by-"


def fresh_passphrase() -> Secret:
    """Make a passphrase that a person can type from paper: 160 bits in eight groups of four."""
    groups = ("".join(secrets.choice(ALPHABET) for _ in range(GROUP_CHARACTERS)) for _ in range(GROUPS))
    return Secret("-".join(groups))


def is_fresh(data: bytes) -> bool:
    """Tell whether a file's bytes are exactly what is written of a fresh passphrase."""
    groups = data.decode("ascii", "replace").removesuffix("\n").split("-")
    shaped = all(len(group) == GROUP_CHARACTERS and set(group) <= set(ALPHABET) for group in groups)
    return shaped and len(groups) == GROUPS and data.endswith(b"\n")


def beside(path: str) -> tuple[str, ...]:
    """Return the files beside a key file in which its rotations keep passphrases."""
    folder, name = os.path.split(path)
    try:
        names = os.listdir(folder or ".")
    except OSError:
        return ()
    ours = tuple(f"{name}{suffix}" for suffix in (FRESH, ASIDE, KEPT))
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
        """Refuse a name that is taken, and one where anybody may put another file in the key's place."""
        if os.path.lexists(self.path):
            raise self._refused(FileExistsError(17, "File exists"))
        opening = opening_of(self.path)
        if opening is not None and opening.anybody:
            raise Refused(
                f"{opening.words}: another key may be put in the place of {self.path}",
                hint=f"{opening.remedy}; or keep the key in a folder where nobody else may write",
                safe="nothing was changed",
            )

    def write(self, passphrase: Secret) -> None:
        """Write the passphrase to the part, over one that an earlier attempt left."""
        self.require_free()
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
            settle(self.path)
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


def _read(path: str) -> Secret:
    with open(path, encoding="ascii") as stream:
        return Secret(stream.read().removesuffix("\n"))


def settle(path: str) -> None:
    """Have the folder's entries on the disk."""
    descriptor = os.open(os.path.dirname(path) or ".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
