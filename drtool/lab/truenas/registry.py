"""Which methods there are: their arguments, who may call them, and in which release."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from drtool.lab.truenas.answers import Json, ValidationErrors
from drtool.lab.truenas.appliance import Appliance
from drtool.lab.truenas.connection import Connection
from drtool.lab.truenas.state import PROFILES
from drtool.lab.truenas.storage import Storage

ANY: Final = "ANY"
"""Whoever is logged in."""
NOBODY: Final = ""
"""Whoever is connected."""
_IMPLIED: Final = {
    "READONLY_ADMIN": ("_READ", "ALERT_LIST_READ"),
    "SHARING_ADMIN": ("SHARING_", "DATASET_READ", "DATASET_WRITE", "DATASET_DELETE", "READONLY_ADMIN"),
}


class Arguments(BaseModel):
    """The arguments of a method, in their order; or one object among them. Strict, and nothing beyond what is named."""

    model_config = ConfigDict(strict=True, extra="forbid")


class NoArguments(Arguments):
    """None at all."""


@dataclass(slots=True)
class Call:
    """One call under way: the appliance, what else may be asked of it, who asks, and the bytes of an upload or for a download."""

    appliance: Appliance
    methods: Mapping[str, Method]
    storage: Storage
    session: Connection | None
    user: str
    upload: bytes = b""
    download: bytes = b""
    progress: Callable[[int, str], None] = lambda _percent, _text: None
    mounted: bool = True
    """False where a fault wants what is made to be there and not mounted."""
    late_seconds: float = 0.0
    """How long a fault keeps the device of a new volume away, or a machine that was told to stop running."""


Work = Callable[[Call, Json], Json]


@dataclass(frozen=True, slots=True)
class Method:
    """One method: `roles` of which one suffices; a `job` answers with its number at once; `pipe` is `input`, `output` or nothing.

    `direct` work is done by the connection itself and never waits for the storage. `secret` results are shown as stars.
    """

    name: str
    arguments: type[Arguments]
    work: Work
    roles: tuple[str, ...] = (ANY,)
    first: str = PROFILES[0]
    last: str = PROFILES[-1]
    job: bool = False
    pipe: str = ""
    direct: bool = False
    secret: bool = False
    abortable: bool = False
    limited: bool = True
    """Whether somebody not logged in may call it only so often."""
    lock: Callable[[Json], str] = field(default=lambda _arguments: "")

    def is_in(self, profile: str) -> bool:
        """Tell whether that release has it."""
        return PROFILES.index(self.first) <= PROFILES.index(profile) <= PROFILES.index(self.last)


def allowed(roles: Sequence[str], method: Method) -> bool:
    """Tell whether somebody with these roles may call a method."""
    if ANY in method.roles or NOBODY in method.roles or "FULL_ADMIN" in roles:
        return True
    return any(covers(role, wanted) for role in roles for wanted in method.roles)


def covers(role: str, wanted: str) -> bool:
    """Tell whether a role is, or brings along, another: who may write may read."""
    if role == wanted or (role.endswith("_WRITE") and wanted == f"{role.removesuffix('_WRITE')}_READ"):
        return True
    return any(wanted.startswith(part) or wanted.endswith(part) for part in _IMPLIED.get(role, ()))


Taken = TypeVar("Taken", bound=Arguments)


def bind(model: type[Taken], params: Json) -> Taken:
    """Return the arguments of a call; ValidationErrors names each that is missing, unknown or of a wrong type."""
    names = list(model.model_fields)
    if not isinstance(params, list):
        raise ValidationErrors([("", "params must be a list", 22)])
    if len(params) > len(names):
        raise ValidationErrors([("", f"Too many arguments (expected {len(names)}, found {len(params)})", 22)])
    try:
        return model.model_validate(dict(zip(names, params, strict=False)))
    except ValidationError as error:
        raise ValidationErrors(
            (".".join(str(part) for part in each["loc"]), each["msg"], 22) for each in error.errors(include_url=False)
        ) from None


def table(methods: Sequence[Method]) -> Mapping[str, Method]:
    """Return methods by name."""
    return {method.name: method for method in methods}
