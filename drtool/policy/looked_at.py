"""What a policy may not ask of a source that is only looked at: to store, to run, or to be reached from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from drtool.policy.document import PHASES
from drtool.policy.validate import entry_of

if TYPE_CHECKING:
    from drtool.policy.document import Document, Path


def nothing_of_what_is_looked_at(document: Document, stores_not: Mapping[str, str]) -> None:
    """Complain of what would be done with such sources; `stores_not` are they, each with what of it is not stored yet."""
    for name in document.mapping("sets"):
        _of_set(document, name, stores_not)
    for source in stores_not:
        for repository in document.mapping("repositories"):
            if source in document.mapping("repositories", repository, "seen_from"):
                place: Path = ("repositories", repository, "seen_from", source)
                document.complain(place, f"`{source}` is only looked at: nothing is stored from there", "leave it out", at_key=True)
        if "limits" in document.mapping("sources", source):
            message = f"`{source}` is only looked at: nothing of it happens at once"
            document.complain(("sources", source, "limits"), message, "leave `limits` out", at_key=True)


def _of_set(document: Document, name: str, stores_not: Mapping[str, str]) -> None:
    for index, item in enumerate(document.sequence("sets", name, "protect")):
        source = entry_of(item)
        if source is not None and source in stores_not:
            message = f"{stores_not[source]} are looked at and not yet stored by this release"
            hint = "leave this entry out, and keep the platform's own backup jobs; `drtool inventory` lists what is there"
            document.complain(("sets", name, "protect", index, source), message, hint, at_key=True)
    for phase in PHASES:
        for index in range(len(document.sequence("sets", name, phase))):
            path: Path = ("sets", name, phase, index, "on")
            source = document.text(*path).partition(":")[0]
            if source in stores_not:
                message = f"no command can be run on `{source}`: it is only looked at"
                document.complain(path, message, "name a source of which something is stored")
