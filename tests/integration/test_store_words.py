"""What a store answers keeps its meaning: a server that answers every request alike, asked by the oldest and the newest restic."""

from __future__ import annotations

import http.server
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from drtool.engine.clock import SystemClock
from drtool.model.command import Completed
from drtool.model.errors import Corrupt, DrtoolError, NoRepository, Refused, Unavailable
from drtool.model.policy import Address, RepositoryPolicy
from drtool.model.secret import SecretReference
from drtool.repositories.restic.errors import is_damage, is_permanent, translate, translate_words
from drtool.repositories.restic.repository import ResticRepository
from drtool.repositories.restic.watch import Watch
from drtool.runners.local import LocalRunner
from drtool.secrets.store import Secrets

HTML = "<html><body>It works!</body></html>"
WORDS: dict[str, tuple[int, str, type[DrtoolError]]] = {
    "SlowDown": (503, "Please reduce your request rate.", Unavailable),
    "TooManyRequests": (429, "Please reduce your request rate.", Unavailable),
    "ServiceUnavailable": (503, "Service is unable to handle request.", Unavailable),
    "XMinioServerNotInitialized": (503, "Server not initialized yet, please try again.", Unavailable),
    "InternalError": (500, "We encountered an internal error. Please try again.", Unavailable),
    "OperationTimedOut": (504, "", Unavailable),
    "RequestTimeout": (400, "Your socket connection to the server was not read from or written to within the timeout period.", Refused),
    "ExpiredToken": (400, "The provided token has expired.", Refused),
    "InvalidToken": (400, "The provided token is malformed or otherwise invalid.", Refused),
    "RequestTimeTooSkewed": (403, "The difference between the request time and the current time is too large.", Refused),
    "AuthorizationHeaderMalformed": (400, "The authorization header is malformed; the region 'us-east-1' is wrong", Refused),
    "PermanentRedirect": (301, "The bucket must be addressed using the specified endpoint.", Refused),
    "TemporaryRedirect": (307, "Please re-send this request to the specified temporary endpoint.", Refused),
    "InvalidAccessKeyId": (403, "The AWS Access Key Id you provided does not exist in our records.", Refused),
    "SignatureDoesNotMatch": (403, "The request signature we calculated does not match the signature you provided.", Refused),
    "AccessDenied": (403, "Access Denied", Refused),
    "AllAccessDisabled": (403, "All access to this object has been disabled", Refused),
    "InvalidBucketName": (400, "The specified bucket is not valid.", Refused),
    "MethodNotAllowed": (405, "The specified method is not allowed against this resource.", Refused),
    "XMinioStorageFull": (507, "Storage backend has reached its minimum free drive threshold.", Refused),
    "Unauthorized": (401, "", Refused),
    "PlainPage": (200, HTML, Refused),
    "NoSuchKey": (404, "The specified key does not exist.", NoRepository),
    "NoSuchBucket": (404, "The specified bucket does not exist", NoRepository),
}


@contextmanager
def store(code: str, status: int, message: str) -> Iterator[str]:
    """Answer every request alike; yields the address."""
    text = message if message.startswith("<html") else f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    body = text.encode() if message else b""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_words: object) -> None:
            pass

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            self.send_response(status)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            if status in (301, 307):
                self.send_header("Location", "http://127.0.0.1:1/elsewhere")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_HEAD = do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815 - the library's names

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"s3:http://127.0.0.1:{server.server_port}/bucket/repo"
    finally:
        server.shutdown()
        server.server_close()


def repository(address: str, tmp_path: Path, binary: Path) -> ResticRepository:
    local = LocalRunner()
    password = SecretReference("env", "STORE_PASSWORD")
    environment = {"AWS_ACCESS_KEY_ID": "AK", "AWS_SECRET_ACCESS_KEY": "SK", "AWS_DEFAULT_REGION": "us-east-1"}
    return ResticRepository(
        policy=RepositoryPolicy("near", Address(address, password, environment), "home", timeout=timedelta(seconds=2)),
        by="t",
        secrets=Secrets({**os.environ, "STORE_PASSWORD": "x"}, local),
        clock=SystemClock(),
        local=local,
        cache_directory=str(tmp_path / "cache"),
        binary=str(binary),
    )


