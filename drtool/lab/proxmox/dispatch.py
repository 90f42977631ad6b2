"""From what came over the wire to what is answered: who asks, what goes wrong, whether he may, and the work."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from drtool.lab.proxmox.answers import AnswerError, Json, unreachable, wrong
from drtool.lab.proxmox.calls import Call, Table
from drtool.lab.proxmox.cluster import Asked, Cluster, Exchange
from drtool.lab.proxmox.faults import Fault
from drtool.lab.proxmox.login import Shown, let_in
from drtool.lab.proxmox.parameters import take

_TIMED_OUT: Final = "Connection timed out"
_BROKEN: Final = "Broken pipe"
_UNAUTHORIZED: Final = 401
_NO_ANSWER: Final = 0
_FOR_EVERYBODY: Final = {("POST", "/access/ticket"), ("GET", "/access/domains")}


@dataclass(frozen=True, slots=True)
class Incoming:
    """One request as it came: the node that was asked, method, path, parameters as texts, and what is shown."""

    node: str
    method: str
    path: str
    given: Mapping[str, Sequence[str]]
    shown: Shown


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back: a status with its reason, the data, errors by parameter; `content` instead of all that; or nothing at all."""

    status: int = 200
    reason: str = ""
    data: Json = None
    errors: Mapping[str, str] | None = None
    content: bytes | None = None
    cut: bool = False

    @classmethod
    def of_error(cls, error: AnswerError) -> Answer:
        """Return what is sent for an error; a worker that has to say more than ASCII dies of it, as the vendor's do."""
        if not error.reason.isascii():
            return cls(596, _BROKEN)
        return cls(error.status, error.reason, errors=error.errors)


@dataclass(slots=True)
class Dispatch:
    """Answers every request to every node of a cluster."""

    cluster: Cluster
    table: Table

    def is_online(self, node: str) -> bool:
        """Tell whether a node runs."""
        return self.cluster.state.nodes[node].online

    def answer(self, incoming: Incoming) -> Answer:
        """Return what is answered to a request, after it has been written down and shown to the witness."""
        with self.cluster.lock:
            faults = self.cluster.faults.of(incoming.method, incoming.path)
        told = dict.fromkeys(fault.kind for fault in faults)
        for fault in faults:
            if fault.kind in {"slow", "timeout_before"}:
                _wait(fault.seconds)
        given = {name: values[0] if len(values) == 1 else list(values) for name, values in incoming.given.items()}
        with self.cluster.lock:
            call, who, answer = self._answer(incoming, faults)
            self.cluster.note(incoming.method, incoming.path, given, who=who, outcome=" ".join([str(answer.status), *told]))
            path = call.path if call is not None else ""
            self.cluster.witness(
                self.cluster.state.release,
                Exchange(incoming.method, path, self._whole(incoming, call, given), answer.status, answer.data),
            )
        if answer.status == _UNAUTHORIZED:
            _wait(self.cluster.refusal_seconds)
        for fault in faults:
            if fault.kind == "timeout_after":
                _wait(fault.seconds)
        return _spoilt(answer, faults)

    def _whole(self, incoming: Incoming, call: Call | None, given: Mapping[str, Json]) -> Mapping[str, Json]:
        """Return the parameters with those of the path; what is said twice and not alike is a list."""
        if call is None:
            return given
        of_path = self.table.find(incoming.method, incoming.path, self.cluster.state.release)[1]
        twice = {name: [value, given[name]] for name, value in of_path.items() if given.get(name, value) != value}
        return {**given, **of_path, **twice}

    def _answer(self, incoming: Incoming, faults: Sequence[Fault]) -> tuple[Call | None, str, Answer]:
        call: Call | None = None
        who = ""
        try:
            who = self._let_in(incoming)
            self._break(faults, who)
            self._let_in(incoming)
            call, of_path = self.table.find(incoming.method, incoming.path, self.cluster.state.release)
            asked = self._taken(call, incoming, of_path, who)
            data = self._work(call, asked)
            return call, who, Answer(data=data, content=data if isinstance(data, bytes) else None)
        except AnswerError as error:
            return call, who, Answer.of_error(error)

    def _let_in(self, incoming: Incoming) -> str:
        """Return who asks, nobody for what is there to log in with; whoever is not let in is not told which calls there are."""
        if (incoming.method, incoming.path) in _FOR_EVERYBODY:
            return ""
        return let_in(self.cluster, incoming.shown, incoming.method)

    def _taken(self, call: Call, incoming: Incoming, of_path: Mapping[str, str], who: str) -> Asked:
        """Return the call with its parameters as what they are, once it is known that it may be made."""
        for name in of_path.keys() & incoming.given.keys():
            if list(incoming.given[name]) != [of_path[name]]:
                raise wrong({name: "duplicate parameter (already defined in URI) with conflicting values!"})
        call.allow(self.cluster.state, who, of_path)
        if call.proxied and of_path["node"] != incoming.node:
            self.cluster.node(of_path["node"])
        given = take(
            call.parameters_in(self.cluster.state.release), {**incoming.given, **{name: [value] for name, value in of_path.items()}}
        )
        return Asked(self.cluster, who, incoming.node, given)

    def _work(self, call: Call, asked: Asked) -> Json:
        data = call.work(asked)
        if call.method != "GET":
            self.cluster.save()
        return data

    def _break(self, faults: Sequence[Fault], who: str) -> None:
        """Let what is lasting go wrong, and raise what stands in the way of the work."""
        state = self.cluster.state
        user, _, name = who.partition("!")
        for fault in faults:
            if fault.kind == "revoke" and name:
                state.users[user].tokens.pop(name, None)
            elif fault.kind == "unprivileged":
                state.grants = [grant for grant in state.grants if grant.holder not in {who, user}]
            elif fault.kind == "offline":
                state.nodes[fault.reason].online = False
            elif fault.kind == "no_quorum":
                state.quorate = False
            elif fault.kind == "certificate":
                self.cluster.on_certificates()
        for fault in faults:
            error = _instead_of_work(fault)
            if error is not None:
                raise error


def _instead_of_work(fault: Fault) -> AnswerError | None:
    """Return what is answered instead of the work, None where the work is done."""
    match fault.kind:
        case "cut_before" | "certificate":
            return AnswerError(_NO_ANSWER, fault.kind)
        case "unreachable":
            return unreachable(fault.reason or "Connection refused")
        case "timeout_before":
            return AnswerError(596, _TIMED_OUT)
        case "error":
            return AnswerError(fault.status, fault.reason or "got an error")
        case _:
            return None


def _spoilt(answer: Answer, faults: Sequence[Fault]) -> Answer:
    """Return what is sent instead, once the work is done."""
    kinds = {fault.kind for fault in faults}
    if answer.status == _NO_ANSWER or "cut_after" in kinds:
        return Answer(cut=True)
    if "timeout_after" in kinds:
        return Answer(596, _TIMED_OUT)
    if "broken_pipe" in kinds:
        return Answer(596, _BROKEN)
    if "nothing" in kinds:
        return Answer()
    if "empty" in kinds:
        return Answer(content=b"")
    return Answer(content=b"<html><body>pve-proxy</body></html>") if "garbage" in kinds else answer


def _wait(seconds: float) -> None:
    """Wait without holding anything."""
    threading.Event().wait(seconds)
