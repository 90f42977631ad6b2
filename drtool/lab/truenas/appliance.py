"""The appliance itself: state, storage, jobs and whoever is connected, joined."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from drtool.lab.truenas.answers import Json
from drtool.lab.truenas.certificate import Certificate, ensure_certificate
from drtool.lab.truenas.connection import Connection
from drtool.lab.truenas.faults import Faults
from drtool.lab.truenas.jobs import Job, Jobs
from drtool.lab.truenas.ledger import Ledger
from drtool.lab.truenas.state import Key, State, fresh_state, load_state, new_boot_id, save_state
from drtool.lab.truenas.storage import Storage
from drtool.model.errors import Refused
from drtool.ports import Clock

TOKEN_SECONDS: Final = 300.0
_TRIES: Final = 20
_WINDOW_SECONDS: Final = 60.0
_HASTY_WINDOW_SECONDS: Final = 1.0


Witness = Callable[[str, Json, Json], None]
"""Is shown every request with its answer, and the release that its sender spoke: for tests that hold both against the vendor's models."""


@dataclass(frozen=True, slots=True)
class Token:
    """What lets somebody in for a while: whose it is, from where, until when, and the download it is for, if any."""

    user: str
    peer: str
    until: float
    job: int = 0
    filename: str = ""


@dataclass(slots=True)
class Appliance:
    """One simulated NAS below `directory`; everything here happens on one event loop, the storage's work beside it."""

    directory: str
    state: State
    storage: Storage
    clock: Clock
    hasty: bool = False
    """Waits only a tenth of what the vendor does, and forgets after a second how often somebody tried."""
    jobs: Jobs = field(init=False)
    faults: Faults = field(init=False)
    ledger: Ledger = field(init=False)
    sessions: set[Connection] = field(default_factory=set)
    tokens: dict[str, Token] = field(default_factory=dict)
    downloads: dict[int, bytes] = field(default_factory=dict)
    down_until: float = 0.0
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    witness: Witness = lambda _profile, _asked, _answer: None
    on_certificate: Callable[[Certificate], None] = lambda _certificate: None
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)
    _tries: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    _chores: list[asyncio.Future[object]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.jobs = Jobs(self.clock, self._publish)
        self.faults = Faults(os.path.join(self.directory, "faults.json"))
        self.ledger = Ledger(os.path.join(self.directory, "calls.jsonl"))

    def save(self) -> None:
        """Keep the state."""
        save_state(self.state, os.path.join(self.directory, "state.json"))

    async def run(self, work: Callable[[], object]) -> object:
        """Carry out what needs the storage, one at a time and off the loop; once begun it is brought to its end."""
        async with self._one_at_a_time:
            task = asyncio.ensure_future(asyncio.to_thread(work))
            try:
                return await asyncio.shield(task)
            except asyncio.CancelledError:
                await asyncio.wait([task])
                raise

    def note(self, method: str, params: Json, user: str, outcome: str) -> None:
        """Write a call down."""
        self.ledger.note(method=method, params=params, user=user, outcome=outcome, at=self.clock.now().timestamp())

    def is_limited(self, method: str, peer: str) -> bool:
        """Count a call of somebody not logged in; True when there were too many of them lately."""
        now = self.clock.monotonic()
        window = _HASTY_WINDOW_SECONDS if self.hasty else _WINDOW_SECONDS
        recent = [at for at in self._tries.get((method, peer), []) if now - at < window]
        self._tries[(method, peer)] = [*recent, now]
        return len(recent) >= _TRIES

    def scaled(self, seconds: float) -> float:
        """Return how long to wait where the vendor waits so long."""
        return seconds / 10 if self.hasty else seconds

    def new_token(self, user: str, peer: str, *, job: int = 0, filename: str = "", seconds: float = TOKEN_SECONDS) -> str:
        """Make a token and return it."""
        text = secrets.token_urlsafe(48)
        self.tokens[text] = Token(user, peer, self.clock.monotonic() + seconds, job, filename)
        return text

    def take_token(self, text: str, peer: str) -> Token | None:
        """Use up a token; None when there is none of that kind, it is too old, or it was for another place."""
        token = self.tokens.pop(text, None)
        return token if token is not None and token.peer == peer and token.until > self.clock.monotonic() else None

    def roles_of(self, user: str) -> list[str]:
        """Return the roles somebody has, none when he is gone."""
        found = self.state.users.get(user)
        return found.roles if found is not None else []

    def revoke(self, key: Key) -> None:
        """Make a key worthless; whoever came with it is thrown out."""
        key.revoked = True
        self.save()
        for session in [session for session in self.sessions if session.key is key]:
            session.cut()

    def renew_certificate(self) -> None:
        """Show another certificate to whoever connects from now on."""
        self.on_certificate(ensure_certificate(self.directory, self.clock.now(), fresh=True))

    def reboot(self, seconds: float) -> None:
        """Go down for a while: connections and jobs are gone, passphrases too, and ids of jobs begin anew."""
        self.down_until = self.clock.monotonic() + seconds
        for session in list(self.sessions):
            session.cut()
        self.jobs.forget()
        self.tokens.clear()
        self.downloads.clear()
        self.state.boot_id = new_boot_id()
        roots = [root for root, each in self.state.encryption.items() if not each.locked and not self.state.opens_by_itself(root)]
        for root in roots:
            self.state.encryption[root].locked = True
        self.save()
        self._chores.append(asyncio.ensure_future(self.run(lambda: self._unmount(roots))))

    def later(self, seconds: float, work: Callable[[], None]) -> None:
        """Do something in a while; may be asked for beside the loop."""
        self.loop.call_soon_threadsafe(self.loop.call_later, seconds, work)

    def _unmount(self, roots: Sequence[str]) -> None:
        for root in roots:
            for dataset in reversed(self.storage.datasets([root])):
                self.storage.unmount(dataset.name)

    def _publish(self, kind: str, job: Job) -> None:
        for session in list(self.sessions):
            session.tell("core.get_jobs", kind, job)


def open_state(directory: str, profile: str) -> State:
    """Return the state kept in a directory, a fresh one where there is none; Refused when it is of another release."""
    kept = load_state(os.path.join(directory, "state.json"))
    if kept is None:
        return fresh_state(profile)
    if kept.profile != profile:
        raise Refused(
            f"the appliance in {directory} is a TrueNAS {kept.profile}, not {profile}",
            hint=f"use --release {kept.profile}, or another --directory",
            safe="nothing there was changed",
        )
    kept.boot_id = new_boot_id()
    for root, encryption in kept.encryption.items():
        encryption.locked = encryption.locked or not kept.opens_by_itself(root)
    return kept