@pytest.mark.parametrize("code", WORDS)
def test_what_a_store_says_to_the_newest_restic_keeps_its_meaning(code: str, tmp_path: Path, home: Path, restic_newest: Path) -> None:
    _judge(code, tmp_path, restic_newest)


@pytest.mark.parametrize("code", WORDS)
def test_what_a_store_says_to_the_oldest_restic_keeps_its_meaning(code: str, tmp_path: Path, home: Path, restic_oldest: Path) -> None:
    _judge(code, tmp_path, restic_oldest)


def _judge(code: str, tmp_path: Path, binary: Path) -> None:
    status, message, expected = WORDS[code]
    with store(code, status, message) as address, pytest.raises(expected) as caught:
        repository(address, tmp_path, binary).list()
    assert type(caught.value) is expected
    assert "drtool init" not in caught.value.hint
    assert "there is no repository" not in caught.value.what or expected is NoRepository


SAID = {
    "SlowDown: Please reduce your request rate.": (Unavailable, "too often"),
    "429 Too Many Requests": (Unavailable, "too often"),
    "RequestTimeTooSkewed: The difference between the request time and the server's time is too large.": (Refused, "clock"),
    "The provided token has expired.": (Refused, "no longer taken"),
    "ExpiredToken": (Refused, "no longer taken"),
    "The security token included in the request is invalid": (Refused, "no longer taken"),
    "The authorization header is malformed; the region 'us-east-1' is wrong; expecting 'eu-central-1'": (Refused, "region"),
    "The bucket you are attempting to access must be addressed using the specified endpoint.": (Refused, "elsewhere"),
    "301 Moved Permanently": (Refused, "elsewhere"),
    "Server not initialized yet, please try again.": (Unavailable, "does not answer"),
    "All access to this object has been disabled": (Refused, "permission"),
    "Bucket quota exceeded": (Refused, "full"),
    "Storage backend has reached its minimum free drive threshold": (Refused, "full"),
    "Received message too long 1463898468": (Unavailable, "does not answer"),
    "unable to open config file: Stat: 400 Bad Request\nIs there a repository at the following location?": (Refused, "does not take"),
    "unable to open config file: Stat: Access Denied.\nIs there a repository at the following location?": (Refused, "permission"),
    "unable to open config file: stat /r/config: no such file or directory\nIs there a repository at the following location?": (
        NoRepository,
        "there is no repository",
    ),
    "unable to open config file: <config/> does not exist\nIs there a repository at the following location?": (NoRepository, "is no repo"),
    "Load(<data/0123456789>, 0, 0) returned error, retrying after 1s: unexpected EOF": (Unavailable, "does not answer"),
    "Load(<index/0123456789>, 0, 0) failed: Get: net/http: HTTP/1.x transport connection broken": (Refused, "could not"),
    "ciphertext verification failed": (Corrupt, "damaged"),
    "Load(<data/0123456789>, 0, 0) failed: invalid data returned": (Corrupt, "damaged"),
    "Load(<data/0123456789>): ReadFull(/r/data/01/0123): unexpected EOF": (Corrupt, "damaged"),
}


@pytest.mark.parametrize("said", SAID)
@pytest.mark.parametrize("port", ["40321", "50342", "42940"])
def test_words_keep_their_meaning_whatever_the_port(said: str, port: str) -> None:
    expected, words = SAID[said]
    text = f"Fatal: {said}\ns3:http://127.0.0.1:{port}/bucket/repo503"
    error = translate_words(text, code=1, repository="near", verb="list")
    assert type(error) is expected
    assert words in error.what
    assert "drtool init" not in error.hint


