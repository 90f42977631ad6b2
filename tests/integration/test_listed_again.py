"""A stream that is listed once more by a real restic: what it does when that goes wrong, and when it is killed."""

from __future__ import annotations

import hashlib
import os
import shlex
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from drtool.model.errors import Corrupt
from drtool.model.policy import Address
from drtool.testing.repository_contract import LATER_POINT, POINT, STREAM, get_request, listed_again, sealed_stream
from tests.contracts.test_restic_repository import PASSWORD, on_paths, repository
from tests.rig.restic import VERSIONS, Version, binary

RANDOM = "head -c 2000000 /dev/urandom"


def wrapped(directory: Path, real: Path, script: str) -> Path:
    """A restic that does something of its own when it lists a stream once more: `$real "$@"` is the right one."""
    program = directory / "restic-wrapped"
    program.write_text(
        f'#!/bin/sh\nreal={shlex.quote(str(real))}\ncase " $* " in *" --ignore-inode "*) ;; *) exec "$real" "$@" ;; esac\n{script}\n'
    )
    program.chmod(0o755)
    return program


@pytest.mark.parametrize("version", VERSIONS)
def test_an_empty_file_is_never_taken_for_the_stream(tmp_path: Path, home: Path, version: Version) -> None:
    """Of another time of change restic reads it; that many zeros would look like the data, by name and size."""
    touched = wrapped(tmp_path, binary(version), 'for last; do :; done; touch -- "$last"; exec "$real" "$@"')
    pair = on_paths(tmp_path, touched)
    pair.repository.initialise()
    first = sealed_stream(pair, POINT, RANDOM)
    with pytest.raises(Corrupt, match="not there any more as it was stored"):
        listed_again(pair, first, POINT, LATER_POINT)
    assert pair.repository.list().unsealed == ()
    assert pair.repository.get(replace(get_request(pair, first, tmp_path / "out"), workload=STREAM)).bytes == 2_000_000


def test_zeros_that_the_repository_has_are_not_taken_for_other_zeros(tmp_path: Path, home: Path) -> None:
    """All that is read is there already, so that no part is new."""
    pair = on_paths(tmp_path, wrapped(tmp_path, binary("0.19"), 'for last; do :; done; touch -- "$last"; exec "$real" "$@"'))
    pair.repository.initialise()
    first = sealed_stream(pair, POINT, "head -c 2000000 /dev/zero; head -c 1 /dev/urandom")
    with pytest.raises(Corrupt):
        listed_again(pair, first, POINT, LATER_POINT)
    assert pair.repository.list().unsealed == ()


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_while_it_lists_one_leaves_nothing_but_what_a_sweep_discards(tmp_path: Path, home: Path, when: str) -> None:
    pid = tmp_path / "pid"
    kill = f'kill -9 "$(cat {shlex.quote(str(pid))})"'
    script = f"{kill}; exit 1" if when == "before" else f'"$real" "$@"; {kill}'
    pair = on_paths(tmp_path, binary("0.19"))
    pair.repository.initialise()
    first = sealed_stream(pair, POINT, RANDOM)
    program = wrapped(tmp_path, binary("0.19"), script)
    child = os.fork()
    if child == 0:
        try:
            pid.write_text(str(os.getpid()))
            mortal = replace(pair, repository=repository(Address(str(tmp_path / "near"), PASSWORD), tmp_path, program))
            listed_again(mortal, first, POINT, LATER_POINT)
        finally:
            os._exit(3)
    _, ended = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(ended) == -signal.SIGKILL
    listing = pair.repository.list()
    assert [(point.point, point.whole) for point in listing.points] == [(POINT, True)]
    assert {each.point for each in listing.unsealed} <= {LATER_POINT}
    pair.repository.discard(tuple(each.id for each in listing.unsealed))
    again, _put = listed_again(pair, first, POINT, LATER_POINT)
    pair.repository.forget((POINT,))
    pair.repository.prune()
    out = tmp_path / "out"
    pair.repository.get(replace(get_request(pair, again, out), point=LATER_POINT, workload=STREAM))
    assert hashlib.sha256((out / "tank" / STREAM).read_bytes()).hexdigest() == first.census.sha256
