from __future__ import annotations

from drtool.engine.actions.work import Work
from drtool.model.plan import Done, Initialise


def initialise(work: Work, action: Initialise) -> Done:
    """Create a repository, with the chunker of another where the plan says so; one that exists is left as it is."""
    repositories = work.adapters.repositories
    chunker_of = repositories[action.chunker_of] if action.chunker_of else None
    created = repositories[action.repository].initialise(chunker_of=chunker_of)
    return Done("created" if created else "exists already", {"created": created})
