"""A simulated TrueNAS as a throw-away server, and the plainest client that speaks to it."""

import contextlib
import json
import os
import ssl
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self, TypeAlias

from tests.rig.child import Child
from tests.rig.ports import is_listening
from tests.rig.server import Server
from tests.rig.websocket import WebSocket

ROOT = Path(__file__).parents[2]
_SECONDS_TO_STOP = 60
"""Real ZFS writes out what it has and unmounts one after the other; ended before that, it leaves its mounts dead."""

Json: TypeAlias = Any


class TrueNasServer(Server):
    """The appliance that `drtool lab truenas` starts, in its own directory."""

    name: ClassVar[str] = "truenas"
    port_count: ClassVar[int] = 2

    def __init__(self, *options: str, release: str = "25.10", pool: str = "tank") -> None:
        super().__init__()
        self.release = release
        self.pool = pool
        self.home = self.directory / "nas"
        self._options = options

    @property
    def is_zfs(self) -> bool:
        return "--zfs" in self._options

    @property
    def url(self) -> str:
        return f"wss://localhost:{self.port}/api/current"

    @property
    def certificate(self) -> Path:
        return self.home / "certificate.pem"

    @property
    def mount_program(self) -> Path:
        """Directory to be put first on PATH."""
        return self.home / "bin"

    def key(self, user: str = "drtool") -> str:
        return (self.home / f"{user}.key").read_text().strip()

    def path(self, dataset: str) -> Path:
        """Where the bytes of a mounted dataset lie."""
        return self.home / "mnt" / dataset

    def faults(self, *faults: Mapping[str, Any]) -> None:
        """Let things go wrong from now on; none: let all be well."""
        fresh = self.home / "faults.new"
        fresh.write_text(json.dumps(faults))
        fresh.replace(self.home / "faults.json")

    def calls(self, method: str = "") -> list[dict[str, Any]]:
        """The calls as they came, of one method or of all."""
        lines = (self.home / "calls.jsonl").read_text().splitlines()
        return [call for call in map(json.loads, lines) if method in ("", call["method"])]

    def client(self, user: str = "drtool", **named: Json) -> "Client":
        return Client(self, user, **named)

    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.certificate))

    def stop(self) -> None:
        if self._child is not None:
            self._child.stop(seconds=_SECONDS_TO_STOP)

    def close(self) -> None:
        if self.is_zfs and not self.is_running():
            with contextlib.suppress(RuntimeError):
                self.start()  # only what runs lets go of its pool
        self.stop()
        super().close()

    def _spawn(self) -> Child:
        ports = ("--port", str(self.port), "--plain-port", str(self._ports.numbers[1]))
        kept = ("--directory", str(self.home), "--release", self.release, "--pool", self.pool)
        argv = (sys.executable, "-m", "drtool.cli.main", "lab", "truenas", *kept, *ports, "--hasty", *self._options)
        path = os.pathsep.join((str(ROOT), os.environ.get("PYTHONPATH", "")))
        return Child(argv, log=self.log, environment={**os.environ, "PYTHONPATH": path})

    def _answers(self) -> bool:
        return (self.home / "policy.yaml").exists() and is_listening(self.port)

    @property
    def plain_port(self) -> int:
        return self._ports.numbers[1]


class AnswerError(Exception):
    """The appliance said no."""

    def __init__(self, error: dict[str, Any]) -> None:
        data = error.get("data") or {}
        super().__init__(data.get("reason") or error["message"])
        self.code: int = error["code"]
        self.data: dict[str, Any] = data
        self.reason: str = data.get("reason", "")
        self.extra: Sequence[Any] = data.get("extra") or ()


class Client:
    """One connection; logged in unless `user` is empty."""

    def __init__(self, server: TrueNasServer, user: str, *, path: str = "/api/current", plain: bool = False) -> None:
        address = f"ws://localhost:{server.plain_port}{path}" if plain else f"wss://localhost:{server.port}{path}"
        self.socket = WebSocket(address, None if plain else server.tls())
        self.events: list[dict[str, Any]] = []
        self._last = 0
        if user:
            answer = self.login(user, server.key(user))
            assert answer["response_type"] == "SUCCESS", answer

    def login(self, user: str, key: str) -> dict[str, Any]:
        given = {"mechanism": "API_KEY_PLAIN", "username": user, "api_key": key, "login_options": {"user_info": False}}
        answer: dict[str, Any] = self.call("auth.login_ex", given)
        return answer

    def call(self, method: str, *params: Json) -> Json:
        return self.result(self.begin(method, *params))

    def begin(self, method: str, *params: Json) -> int:
        self._last += 1
        self.socket.send(json.dumps({"jsonrpc": "2.0", "id": self._last, "method": method, "params": params}))
        return self._last

    def result(self, number: int, *, seconds: float = 30) -> Json:
        while True:
            message = self.receive(seconds=seconds)
            if "id" not in message:
                self.events.append(message["params"])
            elif message["id"] == number:
                if "error" in message:
                    raise AnswerError(message["error"])
                return message["result"]

    def receive(self, *, seconds: float = 30) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(self.socket.recv(timeout=seconds))
        return message

    def job(self, method: str, *params: Json) -> dict[str, Any]:
        """Begin a job and return it when it has ended."""
        number = self.call(method, *params)
        while True:
            job: dict[str, Any] = self.call("core.get_jobs", [["id", "=", number]], {"get": True, "extra": {"raw_result": True}})
            if job["state"] in {"SUCCESS", "FAILED", "ABORTED"}:
                return job

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
