"""One connection to the API: JSON-RPC 2.0 in text frames, as strict as the vendor's, and the faults that hit it."""

from __future__ import annotations

import asyncio
import json
import secrets
from dataclasses import dataclass, field
from typing import Final

from websockets.exceptions import InvalidState
from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol

from drtool.lab.truenas import answers
from drtool.lab.truenas.answers import CallError, Json, MatchNotFoundError, ValidationErrors, number_of
from drtool.lab.truenas.appliance import Appliance
from drtool.lab.truenas.dispatch import Methods, Refusal, meanwhile, perform
from drtool.lab.truenas.faults import Fault
from drtool.lab.truenas.jobs import Job
from drtool.lab.truenas.state import Key
from drtool.model.errors import Refused

_STRANGER_CHARACTERS: Final = 8192
_CHARACTERS: Final = 65536
_RUNNING: Final = 10
_WAITING: Final = 10


@dataclass(slots=True, eq=False)
class ApiSession:
    """Who is connected, since when he is somebody, and what he wants to be told."""

    appliance: Appliance
    methods: Methods
    writer: asyncio.StreamWriter
    protocol: ServerProtocol
    peer: str
    secure: bool
    profile: str
    user: str = ""
    proving: tuple[int, str] | None = None
    """Whose key somebody is about to prove that he has, and what both have said so far."""
    key: Key | None = None
    options: dict[str, Json] = field(default_factory=lambda: {"legacy_jobs": True, "private_methods": False, "py_exceptions": False})
    subscriptions: dict[str, str] = field(default_factory=dict)
    _parts: list[bytes] = field(default_factory=list)
    _under_way: int = 0
    _places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_RUNNING))
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def frame(self, frame: Frame) -> None:
        """Take one frame; answers come when they are ready, in any order."""
        if frame.opcode is Opcode.BINARY:
            self.close(1003, "Binary messages are not supported")
        elif frame.opcode in (Opcode.TEXT, Opcode.CONT):
            self._parts.append(bytes(frame.data))
            if frame.fin:
                text, self._parts = b"".join(self._parts).decode(), []
                self._message(text)

    def send(self, message: Json, *, at_least: int = 0) -> None:
        """Send a message, filled up with blanks to a size; to somebody who is gone, nothing."""
        text = json.dumps(message, separators=(",", ":"))
        self._send(text + " " * (at_least - len(text)))

    def tell(self, collection: str, kind: str, job: Job) -> None:
        """Send the news of a job to somebody who asked for them and may know."""
        if collection not in self.subscriptions.values() or not self.user:
            return
        if "FULL_ADMIN" not in self.appliance.roles_of(self.user) and job.user != self.user:
            return
        params = {"msg": kind, "collection": collection, "id": job.id, "fields": job.row(raw=True)}
        self.send({"jsonrpc": "2.0", "method": "collection_update", "params": params})

    def close(self, code: int, reason: str) -> None:
        """Say good-bye and mean it."""
        try:
            self.protocol.send_close(code, reason)
        except InvalidState:
            return
        self.flush()

    def cut(self) -> None:
        """Be gone without a word; calls under way are carried out all the same."""
        self.writer.transport.abort()

    def flush(self) -> None:
        """Hand over to the network what the protocol wants sent."""
        for data in self.protocol.data_to_send():
            if data and not self.writer.transport.is_closing():
                self.writer.write(data)

    def subscribe(self, event: str) -> str:
        """Tell of events from now on; returns the name of the subscription."""
        name = secrets.token_hex(16)
        self.subscriptions[name] = event
        return name

    def _send(self, text: str) -> None:
        try:
            self.protocol.send_text(text.encode())
        except InvalidState:
            return
        self.flush()

    def _message(self, text: str) -> None:
        if len(text) > (_CHARACTERS if self.user else _STRANGER_CHARACTERS):
            limit = "64 kB" if self.user else "8 kB"
            self.close(1009 if self.user else 1007, f"Max message length is {limit}")
            return
        try:
            message = json.loads(text)
        except json.JSONDecodeError as error:
            self.send(answers.failure(None, answers.INVALID_JSON, f"{error.msg}: line {error.lineno} column {error.colno}"))
            return
        if isinstance(message, list):
            self.send(answers.failure(None, answers.INVALID_JSON, "Batch messages are not supported"))
            return
        if problem := _problem_of(message):
            identity = message.get("id") if isinstance(message, dict) else None
            self.send(answers.failure(identity, answers.INVALID_REQUEST, problem))
            return
        if self._under_way >= _RUNNING + _WAITING:
            said = f"Maximum number of concurrent calls ({_RUNNING + _WAITING}) has exceeded."
            self.send(answers.failure(message.get("id"), answers.TOO_MANY_CALLS, said))
            return
        self._under_way += 1
        task = asyncio.ensure_future(self._answer(message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, message: dict[str, Json]) -> None:
        method, params = message["method"], message.get("params", [])
        try:
            faults = self.appliance.faults.of(method)
        except Refused as error:
            self._under_way -= 1
            self.send(answers.failed(message.get("id"), CallError(f"the script of faults is wrong: {error.what}")))
            return
        try:
            async with self._places:
                if self._goes_down(faults, "before"):
                    self.appliance.note(method, params, self.user, "cut_before")
                    return
                answer, outcome = await self._carried_out(message, faults)
        finally:
            self._under_way -= 1
        if all(fault.kind != "nothing" for fault in faults):  # such an answer is wrong on purpose
            self.appliance.witness(self.profile, message, answer)
        gone = self._goes_down(faults, "after")
        self.appliance.note(method, params, self.user, "cut_after" if gone else outcome)
        if not gone and "id" in message:
            self.send(answer, at_least=max((fault.bytes for fault in faults if fault.kind == "large"), default=0))

    async def _carried_out(self, message: dict[str, Json], faults: tuple[Fault, ...]) -> tuple[dict[str, Json], str]:
        identity = message.get("id")
        try:
            await self._misled(faults)
            result = await perform(
                self.appliance, self.methods, self, message["method"], message.get("params", []), identity=identity, faults=faults
            )
            _fail_after(faults)
        except Refusal as error:
            return answers.failure(identity, error.code, str(error)), str(error)
        except (CallError, ValidationErrors, MatchNotFoundError, OSError) as error:
            number = error.number if isinstance(error, CallError) else 22
            return answers.failed(identity, error), answers.name_of(number)
        return answers.success(identity, result), "done"

    async def _misled(self, faults: tuple[Fault, ...]) -> None:
        for fault in faults:
            if fault.kind == "slow":
                await asyncio.sleep(fault.seconds)
            elif fault.kind == "rate_limit":
                raise CallError("Rate Limit Exceeded", number_of("EBUSY"))
            elif fault.kind == "error":
                raise CallError(fault.reason, number_of(fault.errno))
            elif fault.kind == "meanwhile":
                await meanwhile(self.appliance, self.methods, self, fault)
            elif fault.kind == "certificate":
                self.appliance.renew_certificate()

    def _goes_down(self, faults: tuple[Fault, ...], when: str) -> bool:
        """Tell whether this connection ends now, and end it."""
        gone = False
        for fault in faults:
            if fault.kind == f"reboot_{when}":
                self.appliance.reboot(fault.seconds)
                gone = True
            elif fault.kind == "revoke" and when == "before" and self.key is not None:
                self.appliance.revoke(self.key)
                gone = True
            elif fault.kind == f"cut_{when}":
                self.cut()
                gone = True
        return gone


def _fail_after(faults: tuple[Fault, ...]) -> None:
    for fault in faults:
        if fault.kind == "error_after":
            raise CallError(fault.reason, number_of(fault.errno))


def _problem_of(message: Json) -> str:
    """Return what is wrong with a message that is JSON and no call, empty when it is one."""
    if not isinstance(message, dict):
        return "Invalid Message Format"
    if message.get("jsonrpc") != "2.0":
        return "Missing or invalid 'jsonrpc' member"
    if not isinstance(message.get("method"), str):
        return "Missing 'method' member"
    if not isinstance(message.get("id"), (int, str, type(None))):
        return "'id' member must be of type string or number"
    if not isinstance(message.get("params", []), list):
        return "'params' member must be of type array"
    return ""
