"""The envelope, the limits and the doors of the simulated appliance, over a real socket."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from tests.rig.truenas import AnswerError, Client, TrueNasServer
from tests.rig.websocket import ClosedError, RefusedError, WebSocket

LISTED = {"extra": {"retrieve_children": False, "properties": []}}


def refused(client: Client, method: str, *params: object) -> AnswerError:
    with pytest.raises(AnswerError) as caught:
        client.call(method, *params)
    return caught.value


def closed_with(client: Client) -> int:
    with pytest.raises(ClosedError) as caught:
        client.socket.recv(timeout=10)
    return caught.value.code


def get(nas: TrueNasServer, path: str) -> bytes:
    with urllib.request.urlopen(f"https://localhost:{nas.port}{path}", context=nas.tls(), timeout=10) as answer:
        body: bytes = answer.read()
        return body


def test_a_certificate_that_nobody_vouches_for_is_refused(nas: TrueNasServer) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        WebSocket(nas.url, ssl.create_default_context())


def test_a_stranger_is_told_so_and_may_ping(nas: TrueNasServer) -> None:
    with nas.client("") as stranger:
        error = refused(stranger, "pool.query")
        assert (error.code, error.data["error"], error.data["errname"]) == (-32001, 207, "ENOTAUTHENTICATED")
        assert stranger.call("core.ping") == "pong"


def test_login_by_both_ways(nas: TrueNasServer) -> None:
    with nas.client("") as client:
        assert client.login("drtool", "1-" + "x" * 64) == {"response_type": "AUTH_ERR"}
        assert client.call("auth.login_with_api_key", nas.key() + "x") is False
        assert client.call("auth.login_with_api_key", nas.key()) is True
        assert client.call("auth.me")["pw_name"] == "drtool"


def test_a_key_of_somebody_else_lets_nobody_in(nas: TrueNasServer) -> None:
    with nas.client("") as client:
        assert client.login("truenas_admin", nas.key("drtool"))["response_type"] == "AUTH_ERR"


def test_a_key_shown_without_tls_is_worth_nothing_from_then_on() -> None:
    with TrueNasServer() as nas:
        with nas.client("", plain=True) as bare:
            assert bare.login("drtool", nas.key())["response_type"] == "EXPIRED"
        with nas.client("") as client:
            assert client.login("drtool", nas.key())["response_type"] == "EXPIRED"
            assert client.call("auth.login_with_api_key", nas.key()) is False


def test_who_tries_too_often_has_to_wait() -> None:
    with TrueNasServer() as nas, nas.client("") as stranger:
        for _ in range(20):
            stranger.call("core.ping")
        error = refused(stranger, "core.ping")
        assert (error.data["errname"], error.reason) == ("EBUSY", "[EBUSY] Rate Limit Exceeded")
        assert stranger.login("drtool", nas.key())["response_type"] == "SUCCESS"


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("{", -32700, "Expecting property name"),
        ("[]", -32700, "Batch messages are not supported"),
        ('"x"', -32600, "Invalid Message Format"),
        ('{"id": 1, "method": "core.ping", "params": []}', -32600, "jsonrpc"),
        ('{"jsonrpc": "2.0", "id": 1, "method": "core.ping", "params": {}}', -32600, "array"),
        ('{"jsonrpc": "2.0", "id": [], "method": "core.ping"}', -32600, "string or number"),
    ],
)
def test_what_is_no_call_is_refused(client: Client, text: str, code: int, message: str) -> None:
    client.socket.send(text)
    error = client.receive()["error"]
    assert error["code"] == code
    assert message in error["message"]


def test_what_has_no_id_is_not_answered(client: Client) -> None:
    client.socket.send('{"jsonrpc": "2.0", "method": "core.ping", "params": []}')
    assert client.call("core.ping") == "pong"


def test_an_unknown_method_comes_without_data(client: Client) -> None:
    error = refused(client, "pool.dataset.paint")
    assert (error.code, str(error), error.data) == (-32601, "Method does not exist", {})


@pytest.mark.parametrize(
    ("method", "params", "said"),
    [
        ("core.ping", (1,), ["", "Too many arguments (expected 0, found 1)", 22]),
        ("pool.snapshot.delete", (), ["id", "Field required", 22]),
        ("pool.snapshot.delete", ("tank@x", {"defer": "yes"}), ["options.defer", "Input should be a valid boolean", 22]),
        ("pool.snapshot.delete", ("tank@x", {"soon": True}), ["options.soon", "Extra inputs are not permitted", 22]),
        ("pool.snapshot.create", ({"dataset": "tank"},), ["data.PoolSnapshotCreateWithName.name", "Field required", 22]),
        ("pool.snapshot.create", ({"dataset": "tank"},), ["data.PoolSnapshotCreateWithSchema.naming_schema", "Field required", 22]),
        ("pool.dataset.query", ([["id", "~~", "x"]],), ["filters", "Value error, Invalid operation: ~~", 22]),
    ],
)
def test_wrong_arguments_are_told_one_by_one(client: Client, method: str, params: tuple[object, ...], said: list[object]) -> None:
    error = refused(client, method, *params)
    assert (error.code, error.data["error"]) == (-32602, 22)
    assert said in error.extra


def test_binary_messages_end_the_connection(client: Client) -> None:
    client.socket.send(b"\x00")
    assert closed_with(client) == 1003


def test_long_messages_end_the_connection(nas: TrueNasServer, client: Client) -> None:
    with nas.client("") as stranger:
        stranger.socket.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "core.ping", "params": ["x" * 8192]}))
        assert closed_with(stranger) == 1007
    client.socket.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "core.ping", "params": ["x" * 65536]}))
    assert closed_with(client) == 1009


def test_the_twenty_first_call_at_once_is_refused(nas: TrueNasServer, client: Client) -> None:
    nas.faults({"method": "core.ping", "kind": "slow", "call": 0, "seconds": 0.5})
    for _ in range(21):
        client.begin("core.ping")
    error = client.receive()["error"]
    assert error["code"] == -32000
    assert "data" not in error
    assert {client.receive()["result"] for _ in range(20)} == {"pong"}


def test_answers_come_as_they_are_ready(nas: TrueNasServer, client: Client) -> None:
    nas.faults({"method": "system.version", "kind": "slow", "seconds": 0.5})
    slow, quick = client.begin("system.version"), client.begin("core.ping")
    assert [client.receive()["id"], client.receive()["id"]] == [quick, slow]


def test_who_may_not_is_told_so(client: Client, administrator: Client) -> None:
    assert refused(client, "core.download", "config.save", [], "x").reason == "[EACCES] Not authorized"
    administrator.job("pool.dataset.encryption_summary", "tank")
    client.job("pool.dataset.encryption_summary", "tank")
    assert {job["credentials"]["data"]["username"] for job in client.call("core.get_jobs")} == {"drtool"}
    assert len(administrator.call("core.get_jobs")) > len(client.call("core.get_jobs"))


def test_questions_are_answered_as_asked(client: Client) -> None:
    def names(*filters: object, **options: object) -> object:
        return client.call("pool.dataset.query", list(filters), {**LISTED, "select": ["id"], "order_by": ["id"], **options})

    assert names(["id", "^", "tank/"]) == [{"id": "tank/documents"}, {"id": "tank/documents/letters"}]
    assert names(["OR", [["id", "=", "tank"], ["id", "$", "letters"]]]) == [{"id": "tank"}, {"id": "tank/documents/letters"}]
    assert names(["id", "in", ["tank", "tank/nope"]]) == [{"id": "tank"}]
    assert names(["id", "C=", "TANK"]) == [{"id": "tank"}]
    every = ["id", "!=", ""]
    assert names(every, order_by=["-id"], limit=1) == [{"id": "tank/documents/letters"}]
    assert names(every, offset=1, limit=1) == [{"id": "tank/documents"}]
    assert names(every, count=True) == 3
    assert names(["id", "=", "tank"], count=True) == 3, "the vendor counts before it filters"
    error = refused(client, "pool.dataset.query", [["id", "=", "nope"]], {**LISTED, "get": True})
    assert (error.code, error.data["error"], error.reason) == (-32001, 22, "MatchNotFound()")


def test_without_children_a_query_looks_where_its_release_looks(nas: TrueNasServer, oldest: TrueNasServer, newest: TrueNasServer) -> None:
    every, roots = ["tank", "tank/documents", "tank/documents/letters"], ["tank"]
    below = [["id", "^", "tank/"]]
    told = {
        "25.04": {"none": roots, "always true": roots, "below": [], "one": every[1:2], "several": every[1:]},
        "25.10": {"none": roots, "always true": every, "below": every[1:], "one": every[1:2], "several": every[1:]},
    }
    told["26"] = told["25.10"]
    asked = {
        "none": [],
        "always true": [["id", "!=", ""]],
        "below": below,
        "one": [["id", "=", every[1]]],
        "several": [["id", "in", every[1:]]],
    }
    for release, server in (("25.04", oldest), ("25.10", nas), ("26", newest)):
        with server.client() as client:
            found = {
                name: sorted(row["id"] for row in client.call("pool.dataset.query", filters, LISTED)) for name, filters in asked.items()
            }
            assert found == told[release], release
            whole = client.call("pool.dataset.query", below, {"extra": {"properties": []}})
            assert sorted(row["id"] for row in whole) == every[1:], release


def test_what_is_offered_before_a_login(nas: TrueNasServer, oldest: TrueNasServer, newest: TrueNasServer) -> None:
    for server in (oldest, nas):
        with server.client("") as client:
            answer = client.call("core.set_options", {"py_exceptions": False})
            assert answer is None if server is oldest else answer["py_exceptions"] is False
            assert refused(client, "auth.mechanism_choices").code == -32001
    with newest.client("") as client:
        assert "SCRAM" in client.call("auth.mechanism_choices")


def test_a_clone_of_the_newest_release_takes_no_word_of_a_user(nas: TrueNasServer, newest: TrueNasServer) -> None:
    for server, taken in ((nas, True), (newest, False)):
        with server.client() as client:
            client.call("pool.snapshot.create", {"dataset": "tank/documents", "name": "words"})
            request = {"snapshot": "tank/documents@words", "dataset_dst": "tank/words", "dataset_properties": {"ours:word": "x"}}
            if taken:
                assert client.call("pool.snapshot.clone", request) is True
                client.call("pool.dataset.delete", "tank/words")
            else:
                assert "not a valid ZFS property" in refused(client, "pool.snapshot.clone", request).reason
            client.call("pool.snapshot.delete", "tank/documents@words")


def test_a_row_holds_its_children_unless_asked_not_to(client: Client) -> None:
    rows = {row["id"]: row for row in client.call("pool.dataset.query", [["id", "=", "tank"]], {"extra": {"properties": []}})}
    assert [child["id"] for child in rows["tank"]["children"]] == ["tank/documents"]
    flat = client.call("pool.dataset.query", [["id", "=", "tank"]], LISTED)
    assert flat[0]["children"] == []


@pytest.fixture(scope="module")
def oldest() -> Iterator[TrueNasServer]:
    with TrueNasServer(release="25.04") as server:
        yield server


@pytest.fixture(scope="module")
def newest() -> Iterator[TrueNasServer]:
    with TrueNasServer(release="26") as server:
        yield server


def test_each_release_has_its_own_methods(nas: TrueNasServer, oldest: TrueNasServer, newest: TrueNasServer) -> None:
    found = {}
    for server in (oldest, nas, newest):
        with server.client() as client:
            services = ("pool.snapshot", "zfs.snapshot", "zfs.resource.snapshot")
            found[client.call("system.version")] = [bool(client.call("core.get_methods", service)) for service in services]
    assert found == {"25.04.2.6": [False, True, False], "25.10.5": [True, False, False], "26.0.0": [True, False, True]}


def test_an_old_address_has_the_old_methods_only(nas: TrueNasServer) -> None:
    with nas.client(path="/api/v25.04.2") as client:
        assert refused(client, "pool.snapshot.query").code == -32601
    with pytest.raises(RefusedError, match="404"):
        nas.client(path="/api/v26.0.0")
    with pytest.raises(RefusedError, match="404"):
        nas.client(path="/websocket")


def test_what_is_told_to_anybody(nas: TrueNasServer, oldest: TrueNasServer, newest: TrueNasServer) -> None:
    assert json.loads(get(oldest, "/api/versions")) == ["v25.04.0", "v25.04.1", "v25.04.2"]
    assert json.loads(get(newest, "/api/versions"))[-1] == "v26.0.0"
    assert len(json.loads(get(nas, "/api/boot_id"))) == 36
    with pytest.raises(urllib.error.HTTPError, match="404") as caught:
        get(oldest, "/api/boot_id")
    caught.value.close()


def test_the_same_refusal_differs_by_release(oldest: TrueNasServer, nas: TrueNasServer, newest: TrueNasServer) -> None:
    for server, service in ((oldest, "zfs.snapshot"), (nas, "pool.snapshot"), (newest, "pool.snapshot")):
        with server.client() as client:
            client.call(f"{service}.create", {"dataset": "tank", "name": "twice"})
            error = refused(client, f"{service}.create", {"dataset": "tank", "name": "twice"})
            client.call(f"{service}.clone", {"snapshot": "tank@twice", "dataset_dst": "tank/clone"})
            kept = refused(client, f"{service}.delete", "tank@twice")
        if server is newest:
            assert (error.code, error.extra[0][2]) == (-32602, 17)
            assert kept.data["errname"] == "EBUSY"
        else:
            assert (error.code, error.data["errname"]) == (-32001, "EEXIST")
            assert error.reason == "[EEXIST] Failed to snapshot tank@twice: dataset already exists"
            said = "Please set this attribute as 'tank@twice' snapshot has dependent clones: tank/clone"
            assert kept.extra[0][:2] == ["options.defer", said]


def test_instants_are_told_as_each_release_does(nas: TrueNasServer, newest: TrueNasServer) -> None:
    seen = []
    for server in (nas, newest):
        with server.client() as client:
            client.call("pool.snapshot.create", {"dataset": "tank", "name": "instant"})
            creation = client.call("pool.snapshot.get_instance", "tank@instant", {"extra": {"properties": ["creation"]}})["properties"][
                "creation"
            ]
            assert int(creation["rawvalue"]) > 1_700_000_000
            seen.append(type(creation["parsed"]))
    assert seen == [dict, int]
