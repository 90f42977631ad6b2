"""The policy language as pydantic models: every key this release carries out, and no other."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag

from drtool.model.location import KNOWN_FORMS
from drtool.policy.strict import AtOnce, Count, NonEmpty, OneKey, Strict, Version, shape_of
from drtool.policy.values import (
    AbsolutePath,
    CountOrOff,
    Cron,
    Day,
    Duration,
    Fingerprint,
    HookPlace,
    Location,
    LockTime,
    Name,
    PercentageOrOff,
    QuietTime,
    Reason,
    Reference,
    Size,
    TimeZone,
    Ups,
    VariableName,
)

if TYPE_CHECKING:
    from drtool.policy.kinds import Kinds


class SeenFromSchema(Strict):
    """How a repository is reached from another machine."""

    restic: Location
    password: Reference | None = None
    environment: dict[VariableName, str] | None = None
    ssh_config: AbsolutePath | None = None


class VerifySchema(Strict):
    """When a repository is read again: whole each time, or a slice each time."""

    schedule: Cron
    cycle: Duration | None = Field(default=None, description="every byte is read within this time, a slice each time")


class ImmutableSchema(Strict):
    """For how long what a kept point needs stays locked in its bucket, and who looks after that."""

    at_least: LockTime
    environment: dict[VariableName, str] = Field(default_factory=dict, description="credentials that audit and extend; not those of runs")


Immutable = Annotated[
    Annotated[LockTime, Tag("~name")] | Annotated[ImmutableSchema, Tag("~mapping")],
    Discriminator(shape_of, custom_error_type="form", custom_error_message="must be as 30d, or {at_least: 30d, environment: {…}}"),
]


class RepositorySchema(Strict):
    """A restic repository."""

    restic: Location = Field(description=f"where it lies: {KNOWN_FORMS}")
    password: Reference
    environment: dict[VariableName, str] = Field(default_factory=dict)
    ssh_config: AbsolutePath | None = Field(default=None, description="an OpenSSH client configuration file, for sftp")
    site: Name | None = Field(default=None, description="its failure domain")
    seen_from: dict[Name, SeenFromSchema] = Field(default_factory=dict, description="its address, by source name")
    prune: Cron | None = None
    verify: VerifySchema | None = None
    upload_limit: Size | None = Field(default=None, description="per second")
    download_limit: Size | None = Field(default=None, description="per second")
    timeout: Duration = timedelta(seconds=60)
    append_only: bool = Field(default=False, description="nothing can be removed there from here: a trusted machine forgets and prunes")
    forget_for: dict[Name, ForgetForSchema] = Field(
        default_factory=dict, description="this machine is the trusted side: policies, by their `name:`, whose points it forgets here"
    )
    immutable: Immutable | None = Field(default=None, description="of s3: only; what is needed is locked for at least so long")


class LimitsSchema(Strict):
    """How much of a source happens at once."""

    at_once: AtOnce | None = Field(default=None, description="steps that use it; 4 unless said")
    per_node: AtOnce | None = Field(default=None, description="steps that use the same node of it")


class SourceSchema(Strict):
    """A platform that can be asked for data: one key names its kind."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)
    site: Name | None = None
    limits: LimitsSchema | None = None


class KeepSchema(Strict):
    """Rules that give reasons to keep."""

    last: Count | None = None
    hourly: Count | None = None
    daily: Count | None = None
    weekly: Count | None = None
    monthly: Count | None = None
    yearly: Count | None = None
    within: Duration | None = None
    verified: Annotated[int, Field(ge=1, le=1_000_000)] | None = None


class ObjectivesSchema(Strict):
    """RPO: most data, in time, we accept to lose. RTO: longest time until service is back. Proof: how long a passed drill proves."""

    rpo: Duration | None = None
    rto: Duration | None = None
    proof: Duration | None = Field(default=None, description="35d unless it says otherwise: a monthly drill and some days")


class CopySchema(Strict):
    """What differs in a copy."""

    keep: KeepSchema | None = None


CopyMapping = dict[Name, CopySchema | None]
CopyItem = Annotated[Annotated[Name, Tag("~name")] | Annotated[CopyMapping, Tag("~mapping")], Discriminator(shape_of)]
Copies = Annotated[Annotated[list[CopyItem], Tag("~list")] | Annotated[CopyMapping, Tag("~mapping")], Discriminator(shape_of)]


