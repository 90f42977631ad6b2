from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drtool.model.bounds import is_one_line

if TYPE_CHECKING:
    from drtool.policy.document import Document, Path


def anchor(document: Document) -> None:
    """Note every relative `directory` and every relative entry of `paths`: a timer and a person stand in different directories.

    Places that drtool itself writes to are one line, too: units and cron name them.
    """
    _walk(document, (), document.data)


def _walk(document: Document, path: Path, value: Any) -> None:  # noqa: ANN401
    if isinstance(value, dict):
        for key, item in value.items():
            below = (*path, key)
            # Names on the first two levels are the operator's own.
            if key == "directory" and len(below) > 2:  # noqa: PLR2004
                _absolute(document, below, item)
                _one_line(document, below, item)
            elif key == "restic" and path[:1] == ("repositories",):
                _one_line(document, below, item)
            elif key == "paths" and path[:1] == ("sets",) and "protect" in path and isinstance(item, list):
                for index, entry in enumerate(item):
                    _absolute(document, (*below, index), entry)
            _walk(document, below, item)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _walk(document, (*path, index), item)


def _absolute(document: Document, path: Path, value: object) -> None:
    told = any(problem.place == document.place(path) for problem in document.problems)
    if isinstance(value, str) and not value.startswith("/") and not told:
        document.complain(path, "must be an absolute path", "begin with /")


def _one_line(document: Document, path: Path, value: object) -> None:
    if isinstance(value, str) and not is_one_line(value):
        document.complain(path, "holds a control character, such as a line feed", "a place that drtool writes to is one line")
