"""The keys of a repository: each passphrase opens the same master key."""

from __future__ import annotations

from datetime import UTC, datetime

from drtool.model.errors import Refused
from drtool.model.key import ID_CHARACTERS, RepositoryKey
from drtool.model.secret import Secret
from drtool.repositories.restic import command as commands
from drtool.repositories.restic.call import Call
from drtool.repositories.restic.client import ResticClient
from drtool.repositories.restic.output import parse_document
from drtool.repositories.restic.repository import ResticRepository

MOST_KEYS = 20
"""restic tries no more of them before it gives up."""


class ResticKeys:
    """The KeyRing port over restic; opens the repository as the given one does."""

    def __init__(self, repository: ResticRepository) -> None:
        self.name = repository.name
        self._client: ResticClient = repository.client

    def list_keys(self) -> tuple[RepositoryKey, ...]:
        completed = self._client.run(Call(commands.KEYS, "list its keys"))
        try:
            return tuple(sorted(map(_key, parse_document(completed.standard_output)), key=lambda key: (key.created, key.id)))
        except (ValueError, KeyError, TypeError) as error:
            raise Refused(f"the list of keys of {self.name} cannot be read: {error}", hint=f"drtool doctor {self.name}") from None

    @property
    def needs_white_space(self) -> bool:
        return self._client.access().needs_white_space

    def current(self) -> str:
        self._client.identity()
        try:
            return next((key.id for key in self.list_keys() if key.current), "")
        except Refused:  # an old restic writes a lock to list keys, which a reader may not
            return ""

    def add(self, secret: Secret, *, user: str, host: str) -> None:
        if len(self.list_keys()) >= MOST_KEYS:
            raise Refused(
                f"{self.name} has {MOST_KEYS} keys, and restic tries no more than that",
                hint=f"drtool key list {self.name}, then: drtool key remove {self.name} ID, for one that nobody needs",
                safe="nothing was changed",
            )
        arguments = commands.add_key(user=user, host=host)
        self._client.run(Call(arguments, "add a key", standard_input=secret.reveal().encode() + b"\n"))

    def remove(self, key: str) -> None:
        self._client.run(Call(commands.remove_key(key), "remove a key"))


def _key(entry: dict[str, object]) -> RepositoryKey:
    made = datetime.strptime(str(entry["created"]), "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007 - restic tells it in this machine's zone
    return RepositoryKey(
        id=str(entry["id"])[:ID_CHARACTERS],
        user=str(entry["userName"]),
        host=str(entry["hostName"]),
        created=made.astimezone(UTC),
        current=bool(entry["current"]),
    )