class QuarantineSchema(Strict):
    """When the forgetting of a set stops until somebody has looked."""

    shrinks_below: PercentageOrOff | None = Field(default=None, description="of the usual size in files or bytes; 50% unless said")
    grows_above: PercentageOrOff | None = Field(default=None, description="of the usual size; off unless said")
    points_per_day: CountOrOff | None = Field(
        default=None, description="12 unless said, 50 for a set without a schedule; twice what the schedule asks for is never too many"
    )


Rules = Annotated[Annotated[Literal["off"], Tag("~name")] | Annotated[QuarantineSchema, Tag("~mapping")], Discriminator(shape_of)]


class ForgetForSchema(Strict):
    """What a machine that may only add cannot do itself: whose points are forgotten for it, and by which rules."""

    machines: Annotated[list[NonEmpty], Field(min_length=1)] = Field(description="the ids of the machines, as `drtool doctor` tells them")
    signers: Annotated[list[Fingerprint], Field(min_length=1)] = Field(description="whose signatures on points count, no others")
    keep: KeepSchema
    quarantine: Rules | None = None


class DefaultsSchema(Strict):
    """What every set has unless it says otherwise."""

    objectives: ObjectivesSchema | None = None
    to: Name | None = None
    copies: Copies | None = None
    keep: KeepSchema | None = None
    quarantine: Rules | None = None


class HookSchema(Strict):
    """A command on the machine of a source, or inside a workload."""

    run: Annotated[list[NonEmpty], Field(min_length=1)]
    on: HookPlace = Field(description="a source, or SOURCE:WORKLOAD for a command inside that workload")
    timeout: Duration = timedelta(minutes=5)
    on_failure: Literal["stop", "continue"] = "stop"


class SetSchema(DefaultsSchema):
    """Workloads protected, recovered and judged together."""

    protect: Annotated[list[OneKey], Field(min_length=1)]
    needs: list[Name] = Field(default_factory=list)
    schedule: Cron | None = None
    time_zone: TimeZone = "UTC"
    before: list[HookSchema] = Field(default_factory=list)
    after: list[HookSchema] = Field(default_factory=list)
    before_restore: list[HookSchema] = Field(default_factory=list)
    after_restore: list[HookSchema] = Field(default_factory=list)
    on_failure: list[HookSchema] = Field(default_factory=list)
    checks: list[OneKey] = Field(default_factory=list)
    consistent_within: Duration | None = None
    nice: bool = False
    quiesce: QuietTime | None = Field(
        default=None, description="hold all members still together while their snapshots are taken, at most so long"
    )
    keep_on_source: Duration | None = Field(
        default=None, description="the snapshot of a stored point stays where it was taken for so long, as a quick way back"
    )


