"""A key file that is being replaced, and whether what lies beside it was left by a rotation of ours."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import shlex
import stat
from collections.abc import Iterator

from drtool.model.errors import Locked, Refused
from drtool.model.secret import Secret, SecretReference
from drtool.openness import opening_of, opening_of_links
from drtool.secrets.keyfile import ASIDE, FRESH, KEPT, fresh_passphrase, is_fresh, settle, write_key_file

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_MOST_BYTES = 1 << 10


class RotatingFile:
    """A key file that is being replaced: the fresh key lies beside it before, the one before it beside it after.

    Killed anywhere, the file itself is whole and holds the key from before or the fresh one; the two names beside it tell how far it came.
    They are believed only where `faults` finds none.
    """

    def __init__(self, reference: SecretReference) -> None:
        self._named = os.path.expanduser(reference.value)
        self.path = os.path.realpath(self._named)
        self.live = SecretReference("file", self.path)
        self.fresh = SecretReference("file", self.path + FRESH)
        self.aside = SecretReference("file", self.path + ASIDE)
        self._held = contextlib.ExitStack()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep a second rotation of this file out, whichever state directory it works with; Locked when one is going on."""
        with self._held:
            try:
                descriptor = os.open(self.path, _READ)
                self._held.callback(os.close, descriptor)
                facts = os.fstat(descriptor)
                is_ours = _locked(descriptor) and os.path.samestat(facts, os.stat(self.path))
            except OSError as error:
                raise Refused(
                    f"the key file {self.path} cannot be read: {error.strerror}", hint=f"look at {self.path}", safe="nothing was changed"
                ) from None
            if not stat.S_ISREG(facts.st_mode):
                raise Refused(f"{self.path} is no regular file", hint="only a file can be replaced", safe="nothing was changed")
            if not is_ours:
                raise Locked(
                    f"the key file {self.path} is being replaced by another rotation",
                    hint="wait for that one, then look: drtool key list",
                    safe="that rotation goes on undisturbed",
                )
            yield

    @property
    def is_begun(self) -> bool:
        """An earlier rotation left one of the two beside it."""
        return self._is_fresh or self._is_aside

    @property
    def is_swapped(self) -> bool:
        """The file holds the fresh key already."""
        return self._is_aside and not self._is_fresh and not self._is_linked

    @property
    def is_fresh_lost(self) -> bool:
        """A rotation was killed before the file was replaced, and its fresh key was taken away since."""
        return self._is_linked and not self._is_fresh

    @property
    def _is_fresh(self) -> bool:
        return os.path.lexists(self.fresh.value)

    @property
    def _is_aside(self) -> bool:
        return os.path.lexists(self.aside.value)

    @property
    def _is_linked(self) -> bool:
        """The file and what is kept beside it are one file still."""
        try:
            return os.path.samestat(os.lstat(self.path), os.lstat(self.aside.value))
        except OSError:
            return False

    def faults(self) -> tuple[Refused, ...]:
        """Say what a rotation is refused for: who else may write beside the file, and what lies there that no rotation of ours left."""
        found = []
        opening = opening_of(os.path.dirname(self.path)) or opening_of_links(self._named)
        if opening is not None:
            found.append(
                Refused(
                    f"{opening.words}: a passphrase of somebody else's may be put beside {self.path}, or in its place",
                    hint=f"{opening.remedy}; or keep the key in a folder where nobody else may write",
                    safe="nothing was changed",
                )
            )
        for opened in (self._opened_fresh, self._opened_aside):
            try:
                with opened():
                    pass
            except Refused as fault:
                found.append(fault)
            except OSError:  # nothing is there; what cannot be read is refused when it is needed
                continue
        return tuple(found)

    def make_fresh(self) -> None:
        """Put a fresh key beside the file; what lies there from an earlier attempt is used."""
        if not self._is_fresh:
            write_key_file(self.fresh.value, fresh_passphrase())

    def read_fresh(self) -> Secret:
        """Return the passphrase that lies beside the file."""
        with self._opened_fresh() as (_descriptor, data):
            return Secret(data.decode("ascii").removesuffix("\n"))

    def drop_aside(self) -> None:
        """Begin anew after a fresh key was lost: take away the second name of the file."""
        if self._is_linked:
            os.unlink(self.aside.value)

    def swap(self) -> None:
        """Keep the file beside itself and put the fresh key in its place, at once, with its owner."""
        try:
            before = os.stat(self.path)
            descriptor, _data = self._held.enter_context(self._opened_fresh())
            if os.geteuid() == 0:
                os.fchown(descriptor, before.st_uid, before.st_gid)
            _locked(descriptor)  # from here on it is the file that a second rotation meets
            if not self._is_aside:
                os.link(self.path, self.aside.value)
            if not self._is_linked:
                raise Refused(
                    f"{self.aside.value} is in the way", hint="look which key it holds, and move it away", safe=f"{self.path} is as it was"
                )
            os.replace(self.fresh.value, self.path)
            settle(self.path)
        except OSError as error:
            raise Refused(
                f"the key file {self.path} cannot be replaced: {error.strerror}",
                hint="run as its owner or as root, where its folder can be written; then rotate again",
                safe=f"{self.path} still opens the repository",
            ) from None

    def finish(self, fresh_id: str) -> str:
        """End the rotation and return where the passphrase from before lies now: who else was opened with this file, nobody knows here."""
        names = (f"{self.path}{KEPT}{fresh_id}{-number or ''}" for number in itertools.count())
        kept = next(name for name in names if not os.path.lexists(name))
        os.rename(self.aside.value, kept)
        settle(self.path)
        return kept

    @contextlib.contextmanager
    def _opened_fresh(self) -> Iterator[tuple[int, bytes]]:
        with self._opened(self.fresh.value) as (descriptor, data):
            names = os.fstat(descriptor).st_nlink
            if names != 1:
                raise _not_left_by_us(self.fresh.value, f"it has {names} names")
            if not is_fresh(data):
                raise _not_left_by_us(self.fresh.value, "it holds no passphrase that drtool makes")
            yield descriptor, data

    @contextlib.contextmanager
    def _opened_aside(self) -> Iterator[tuple[int, bytes]]:
        """Open what was kept beside the file: it says that the file was replaced, which then holds what drtool makes."""
        with self._opened(self.aside.value) as (descriptor, data):
            if not self._is_linked and self._is_fresh:
                raise _not_left_by_us(self.aside.value, f"{self.path} has not been replaced")
            if self.is_swapped:
                with open(self.path, "rb") as stream:
                    if not is_fresh(stream.read(_MOST_BYTES)):
                        raise _not_left_by_us(self.aside.value, f"{self.path} holds no passphrase that drtool makes")
            yield descriptor, data

    @contextlib.contextmanager
    def _opened(self, path: str) -> Iterator[tuple[int, bytes]]:
        """Open a file beside this one; Refused where somebody else may have put it there, or may know what it holds."""
        owners = {os.geteuid(), os.stat(self.path).st_uid} if os.geteuid() == 0 else {os.geteuid()}
        _require_private(path, os.lstat(path), owners)
        descriptor = os.open(path, _READ)
        try:
            _require_private(path, os.fstat(descriptor), owners)
            yield descriptor, os.read(descriptor, _MOST_BYTES)
        finally:
            os.close(descriptor)


def _require_private(path: str, facts: os.stat_result, owners: set[int]) -> None:
    mode = stat.S_IMODE(facts.st_mode)
    if stat.S_ISLNK(facts.st_mode):
        raise _not_left_by_us(path, "it is a symbolic link")
    if not stat.S_ISREG(facts.st_mode):
        raise _not_left_by_us(path, "it is no regular file")
    if facts.st_uid not in owners:
        raise _not_left_by_us(path, f"it belongs to user {facts.st_uid}")
    if mode & 0o077:
        raise _not_left_by_us(path, f"others may read or write it (mode {mode:04o})")


def _not_left_by_us(path: str, why: str) -> Refused:
    """Say what was put there by somebody else; what may be an old key is not lost by following the hint."""
    is_fresh_one = path.endswith(FRESH)
    away = "remove it" if is_fresh_one else "move it away; drtool key list tells whether an old key is left in the repository"
    return Refused(
        f"{path} was not left by a rotation of the key: {why}",
        hint=f"look who put it there (ls -l {shlex.quote(path)}), and {away}",
        safe="nothing was changed",
    )


def _locked(descriptor: int) -> bool:
    """Lock a file as long as it is open here; False when somebody else has it locked. Some network file systems have no locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
