from __future__ import annotations

from datetime import datetime

from drtool.model.plan import EndHold, PlaceHold, Step


def pin_steps(set: str, *, point: str, copies: tuple[str, ...], run: str, until: datetime, verb: str = "restore") -> tuple[Step, ...]:  # noqa: A002
    """Return the steps that keep every copy of a point from being forgotten or pruned while it is read; the first is of the copy used.

    Only that one is worth waiting for: another copy may be out of reach just now.
    """
    return tuple(
        Step(
            id=f"{set}/pin/{copy}",
            action=PlaceHold(repository=copy, point=point, id=f"{run}-{set}", until=until, reason=f"{verb} {run} is running"),
            why="what is being read must not be forgotten or pruned meanwhile",
            set=set,
            uses=(f"repository:{copy}",),
        )
        for copy in copies
    )


def unpin_steps(set: str, frozen: tuple[Step, ...], *, after: tuple[str, ...]) -> tuple[Step, ...]:  # noqa: A002 - the vocabulary's word
    """Return the steps that end those holds as soon as everything was read, whatever came of it."""
    return tuple(
        Step(
            id=f"{set}/unpin/{step.action.repository}",
            action=EndHold(repository=step.action.repository, placed=step.id),
            why="it was read: others may forget and prune again",
            set=set,
            after=(step.id, *after),
            always=True,
            uses=step.uses,
        )
        for step in frozen
        if isinstance(step.action, PlaceHold)
    )
