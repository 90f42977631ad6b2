"""A policy is a regular file of bounded size, depth and number; reading it takes time in proportion."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from drtool.app.composition import KINDS
from drtool.model.errors import PolicyError
from drtool.policy import check, parts
from drtool.policy.document import Document
from drtool.policy.limits import DEEPEST, LARGEST_FILE, MOST_FILES, MOST_NODES, MOST_TOLD
from drtool.policy.load import load
from drtool.policy.read import read
from tests.rig.sockets import leave_socket

HEAD = 'drtool: 1\nname: t\nrepositories: {near: {restic: /srv/near, password: "file:/etc/k"}}\nsources: {here: {files: {}}}\n'


UNFOLDS = (b"a%d: &a%d [%s]\n" % (number, number, b",".join([b"*a%d" % (number - 1)] * 10)) for number in range(1, 10))
BOMB = b"a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + b"".join(UNFOLDS)


def many(count: int, *, first: int = 0) -> str:
    line = "  s{0}: {{protect: [{{here: {{paths: [/x{0}]}}}}], to: near, keep: {{last: 3}}}}\n"
    return "sets:\n" + "".join(line.format(number) for number in range(first, first + count))


def refused(*paths: str) -> str:
    with pytest.raises(PolicyError) as caught:
        load(paths, KINDS)
    return str(caught.value.problems[0])


@pytest.mark.timeout(60)
@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null", "pipe", "socket"])
def test_only_regular_files_are_read(tmp_path: Path, path: str) -> None:
    if path == "pipe":
        os.mkfifo(path := str(tmp_path / "pipe.yaml"))
    elif path == "socket":
        path = str(tmp_path / "socket.yaml")
        leave_socket(Path(path))
    assert "cannot be read" in refused(path)
    if path.endswith("pipe.yaml"):
        assert "cannot be read" in refused(str(tmp_path)), "in a folder too"


def test_a_link_to_a_regular_file_is_one(tmp_path: Path) -> None:
    (tmp_path / "real").write_text(HEAD + many(1))
    (tmp_path / "link.yaml").symlink_to(tmp_path / "real")
    assert set(load((str(tmp_path / "link.yaml"),), KINDS).sets) == {"s0"}


def test_a_file_that_grows_while_it_is_read_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_bytes(b"# " + b"x" * (2 * LARGEST_FILE))
    assert "larger than 4 MiB" in refused(str(path))
    for number in range(MOST_FILES + 1):
        (tmp_path / f"{number}.yaml").write_text("drtool: 1\n")
    assert "more files than any policy has" in refused(str(tmp_path))
    several = [tmp_path / f"large{number}" for number in range(5)]
    for each in several:
        each.write_bytes(b"#" * (LARGEST_FILE - 1))
    assert "more than any policy" in refused(*map(str, several))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"drtool: 1\nsets: " + b"[" * 20000 + b"]" * 20000, "nests too deep"),
        (b"drtool: 1\nsets: " + b"{a: " * 5000 + b"1" + b"}" * 5000, "nests too deep"),
        (b"a: &a [*a]\n", "nests too deep"),
        (b"a: [" + b"x," * (MOST_NODES + 5) + b"]\n", "more than 100000 values"),
        (
            b"a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
            + b"".join(b"a%d: &a%d [%s]\n" % (n, n, b",".join([b"*a%d" % (n - 1)] * 10)) for n in range(1, 10)),
            "unfolds",
        ),
    ],
)
def test_what_is_too_deep_or_too_much_is_told_and_read_no_further(body: bytes, words: str) -> None:
    document = read("policy.yaml", body)
    assert words in document.problems[0].message
    assert document.data == {}


def test_the_deepest_that_is_read_is_read_by_both(tmp_path: Path) -> None:
    def nested(depth: int) -> Document:
        return read("policy.yaml", b"a: " + b"[" * depth + b"x" + b"]" * depth)

    assert nested(DEEPEST - 1).problems == []
    assert "nests too deep" in nested(DEEPEST).problems[0].message


def test_work_grows_in_proportion_to_the_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted, not timed: spots looked at while files are merged, and nodes composed."""
    counts = {}
    for size in (50, 200):
        folder = tmp_path / str(size)
        folder.mkdir()
        (folder / "a.yaml").write_text(HEAD + many(size))
        (folder / "b.yaml").write_text(many(size, first=size))
        looked = 0

        def counted(parser: parts._Composer, parent: object, index: object, *, real=parts._Composer.compose_node) -> object:  # type: ignore[no-untyped-def]  # noqa: ANN001
            nonlocal looked
            looked += 1
            return real(parser, parent, index)

        monkeypatch.setattr(parts._Composer, "compose_node", counted)
        policy = load((str(folder),), KINDS)
        monkeypatch.undo()
        assert len(policy.sets) == 2 * size
        counts[size] = looked
    assert counts[200] < 4.5 * counts[50]


def test_mistakes_are_bounded_and_told_once(tmp_path: Path) -> None:
    wrong = "sets:\n" + "".join(
        f"  s{number}: {{protect: [{{there: {{paths: [/x{number}]}}}}], to: neer, keep: {{last: 3}}}}\n" for number in range(3000)
    )
    (tmp_path / "policy.yaml").write_text(HEAD + wrong)
    with pytest.raises(PolicyError) as caught:
        load((str(tmp_path / "policy.yaml"),), KINDS)
    assert len(caught.value.problems) == MOST_TOLD
    assert caught.value.problems[0].hint
    assert sum(bool(each.hint) for each in caught.value.problems) <= check._HINTS + 1


def test_two_threads_read_at_once(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(HEAD + many(30))
    found: list[int] = []
    threads = [threading.Thread(target=lambda: found.append(len(load((str(tmp_path / "policy.yaml"),), KINDS).sets))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [30, 30, 30]
