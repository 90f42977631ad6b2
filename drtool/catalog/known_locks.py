"""What was learnt of locks, versions and the index, so that it need not be asked again: a cache, in one file of the state directory.

A lock in COMPLIANCE mode only grows, so what was once told of it stays true as "at least". In GOVERNANCE mode it is believed for less
than a day. What a version holds, and which packs a file of the index names, never changes: but of the version `null`, which a bucket that
keeps no versions writes over, nothing is remembered.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from drtool.catalog.immutable_log import LetGo
from drtool.catalog.storage import make_folder
from drtool.model.immutable import COMPLIANCE, History, Lock

_BELIEVED: Final = timedelta(hours=20)
_KEPT_EACH: Final = 2000
_WRITTEN_OVER: Final = "null"
_SHORT_ID: Final = 8
_TABLES: Final = """
CREATE TABLE IF NOT EXISTS locks(name TEXT, version TEXT, mode TEXT, until REAL, asked REAL, PRIMARY KEY(name, version)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS contents(name TEXT, version TEXT, good INTEGER, PRIMARY KEY(name, version)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS indexes(number INTEGER PRIMARY KEY, name TEXT UNIQUE);
CREATE TABLE IF NOT EXISTS packs(pack BLOB, number INTEGER, PRIMARY KEY(pack, number)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS needless(name TEXT, marker TEXT, PRIMARY KEY(name, marker)) WITHOUT ROWID;
CREATE TEMP TABLE counted(number INTEGER PRIMARY KEY);
"""


class KnownLocks:
    """What is known of one repository's bucket; used by one thread. One that cannot be read is made anew.

    `accepted` is when a person last said that the repository is right as it is.
    """

    def __init__(self, state_directory: str, repository: str, *, now: datetime, accepted: datetime | None = None) -> None:
        self.path = os.path.join(state_directory, "immutable", f"{repository}.sqlite")
        self._now = now
        self._accepted = accepted
        self._let_go = LetGo(state_directory, repository).read()
        make_folder(os.path.dirname(self.path))
        try:
            self._open()
        except sqlite3.DatabaseError:
            for end in ("", "-wal", "-shm"):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(self.path + end)
            self._open()

    def _open(self) -> None:
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        self._base = sqlite3.connect(self.path)
        self._base.executescript(_TABLES)
        self._base.execute("PRAGMA synchronous=OFF")  # a cache

    def close(self) -> None:
        """Keep what was learnt."""
        self._base.commit()
        self._base.close()

    def lock_of(self, name: str, version: str) -> Lock | None:
        """Return a lock that holds at least so long; None where it has to be asked for."""
        row = self._base.execute("SELECT mode, until, asked FROM locks WHERE name=? AND version=?", (name, version)).fetchone()
        if row is None or (row[0] != COMPLIANCE and self._now - datetime.fromtimestamp(row[2], UTC) > _BELIEVED):
            return None
        return Lock(row[0], datetime.fromtimestamp(row[1], UTC))

    def learn_lock(self, name: str, version: str, lock: Lock) -> None:
        """Remember what a lock is."""
        if version == _WRITTEN_OVER:
            return
        row = (name, version, lock.mode, lock.until.timestamp(), self._now.timestamp())
        self._base.execute("INSERT OR REPLACE INTO locks VALUES(?,?,?,?,?)", row)
        if self._base.total_changes % _KEPT_EACH == 0:  # whoever is killed has asked for most of it
            self._base.commit()

    def is_good(self, name: str, version: str) -> bool | None:
        """Tell whether a version was read and is what its name says; None where it was not read."""
        row = self._base.execute("SELECT good FROM contents WHERE name=? AND version=?", (name, version)).fetchone()
        return None if row is None else bool(row[0])

    def learn_content(self, name: str, version: str, *, good: bool) -> None:
        """Remember what a version that was read is; kept at once, as reading costs."""
        if version == _WRITTEN_OVER:
            return
        self._base.execute("INSERT OR REPLACE INTO contents VALUES(?,?,?)", (name, version, int(good)))
        self._base.commit()

    def knows_index(self, name: str) -> bool:
        """Tell whether the packs of a file of the index are known."""
        return self._base.execute("SELECT 1 FROM indexes WHERE name=?", (name,)).fetchone() is not None

    def learn_index(self, name: str, packs: Iterable[str]) -> None:
        """Remember all packs that a file of the index names, or none."""
        number = self._base.execute("INSERT INTO indexes(name) VALUES(?)", (name,)).lastrowid
        try:
            self._base.executemany("INSERT OR IGNORE INTO packs VALUES(?,?)", ((bytes.fromhex(pack), number) for pack in packs))
        except BaseException:
            self._base.rollback()
            raise
        self._base.commit()

    def explains(self, hidden: History) -> bool:
        """Tell whether a delete marker is no loss: this machine removed that snapshot, or a person said since that all is right."""
        if self._accepted is not None and hidden.versions[0].written <= self._accepted:
            return True
        named = hidden.identity in self._let_go or hidden.identity[:_SHORT_ID] in self._let_go
        return hidden.name.startswith("snapshots/") and named

    def learn_needless(self, hidden: History) -> None:
        """Remember that no point that is listed needs a file of the index as long as this marker hides it."""
        if hidden.versions[0].id != _WRITTEN_OVER:
            self._base.execute("INSERT OR IGNORE INTO needless VALUES(?,?)", (hidden.name, hidden.versions[0].id))
            self._base.commit()

    def is_needless(self, hidden: History) -> bool:
        """Tell whether that is remembered."""
        row = (hidden.name, hidden.versions[0].id)
        return self._base.execute("SELECT 1 FROM needless WHERE name=? AND marker=?", row).fetchone() is not None

    def count_only(self, names: Iterable[str]) -> None:
        """Go by these files of the index from now on, and by no other that is known."""
        self._base.execute("DELETE FROM counted")
        self._base.executemany("INSERT OR IGNORE INTO counted SELECT number FROM indexes WHERE name=?", ((name,) for name in names))
        self._base.commit()

    def forget_indexes_but(self, names: Iterable[str]) -> None:
        """Forget the packs that only files of the index named that are not among these."""
        kept = set(names)
        over = [(number,) for number, name in self._base.execute("SELECT number, name FROM indexes") if name not in kept]
        self._base.executemany("DELETE FROM packs WHERE number=?", over)
        self._base.executemany("DELETE FROM indexes WHERE number=?", over)
        self._base.commit()

    def needs(self, pack: str) -> bool:
        """Tell whether the files of the index that count name a pack."""
        return (
            self._base.execute("SELECT 1 FROM packs JOIN counted USING(number) WHERE pack=? LIMIT 1", (bytes.fromhex(pack),)).fetchone()
            is not None
        )

    def packs(self) -> int:
        """Count the packs that they name."""
        return int(self._base.execute("SELECT COUNT(DISTINCT pack) FROM packs JOIN counted USING(number)").fetchone()[0])


@contextlib.contextmanager
def known_locks(state_directory: str, repository: str, *, now: datetime, accepted: datetime | None = None) -> Iterator[KnownLocks]:
    """Open what is known; it is kept whatever ends the work."""
    known = KnownLocks(state_directory, repository, now=now, accepted=accepted)
    try:
        yield known
    finally:
        known.close()