@pytest.mark.parametrize(
    ("said", "again"),
    [
        ("unable to start the sftp session, error: packet too long", False),
        ("Received message too long 1463898468", False),
        ("Host key verification failed.\nunable to start the sftp session, error: EOF", False),
        ("ssh: Could not resolve hostname pi", True),
        ("unable to start the sftp session, error: EOF", True),
    ],
)
def test_what_only_a_person_can_mend_is_not_tried_again(said: str, again: bool) -> None:  # noqa: FBT001 - a parameter of the table
    error = translate_words(f"Fatal: unable to open repository: {said}", code=1, repository="off", verb="list")
    assert (type(error), error.transient) == (Unavailable, again)


def test_a_cut_answer_is_no_damage_and_a_digest_that_disagrees_is() -> None:
    assert not is_damage("Load(<data/0123456789>, 0, 0) returned error, retrying after 1s: unexpected EOF")
    assert is_damage("Load(<data/0123456789>, 0, 0) returned error, retrying after 1s: unexpected EOF\nciphertext verification failed")
    assert not is_permanent("Stat: 503 Service Unavailable")
    assert is_permanent("Stat(<config/>) returned error, retrying after 2.5s: Stat: 301 Moved Permanently")
    assert not is_permanent("Stat(<config/>) returned error, retrying after 401.405ms: Stat: 503 Service Unavailable")


def test_a_new_repository_is_advised_only_where_nothing_lies(tmp_path: Path, home: Path, restic_newest: Path) -> None:
    place = tmp_path / "place"
    for made, advised in ((False, True), (True, True)):
        if made:
            place.mkdir()
        with pytest.raises(NoRepository) as caught:
            repository(str(place), tmp_path, restic_newest).list()
        assert ("drtool init" in caught.value.hint) is advised
    (place / "data").mkdir()
    with pytest.raises(NoRepository) as caught:
        repository(str(place), tmp_path, restic_newest).list()
    assert "drtool init" not in caught.value.hint
    assert "has lost its config" in caught.value.what


@pytest.mark.parametrize("said", ["EOF", "unexpected EOF"])
def test_the_end_of_a_file_is_damage_on_a_disk_and_a_cut_elsewhere(said: str) -> None:
    line = f"Load(<data/0123456789>, 248, 992) returned error, retrying after 1.5s: {said}".encode()
    on_disk, elsewhere = (Watch("near", SystemClock(), 60.0, None, None, None, on_disk=each) for each in (True, False))
    for _turn in range(5):
        elsewhere.error(line)
    on_disk.error(line)
    with pytest.raises(Corrupt, match="too short"):
        on_disk.error(line)


def test_a_restic_that_dies_of_an_object_names_it_and_of_anything_else_shows_no_stack() -> None:
    stack = (
        "panic: runtime error: slice bounds out of range [16:7]\n\ngoroutine 38 [running]:\n"
        "github.com/restic/restic/internal/repository.(*Repository).LoadUnpacked(0x35e1, {0x19b9e30, 0x35e1}, 0x5, "
        "{0x79, 0x5b, 0x69, 0x4, 0xe5, 0x4f, ...})\n"
        "\tgithub.com/restic/restic/internal/repository/repository.go:199 +0x1e8\n"
    )
    error = translate_words(stack, code=2, repository="far", verb="list what it holds")
    assert error.what == "restic could not list what it holds (far): index/795b6904e54f… there is too short, and restic dies of it"
    assert "rm index/795b6904e54f*" in error.hint
    other = "panic: assignment to entry in nil map\n\ngoroutine 1 [running]:\nmain.main()"
    error = translate_words(other, code=2, repository="far", verb="prune")
    assert error.what == "restic died of a fault of its own and could not prune (far): panic: assignment to entry in nil map"


def test_what_restic_says_before_its_calls_is_what_is_told() -> None:
    calls = "main.runFind\n\tgithub.com/restic/restic/cmd/restic/cmd_find.go:634\nruntime.goexit\n\truntime/asm_amd64.s:1594"
    said = {"message_type": "exit_error", "code": 1, "message": f"syntax error in pattern\nMatch\n{calls}"}
    for text in (json.dumps(said), said["message"]):
        error = translate(Completed(1, b"", f"{text}\n".encode(), 0.1), repository="far", verb="look for names")
        assert error.what == "restic could not look for names (far), exit code 1: syntax error in pattern / Match"
