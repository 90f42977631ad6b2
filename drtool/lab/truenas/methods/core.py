"""`core.*`: jobs, events, downloads, and what else there is."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel

from drtool.lab.truenas import query
from drtool.lab.truenas.answers import CallError, Json
from drtool.lab.truenas.dispatch import EACCES, begin, call_of
from drtool.lab.truenas.registry import NOBODY, Arguments, Call, Method, NoArguments, allowed, bind


class Query(Arguments):
    filters: list[Any] = []
    options: dict[str, Any] = {}


class GetMethods(Arguments):
    service: str | None = None
    target: str = "WS"


class Identity(Arguments):
    id: int


class Event(Arguments):
    event: str


class Subscription(Arguments):
    id_: str


class Download(Arguments):
    method: str
    args: list[Any]
    filename: str
    buffered: bool = False


class Options(BaseModel):
    """Options of a session; what a later release knows is passed over."""

    legacy_jobs: bool | None = None
    private_methods: bool | None = None
    py_exceptions: bool | None = None


class SetOptions(Arguments):
    options: Options


def ping(_call: Call, _arguments: NoArguments) -> str:
    """Answer."""
    return "pong"


def get_methods(call: Call, arguments: GetMethods) -> Json:
    """Tell the methods of a service, or all, with who may call them."""
    profile = call.session.profile if call.session is not None else call.appliance.state.profile
    found = {}
    for name, method in sorted(call.methods.items()):
        if method.is_in(profile) and (arguments.service is None or name.rpartition(".")[0] == arguments.service):
            found[name] = {
                "description": method.work.__doc__ or "",
                "job": method.job,
                "downloadable": method.pipe == "output",
                "uploadable": method.pipe == "input",
                "no_auth_required": NOBODY in method.roles,
                "roles": [role for role in method.roles if role not in {NOBODY, "ANY"}],
                "filterable": method.arguments is Query,
            }
    return found


def get_jobs(call: Call, arguments: Query) -> Json:
    """Tell the jobs: all of them to a full administrator, their own to others; secret results only when asked for."""
    everyone = "FULL_ADMIN" in call.appliance.roles_of(call.user)
    raw = bool((arguments.options.get("extra") or {}).get("raw_result"))
    rows = call.appliance.jobs.rows(raw=raw, user=None if everyone else call.user)
    return query.run(rows, arguments.filters, arguments.options)


def job_abort(call: Call, arguments: Identity) -> None:
    """End a job, if it lets itself be ended."""
    call.appliance.jobs.abort(arguments.id)


def subscribe(call: Call, arguments: Event) -> Json:
    """Tell of events from now on."""
    return call.session.subscribe(arguments.event) if call.session is not None else None


def unsubscribe(call: Call, arguments: Subscription) -> None:
    """Tell of them no more."""
    if call.session is not None:
        call.session.subscriptions.pop(arguments.id_, None)


def set_options(call: Call, arguments: SetOptions) -> Json:
    """Set what this session wants to be different."""
    if call.session is None:
        return None
    call.session.options.update(arguments.options.model_dump(exclude_none=True))
    return call.session.options if call.appliance.state.at_least("25.10") else None


def download(call: Call, arguments: Download) -> Json:
    """Begin a job that makes a file, and tell where the file can be taken."""
    appliance = call.appliance
    method = call.methods.get(arguments.method)
    if method is None or not method.is_in(appliance.state.profile) or method.pipe != "output":
        raise CallError("Method is not downloadable", 22)
    if not allowed(appliance.roles_of(call.user), method):
        raise CallError("Not authorized", EACCES)
    if call.session is None:
        raise CallError("There is no session")
    faults = appliance.faults.of(arguments.method)
    taken = bind(method.arguments, arguments.args)
    job_call = call_of(appliance, call.methods, call.session, call.user, faults)
    job = begin(appliance, method, job_call, taken, arguments.args, message=None, faults=faults)
    appliance.note(arguments.method, arguments.args, call.user, "done")
    token = appliance.new_token(call.user, call.session.peer, job=job.id, filename=arguments.filename)
    return [job.id, f"/_download/{job.id}?auth_token={token}"]


METHODS: Final = (
    Method("core.ping", NoArguments, ping, roles=(NOBODY,), direct=True),
    Method("core.get_methods", GetMethods, get_methods, direct=True),
    Method("core.get_jobs", Query, get_jobs, direct=True),
    Method("core.job_abort", Identity, job_abort, direct=True),
    Method("core.subscribe", Event, subscribe, direct=True),
    Method("core.unsubscribe", Subscription, unsubscribe, direct=True),
    Method("core.set_options", SetOptions, set_options, roles=(NOBODY,), limited=False, direct=True),
    Method("core.download", Download, download, direct=True),
)
