"""A server that lies: in its listings, in its documents, in how much it says."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from drtool.model.errors import Conflict, Unavailable
from drtool.model.immutable import PARTS
from drtool.repositories.s3 import bounded, listing
from drtool.repositories.s3.client import Bucket
from tests.immutable.locked_world import PREFIX
from tests.immutable.shelf import GivenIndex, Shelf, make_shelf
from tests.rig.s3 import S3Server

NAMES = [f"data/00/{'00' + 'ab' * 31}", f"data/01/{'01' + 'ab' * 31}"]


def version(name: str, *, prefix: str = f"{PREFIX}/", identity: str = "v1") -> str:
    return (
        f"<Version><Key>{prefix}{name}</Key><VersionId>{identity}</VersionId><IsLatest>true</IsLatest>"
        '<LastModified>2026-11-30T00:00:00.000Z</LastModified><ETag>"e"</ETag><Size>1</Size></Version>'
    )


def page(*inside: str, following: str = "") -> bytes:
    more = f"<IsTruncated>true</IsTruncated><NextKeyMarker>{following}</NextKeyMarker>" if following else "<IsTruncated>false</IsTruncated>"
    body = f'<ListVersionsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{more}{"".join(inside)}</ListVersionsResult>'
    return b'<?xml version="1.0" encoding="UTF-8"?>' + body.encode()


@contextmanager
def answering(body: bytes) -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        thread.join()


def pages_of(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Let the server answer with so many versions at a time."""
    real = Bucket.call

    def small(self: Bucket, operation: str, **arguments: object) -> object:
        return real(self, operation, **(arguments | ({"MaxKeys": count} if operation == "list_object_versions" else {})))

    monkeypatch.setattr(Bucket, "call", small)


def listed(root: Path, server: S3Server, body: bytes) -> tuple[list[str], int, int]:
    shelf = Shelf(server, "hostile", root, GivenIndex())
    with answering(body) as (endpoint, asked), closing(shelf.store(endpoint=endpoint)) as store:
        return [each.name for each in store.histories("data")], store.foreign, len(asked)


def test_an_honest_page_is_read(tmp_path: Path, s3_server: S3Server) -> None:
    assert listed(tmp_path, s3_server, page(*map(version, NAMES))) == (NAMES, 0, 1)


@pytest.mark.parametrize(
    "name",
    ["data/../../etc/passwd", "data/00/../x", f"data/01/{'00' + 'ab' * 31}", f"data/00/{'00' + 'AB' * 31}", "data/", "data/00/%1B[2J"],
)
def test_a_name_that_is_none_of_a_repository_is_only_counted(tmp_path: Path, s3_server: S3Server, name: str) -> None:
    assert listed(tmp_path, s3_server, page(version(name))) in (([], 1, 1), ([], 0, 1))
    names, foreign, _asked = listed(tmp_path, s3_server, page(version(name)))
    assert (names, foreign) == ([], 1)


@pytest.mark.parametrize(
    "body",
    [
        page(version(NAMES[0], prefix="elsewhere/")),
        page(version(NAMES[1]), version(NAMES[0])),
        page(version(NAMES[0], identity="")),
        page(version(NAMES[0]), following=f"{PREFIX}/{NAMES[0]}"),
        page(version(NAMES[0]).replace("2026-11-30T00:00:00.000Z", "yesterday")),
        page(version(NAMES[0]).replace("<Size>1</Size>", "<Size>much</Size>")),
        b"<html>not found</html",
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;">]><ListVersionsResult>&b;</ListVersionsResult>',
    ],
    ids=["elsewhere", "backwards", "no version", "stands still", "no date", "no size", "no xml", "entities"],
)
def test_a_listing_that_makes_no_sense_ends_the_work(tmp_path: Path, s3_server: S3Server, body: bytes) -> None:
    with pytest.raises((Conflict, Unavailable)) as caught:
        listed(tmp_path, s3_server, body)
    assert caught.value.hint


def test_more_than_a_page_can_hold_is_not_read(tmp_path: Path, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "MOST_BYTES", 1000)
    with pytest.raises(Conflict, match="more than 1000 bytes"):
        listed(tmp_path, s3_server, page(*(version(NAMES[0], identity=f"v{number}") for number in range(50))))


def test_pages_without_end_end(tmp_path: Path, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MOST_PAGES", 1)
    with pytest.raises(Conflict, match="more than 1 pages"):
        listed(tmp_path, s3_server, page(version(NAMES[0]), following=f"{PREFIX}/{NAMES[0]}"))


def test_versions_without_number_are_not_all_kept(tmp_path: Path, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MOST_VERSIONS", 3)
    older = [version(NAMES[0], identity=f"v{number}").replace("<IsLatest>true", "<IsLatest>false") for number in range(9, 0, -1)]
    shelf = Shelf(s3_server, "hostile", tmp_path, GivenIndex())
    body = page(version(NAMES[0], identity="newest"), *older)
    with answering(body) as (endpoint, _asked), closing(shelf.store(endpoint=endpoint)) as store:
        (history,) = store.histories("data")
    assert [each.id for each in history.versions] == ["newest", "v3", "v2", "v1"]


@pytest.mark.parametrize(("letter", "page_of"), [("\x01", 1000), ("\x01", 1), ("\x1f", 2), ("\ufffe", 1)])
def test_a_name_that_the_server_cannot_spell_stops_and_hides_nothing(
    tmp_path: Path, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch, letter: str, page_of: int
) -> None:
    """It lists such a name by what it is, and spells it as something that stands elsewhere; two requests with the writer's rights."""
    shelf = make_shelf(tmp_path, s3_server, packs=3)
    packs = sorted(name for name in shelf.bodies if name.startswith("data/"))
    thief = shelf.client("writer")
    foreign = [f"{packs[1][:8]}{letter}", f"{packs[1][:20]}{letter}", f"index/{letter}", f"snapshots/{letter}", f"keys/a{letter}"]
    for name in foreign:
        thief.put_object(Bucket=shelf.bucket, Key=f"{PREFIX}/{name}", Body=b"x")
        thief.put_object(Bucket=shelf.bucket, Key=f"{PREFIX}/{name}", Body=b"y")
    thief.delete_object(Bucket=shelf.bucket, Key=f"{PREFIX}/{packs[1]}")
    pages_of(monkeypatch, page_of)
    with closing(shelf.store()) as store:
        found = {each.name: each.current is not None for part in PARTS for each in store.histories(part)}
        assert store.foreign == len(foreign)
    assert found == {name: name != packs[1] for name in shelf.bodies}
    assert shelf.audit().hidden_names == (packs[1],)


def test_what_a_listing_cannot_be_followed_past_is_told(tmp_path: Path, s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here a name with more behind it is listed before the name: a page full of the one would hide the other."""
    shelf = make_shelf(tmp_path, s3_server, packs=1)
    for body in (b"x", b"y"):
        shelf.client("writer").put_object(Bucket=shelf.bucket, Key=f"{PREFIX}/config\x01", Body=body)
    assert shelf.audit().foreign == 1
    pages_of(monkeypatch, 1)
    with pytest.raises(Conflict, match="cannot be followed past config"):
        shelf.audit()
