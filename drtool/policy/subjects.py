from __future__ import annotations

from typing import TYPE_CHECKING

from drtool.model.signal import EACH_SUBJECT, RPO, slug

if TYPE_CHECKING:
    from drtool.policy.document import Document

_SECTIONS = {"sets": "set", "drills": "drill", "repositories": "repository"}


def one_check_each(document: Document) -> None:
    """What is told at an address of its own needs a name of its own: at one address the silence of one hides behind the other."""
    asked = range(len(document.sequence("notify")))
    if not any(EACH_SUBJECT in document.text("notify", index, "healthchecks", "url") for index in asked):
        return
    first = {slug(RPO): "the promises of all sets together"}
    for section, singular in _SECTIONS.items():
        for name in document.mapping(section):
            check = slug(str(name))
            if check in first:
                message = f"`{EACH_SUBJECT}` makes the check `{check}` of it, and of {first[check]} too"
                hint = f"give it another name, or write an address without `{EACH_SUBJECT}`"
                document.complain((section, name), message, hint, at_key=True)
            first.setdefault(check, f"{singular} `{name}`")