class SandboxSchema(Strict):
    """An isolated destination: the keys of each source's place, by source name."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)
    lease: Duration = timedelta(hours=4)


class DrillSchema(Strict):
    """A timed restore into a sandbox, with checks."""

    sets: Annotated[list[Name], Field(min_length=1)]
    repository: Name | None = Field(default=None, alias="from")
    sandbox: Name
    schedule: Cron | None = None
    time_zone: TimeZone = "UTC"
    negative_control: bool = Field(default=False, description="break what was restored on purpose and require red")
    key: Reference | None = Field(default=None, description="opens the repository with this key only, never with the one in use")


class EvidenceSchema(Strict):
    """How evidence is signed."""

    key: Reference = Field(description="an OpenSSH private key of the type ed25519, without a passphrase; one for each host")


class ExclusionSchema(Strict):
    """What is knowingly not protected."""

    workload: NonEmpty = Field(
        description="its name on the source; `*` stands for (a part of) one name, `/**` at the end for everything below"
    )
    source: Name
    reason: Reason
    until: Day = Field(description="the last day of it, in UTC; from then on it is unprotected again")


class InventorySchema(Strict):
    """What `drtool inventory` calls excluded, and not unprotected."""

    exclude: list[ExclusionSchema] = Field(default_factory=list)


class PowerSchema(Strict):
    """What this machine runs on: backups, copies, readings and drills wait while that is a battery."""

    ups: Ups = Field(description="its name as `upsc` of Network UPS Tools takes it: NAME@HOST")


class PolicySchema(Strict):
    """A drtool policy."""

    drtool: Version = Field(description="version of this language")
    name: Name = Field(description="labels everything we make")
    site: Name | None = Field(default=None, description="failure domain of everything that names none")
    repositories: Annotated[dict[Name, RepositorySchema], Field(min_length=1)]
    sources: Annotated[dict[Name, SourceSchema], Field(min_length=1)]
    defaults: DefaultsSchema | None = None
    sets: Annotated[dict[Name, SetSchema], Field(min_length=1)]
    sandboxes: dict[Name, SandboxSchema] = Field(default_factory=dict)
    drills: dict[Name, DrillSchema] = Field(default_factory=dict)
    evidence: EvidenceSchema | None = None
    notify: list[OneKey] = Field(default_factory=list, description="who is told how things ended")
    inventory: InventorySchema | None = None
    power: PowerSchema | None = None
    policy_in_points: Literal["needed", "whole"] = Field(default="needed", description="how much of it travels in every recovery point")
    signers: list[Fingerprint] = Field(
        default_factory=list, description="public keys (ssh-ed25519 …) or fingerprints (SHA256:…) whose points and evidence count, too"
    )


def json_schema(kinds: Kinds) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of one policy file, for editors; names across files are checked by `load` only."""
    from pydantic.json_schema import models_json_schema  # noqa: PLC0415 - only for `drtool schema`

    groups = {
        "source": kinds.sources(),
        "selector": kinds.selectors(),
        "place": kinds.places(),
        "check": kinds.checks(),
        "notifier": kinds.notifiers(),
    }
    models = [model for group in groups.values() for model in group.values()]
    wanted = [(model, "validation") for model in dict.fromkeys([PolicySchema, *models])]
    references, document = models_json_schema(wanted, ref_template="#/$defs/{model}")  # type: ignore[arg-type]
    definitions = document["$defs"]

    def variant(group: str, kind: str, extra: dict[str, Any]) -> dict[str, Any]:
        name = references[groups[group][kind], "validation"]["$ref"].rpartition("/")[2]
        if not extra:
            return {"anyOf": [{"$ref": f"#/$defs/{name}"}, {"type": "null"}]}
        body = {**definitions[name], "properties": {**extra, **definitions[name].get("properties", {})}}
        definitions[f"{group}-{kind}"] = body
        return {"anyOf": [{"$ref": f"#/$defs/{group}-{kind}"}, {"type": "null"}]}

    def one_key(**keys: Any) -> dict[str, Any]:  # noqa: ANN401
        return {"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": False, **keys}

    def any_of(variants: list[dict[str, Any]]) -> dict[str, Any]:
        return {"anyOf": variants} if variants else {"type": "object"}

    text = {"type": "string"}
    if not kinds.nodes():
        del definitions["LimitsSchema"]["properties"]["per_node"]
    source = definitions["SourceSchema"]
    source["properties"].update({kind: variant("source", kind, {}) for kind in groups["source"]})
    source |= {"additionalProperties": False, "oneOf": [{"required": [kind]} for kind in groups["source"]]}
    definitions["SourceSchema"] = source
    selectors = [variant("selector", kind, {"allow_empty": {"type": "boolean"}}) for kind in groups["selector"]]
    checks = {kind: variant("check", kind, {"in": text, "of": text}) for kind in groups["check"]}
    properties = definitions["SetSchema"]["properties"]
    properties["protect"]["items"] = one_key(additionalProperties=any_of(selectors))
    properties["checks"]["items"] = one_key(properties=checks)
    places = [variant("place", kind, {}) for kind in groups["place"]]
    definitions["SandboxSchema"]["additionalProperties"] = any_of(places)
    policy = dict(definitions.pop(references[PolicySchema, "validation"]["$ref"].rpartition("/")[2]))
    policy["properties"]["notify"]["items"] = one_key(properties={kind: variant("notifier", kind, {}) for kind in groups["notifier"]})
    policy.pop("required", None)  # several files are one policy: each may hold a part of it
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **policy, "$defs": definitions}
