"""Reading every byte of a repository against its digests."""

from __future__ import annotations

from drtool.model.errors import Corrupt, Refused
from drtool.offsite.restic import command as commands
from drtool.offsite.restic.client import Call, Client
from drtool.offsite.restic.errors import is_damage, translate
from drtool.offsite.restic.output import Message, number, parse_document, parse_line, words

_FAILED = 1
_NAMED = 5


def verify(client: Client) -> int:
    """Read everything and return how many stored bytes that were; restic uses a cache of its own for it, empty at first.

    Raises:
        Corrupt: names what is damaged.
    """
    completed = client.run(Call(commands.CHECK, "read everything", accept=(0, _FAILED)))
    said = words(completed)
    summary = next((found for line in completed.standard_output.splitlines() if (found := _summary(line)) is not None), None)
    errors = number(summary, "num_errors") if summary is not None else 0
    if errors or is_damage(said):
        raise _damage(client, said, summary)
    if completed.exit_code != 0:
        raise translate(completed, repository=client.name, verb="read everything")
    if summary is None and "no errors were found" not in said:
        raise Refused(f"restic did not say that {client.name} is whole: {said[-500:]}", hint=f"drtool verify {client.name} again")
    stored = client.run(Call(commands.STORED_BYTES, "count its bytes"))
    try:
        return number(parse_document(stored.standard_output), "total_size")
    except (ValueError, AttributeError):
        return 0


def _summary(line: bytes) -> Message | None:
    message = parse_line(line)
    return message if message is not None and message.get("message_type") == "summary" else None


def _damage(client: Client, said: str, summary: Message | None) -> Corrupt:
    packs = (summary or {}).get("broken_packs") or ()
    named = [f"pack {pack}" for pack in packs][:_NAMED] or [line for line in said.splitlines() if is_damage(line)][:_NAMED]
    return Corrupt(
        f"the repository {client.name} is damaged: {'; '.join(named) or said[-500:]}",
        hint="keep it as it is, restore from another copy, and read restic's page on repairing a repository",
        safe="other copies are untouched",
    )
