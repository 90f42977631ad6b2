from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from drtool.model.ladder import Level
from drtool.model.policy import (
    Address,
    BackupSet,
    CheckPolicy,
    CopyPolicy,
    DrillPolicy,
    Exclusion,
    ForgetFor,
    Hook,
    Hooks,
    NotifierPolicy,
    Objectives,
    Policy,
    Protect,
    Quarantine,
    RepositoryPolicy,
    Retention,
    Sandbox,
    SourceLimits,
    SourcePolicy,
    VerifyPolicy,
    usual_quarantine,
)
from drtool.model.secret import SecretReference, parse_reference
from drtool.policy.check import copies_of, to_of
from drtool.policy.validate import entry_of

if TYPE_CHECKING:
    from drtool.policy.document import Document, Path
    from drtool.policy.schema import (
        DefaultsSchema,
        DrillSchema,
        ForgetForSchema,
        HookSchema,
        KeepSchema,
        PolicySchema,
        QuarantineSchema,
        RepositorySchema,
        SetSchema,
        SourceSchema,
    )
    from drtool.policy.validate import Compiled


def compile_policy(document: Document, policy: PolicySchema, compiled: Compiled) -> Policy:
    """Fill in every default and resolve every name of a policy without mistakes."""
    site = policy.site or policy.name
    defaults = policy.defaults
    sets = {name: _set(document, compiled, name, body, defaults=defaults) for name, body in policy.sets.items()}
    places: dict[str, dict[str, Any]] = {}
    for path, keys in compiled.items():
        if path[0] == "sandboxes":
            places.setdefault(str(path[1]), {})[str(path[2])] = keys
    return Policy(
        name=policy.name,
        site=site,
        repositories={name: _repository(name, body, site=site) for name, body in policy.repositories.items()},
        sources={
            name: SourcePolicy(
                name=name, kind=path[2], site=policy.sources[name].site or site, settings=settings, limits=_limits(policy.sources[name])
            )
            for path, settings in compiled.items()
            if path[0] == "sources" and isinstance(name := path[1], str) and isinstance(path[2], str)
        },
        sets=sets,
        sandboxes={
            name: Sandbox(
                name=name,
                lease=body.lease,
                places=places.get(name, {}),
            )
            for name, body in policy.sandboxes.items()
        },
        drills={name: _drill(name, body, sets) for name, body in policy.drills.items()},
        evidence_key=policy.evidence.key if policy.evidence else None,
        signers=tuple(dict.fromkeys(policy.signers)),
        version=policy.drtool,
        policy_in_points=policy.policy_in_points,
        notify=_notify(document, compiled),
        exclusions=tuple(Exclusion(**dict(each)) for each in policy.inventory.exclude) if policy.inventory else (),
        ups=policy.power.ups if policy.power else "",
    )


def _limits(body: SourceSchema) -> SourceLimits:
    return SourceLimits() if body.limits is None else SourceLimits(body.limits.at_once, body.limits.per_node)


def _notify(document: Document, compiled: Compiled) -> tuple[NotifierPolicy, ...]:
    found: list[NotifierPolicy] = []
    for index, item in enumerate(document.sequence("notify")):
        kind = entry_of(item) or ""
        number = 1 + sum(each.kind == kind for each in found)
        found.append(NotifierPolicy(kind, f"{kind} {number}", compiled["notify", index, kind]))
    return tuple(found)


def _environment(values: Mapping[str, str]) -> dict[str, SecretReference | str]:
    return {name: parse_reference(value) or value for name, value in values.items()}


def _repository(name: str, body: RepositorySchema, *, site: str) -> RepositoryPolicy:
    here = Address(
        location=body.restic,
        password=body.password,
        environment=_environment(body.environment),
        ssh_config=body.ssh_config or "",
    )
    seen_from = {
        source: Address(
            location=other.restic,
            password=other.password or body.password,
            environment=here.environment if other.environment is None else _environment(other.environment),
            ssh_config=other.ssh_config or "",
        )
        for source, other in body.seen_from.items()
    }
    return RepositoryPolicy(
        name=name,
        address=here,
        site=body.site or site,
        seen_from=seen_from,
        prune=body.prune,
        verify=VerifyPolicy(schedule=body.verify.schedule, cycle=body.verify.cycle) if body.verify else None,
        upload_limit=body.upload_limit,
        download_limit=body.download_limit,
        timeout=body.timeout,
        append_only=body.append_only,
        forget_for={of: _forget_for(each) for of, each in body.forget_for.items()},
        **_immutable(body),
    )


