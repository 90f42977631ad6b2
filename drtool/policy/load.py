from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from drtool.model.errors import Place, PolicyError, PolicyProblem
from drtool.openness import Opening, opening_of
from drtool.policy import cache
from drtool.policy.limits import LARGEST_FILE, LARGEST_POLICY, MOST_FILES

if TYPE_CHECKING:
    from drtool.model.policy import Policy
    from drtool.policy.kinds import Kinds

_SUFFIXES = (".yaml", ".yml")


def load(paths: tuple[str, ...], kinds: Kinds, *, cache_directory: str | None = None) -> Policy:
    """Read, check and compile a policy.

    Args:
        paths: files, or directories of which every `*.yaml` and `*.yml` is read in order; all of them are one policy.
        kinds: the keys of every kind, asked only when the cache does not know these files.
        cache_directory: where compiled policies are kept, by the digest of the files and of the code; None: nowhere.

    Raises:
        PolicyError: with every mistake of all files, sorted by file and line.
    """
    files = _read_files(paths)
    key = cache.digest(tuple(body for _, body in files)) if cache_directory else ""
    policy = cache.recall(cache_directory, key) if cache_directory else None
    if policy is None:
        policy = _build(files, kinds)
        if cache_directory:
            cache.keep(cache_directory, key, policy)
    return policy


def read_text(text: str, kinds: Kinds) -> Policy:
    """Read, check and compile a policy that lies in no file yet; PolicyError with every mistake, as of a file `policy`."""
    return _build([("policy", text.encode())], kinds)


def openings(paths: tuple[str, ...]) -> tuple[Opening, ...]:
    """Return by whom else the files of a policy may be written; files that cannot be looked at are told by `load`."""
    found = {}
    for path in paths:
        try:
            found.update({each.path: each for file in _files_of(Path(path)) if (each := opening_of(str(file))) is not None})
        except OSError:
            continue
    return tuple(found.values())


def _build(files: list[tuple[str, bytes]], kinds: Kinds) -> Policy:
    # Imported here so that a policy from the cache costs neither pydantic nor YAML.
    from drtool.policy.check import check  # noqa: PLC0415
    from drtool.policy.compile import compile_policy  # noqa: PLC0415
    from drtool.policy.document import merge  # noqa: PLC0415
    from drtool.policy.paths import anchor  # noqa: PLC0415
    from drtool.policy.read import read  # noqa: PLC0415
    from drtool.policy.reveal import reveal  # noqa: PLC0415
    from drtool.policy.validate import validate  # noqa: PLC0415

    documents = [read(file, body) for file, body in files]
    if any(document.problems and not document.data for document in documents):
        # A file that is no YAML hides names: what the others say about them would be nonsense.
        raise _error([problem for document in documents for problem in document.problems])
    document = merge(documents)
    policy, compiled = validate(document, kinds)
    check(document, kinds)
    anchor(document)
    reveal(document)
    if document.problems or policy is None:
        raise _error(document.problems)
    return compile_policy(document, policy, compiled)


def _error(problems: list[PolicyProblem]) -> PolicyError:
    ordered = sorted(problems, key=lambda one: (one.place.file, one.place.line, one.place.column, one.field))
    return PolicyError(tuple(ordered), hint="mend these lines, then type `drtool validate`")


def _read_files(paths: tuple[str, ...]) -> list[tuple[str, bytes]]:
    found: dict[Path, tuple[str, bytes]] = {}
    problems: list[PolicyProblem] = []
    total = 0
    for path in paths:
        try:
            for file in _files_of(Path(path)):
                body = _read_file(file)
                problems += _open_to_anybody(file)
                total += len(body)
                if len(found) >= MOST_FILES or total > LARGEST_POLICY:
                    problems.append(PolicyProblem(Place(path, 1, 1), "", "this is more than any policy", "is this where policies lie?"))
                    break
                found.setdefault(file.resolve(), (str(file), body))
        except OSError as error:
            problem = f"cannot be read: {(error.strerror or str(error)).lower()}"
            problems.append(PolicyProblem(Place(str(error.filename or path), 1, 1), "", problem, "name a file or a directory"))
    if not found and not problems:
        place = Place(paths[0] if paths else "policy", 1, 1)
        problems.append(PolicyProblem(place, "", "there is no policy here", "policies are named *.yaml or *.yml"))
    if problems:
        raise _error(problems)
    return list(found.values())


def _open_to_anybody(file: Path) -> list[PolicyProblem]:
    """Refuse a policy that anybody may write: it names commands, which run as whoever calls drtool. Of one owner or group it is told."""
    opening = opening_of(str(file))
    if opening is None or not opening.anybody:
        return []
    return [PolicyProblem(Place(str(file), 1, 1), "", f"this is not read: {opening.words}", opening.remedy)]


def _read_file(file: Path) -> bytes:
    """Read a regular file and no more of it than a policy may be; a pipe or a device would never end, or wait for somebody."""
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(file))
        return stream.read(LARGEST_FILE + 1)


def _files_of(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    inside = [file for file in path.iterdir() if file.suffix in _SUFFIXES and not file.name.startswith(".")]
    if len(inside) > MOST_FILES:
        raise OSError(errno.E2BIG, "there are more files than any policy has", str(path))
    return sorted(file for file in inside if not file.is_dir())
