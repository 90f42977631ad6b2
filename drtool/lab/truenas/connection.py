"""Who is connected, as the appliance and its methods know him: not by what carries his words."""

from __future__ import annotations

from typing import Protocol

from drtool.lab.truenas.answers import Json
from drtool.lab.truenas.jobs import Job
from drtool.lab.truenas.state import Key


class Connection(Protocol):
    """One connection, since when its user is somebody, and what he wants to be told."""

    peer: str
    secure: bool
    profile: str
    user: str
    key: Key | None
    proving: tuple[int, str] | None
    options: dict[str, Json]
    subscriptions: dict[str, str]

    def subscribe(self, event: str) -> str:
        """Tell of events from now on; returns the name of the subscription."""

    def tell(self, collection: str, kind: str, job: Job) -> None:
        """Send the news of a job to somebody who asked for them and may know."""

    def cut(self) -> None:
        """Be gone without a word; calls under way are carried out all the same."""