def _forget_for(body: ForgetForSchema) -> ForgetFor:
    rules = _quarantine(Quarantine(), body.quarantine)
    return ForgetFor(tuple(dict.fromkeys(body.machines)), tuple(dict.fromkeys(body.signers)), Retention(**_said(body.keep)), rules)


def _immutable(body: RepositorySchema) -> dict[str, Any]:
    found = body.immutable
    if found is None or isinstance(found, timedelta):
        return {"immutable": found}
    return {"immutable": found.at_least, "auditor": _environment(found.environment)}


def _said(model: Any) -> dict[str, Any]:  # noqa: ANN401 - any of our schemas, or None
    return {key: value for key, value in dict(model).items() if value is not None} if model is not None else {}


def _set(document: Document, compiled: Compiled, name: str, body: SetSchema, *, defaults: DefaultsSchema | None) -> BackupSet:
    keep = {**_said(defaults and defaults.keep), **_said(body.keep)}
    objectives = {**_said(defaults and defaults.objectives), **_said(body.objectives)}
    own_copies = _copy_rules(body if "copies" in document.mapping("sets", name) else defaults)
    return BackupSet(
        name=name,
        protect=_protect(document, compiled, name),
        to=to_of(document, name)[0],
        keep=Retention(**keep),
        objectives=Objectives(**objectives),
        copies=tuple(
            CopyPolicy(repository=copy, keep=Retention(**{**keep, **_said(own_copies.get(copy))})) for copy, _ in copies_of(document, name)
        ),
        needs=tuple(dict.fromkeys(body.needs)),
        schedule=body.schedule,
        time_zone=body.time_zone,
        hooks=Hooks(
            before=_hooks(body.before),
            after=_hooks(body.after),
            before_restore=_hooks(body.before_restore),
            after_restore=_hooks(body.after_restore),
            on_failure=_hooks(body.on_failure),
        ),
        checks=_checks(document, compiled, name),
        consistent_within=body.consistent_within,
        nice=body.nice,
        quiesce=body.quiesce,
        keep_on_source=body.keep_on_source,
        quarantine=_quarantine(usual_quarantine(body.schedule), defaults.quarantine if defaults else None, body.quarantine),
    )


def _quarantine(rules: Quarantine, *said: QuarantineSchema | str | None) -> Quarantine:
    """Join what is usual and what defaults and the set say, the later over the earlier; `off` turns everything off."""
    for body in said:
        if body == "off":
            rules = Quarantine(None, None, None)
        else:
            rules = replace(rules, **{key: None if value == "off" else value for key, value in _said(body).items()})
    return rules


def _copy_rules(body: DefaultsSchema | None) -> dict[str, KeepSchema | None]:
    copies = body.copies if body is not None else None
    entries = copies if isinstance(copies, list) else [copies or {}]
    return {name: copy.keep if copy else None for entry in entries if isinstance(entry, dict) for name, copy in entry.items()}


def _protect(document: Document, compiled: Compiled, name: str) -> tuple[Protect, ...]:
    found = []
    for index, item in enumerate(document.sequence("sets", name, "protect")):
        source = entry_of(item) or ""
        path: Path = ("sets", name, "protect", index, source)
        found.append(Protect(source, compiled[path], allow_empty=document.get(*path, "allow_empty") is True))
    return tuple(found)


def _checks(document: Document, compiled: Compiled, name: str) -> tuple[CheckPolicy, ...]:
    found = []
    count: dict[str, int] = {}
    for index, item in enumerate(document.sequence("sets", name, "checks")):
        kind = entry_of(item) or ""
        path: Path = ("sets", name, "checks", index, kind)
        count[kind] = count.get(kind, 0) + 1
        of = document.text(*path, "of") or document.text(*path, "in")
        settings = dict(compiled[path])
        level = Level(settings.pop("level", Level.ANSWERS))  # a kind's schema may compute it from its keys
        found.append(CheckPolicy(kind=kind, name=f"{kind} {count[kind]}", of=of, settings=settings, level=level))
    return tuple(found)


def _hooks(hooks: list[HookSchema]) -> tuple[Hook, ...]:
    return tuple(Hook(run=tuple(hook.run), on=hook.on, timeout=hook.timeout, on_failure=hook.on_failure) for hook in hooks)


def _drill(name: str, body: DrillSchema, sets: Mapping[str, BackupSet]) -> DrillPolicy:
    first = sets[body.sets[0]]
    last = first.copies[-1].repository if first.copies else first.to
    return DrillPolicy(
        name=name,
        sets=tuple(dict.fromkeys(body.sets)),
        repository=body.repository or last,
        sandbox=body.sandbox,
        schedule=body.schedule,
        time_zone=body.time_zone,
        negative_control=body.negative_control,
        key=body.key,
    )
