"""From a compiled policy back to its text: what `validate` reads again as the same policy."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from drtool.model.policy import (
    Address,
    BackupSet,
    CheckPolicy,
    DrillPolicy,
    Exclusion,
    ForgetFor,
    Hook,
    Policy,
    Quarantine,
    RepositoryPolicy,
    Retention,
    Sandbox,
    SourcePolicy,
    usual_quarantine,
)

_UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))
_HEAD = "# {name}: the policy as it travelled in a recovery point, every default filled in. Secrets are references. Read it before use.\n"


def spell(policy: Policy) -> str:
    """Return a policy as YAML, every default filled in; what leads to a source that it does not have is left out, told in a comment."""
    from ruamel.yaml import YAML  # noqa: PLC0415 - heavy, and needed once in a run

    left_out: list[str] = []
    document = {
        "drtool": policy.version,
        "name": policy.name,
        **({"site": policy.site} if policy.site else {}),
        "repositories": {name: _repository(each, policy) for name, each in policy.repositories.items()},
        "sources": {name: _source(each) for name, each in policy.sources.items()},
        "sets": {name: _set(each, policy, left_out) for name, each in policy.sets.items()},
        **({"sandboxes": {name: _sandbox(each) for name, each in policy.sandboxes.items()}} if policy.sandboxes else {}),
        **({"drills": {name: _drill(each) for name, each in policy.drills.items()}} if policy.drills else {}),
        **_given(notify=[{each.kind: _keys(each.settings)} for each in policy.notify]),
        **({"evidence": {"key": str(policy.evidence_key)}} if policy.evidence_key else {}),
        **_given(signers=list(policy.signers)),
        **({"inventory": {"exclude": [_exclusion(each) for each in policy.exclusions]}} if policy.exclusions else {}),
        **({"power": {"ups": policy.ups}} if policy.ups else {}),
        **({"policy_in_points": policy.policy_in_points} if policy.policy_in_points != "needed" else {}),
    }
    if policy.policy_in_points != "whole" and not policy.sandboxes:
        left_out.append("sandboxes and drills, which travel with `policy_in_points: whole` only: without new ones nothing is proven")
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.width = 120
    stream = io.StringIO()
    yaml.dump(document, stream)
    comments = "".join(f"# left out: {' '.join(text.split())}\n" for text in left_out)
    return _HEAD.format(name=policy.name) + comments + stream.getvalue()


def _repository(repository: RepositoryPolicy, policy: Policy) -> dict[str, Any]:
    seen_from = {name: _address(each) for name, each in repository.seen_from.items() if name in policy.sources}
    return {
        **_address(repository.address),
        **_given(site=repository.site, seen_from=seen_from, prune=repository.prune),
        **({"verify": _verify(repository)} if repository.verify else {}),
        **_given(upload_limit=_size(repository.upload_limit), download_limit=_size(repository.download_limit)),
        "timeout": duration(repository.timeout),
        **({"append_only": True} if repository.append_only else {}),
        **_given(forget_for={name: _forget_for(each) for name, each in repository.forget_for.items()}),
        **_given(immutable=_immutable(repository)),
    }


def _forget_for(each: ForgetFor) -> dict[str, Any]:
    rules = _quarantine(each.quarantine)
    return {"machines": [*each.machines], "signers": [*each.signers], "keep": _retention(each.keep), "quarantine": rules}


def _immutable(repository: RepositoryPolicy) -> str | dict[str, Any] | None:
    promised = _optional(repository.immutable)
    auditor = {name: str(value) for name, value in repository.auditor.items()}
    return {"at_least": promised, "environment": auditor} if auditor else promised


def _address(address: Address) -> dict[str, Any]:
    environment = {name: str(value) for name, value in address.environment.items()}
    return {"restic": address.location, "password": str(address.password), **_given(environment=environment, ssh_config=address.ssh_config)}


def _verify(repository: RepositoryPolicy) -> dict[str, Any]:
    verify = repository.verify
    return {} if verify is None else {"schedule": verify.schedule, **_given(cycle=_optional(verify.cycle))}


def _source(source: SourcePolicy) -> dict[str, Any]:
    limits = {"at_once": source.limits.at_once, "per_node": source.limits.per_node}
    said = {name: limit for name, limit in limits.items() if limit is not None}
    return {**_given(site=source.site, limits=said), source.kind: _keys(source.settings)}


def _set(backup_set: BackupSet, policy: Policy, left_out: list[str]) -> dict[str, Any]:
    protect = [
        {each.source: {**_keys(each.selector), **({"allow_empty": True} if each.allow_empty else {})}} for each in backup_set.protect
    ]
    hooks = {
        phase: [_hook(hook) for hook in _known(getattr(backup_set.hooks, phase), policy, left_out)]
        for phase in ("before", "after", "before_restore", "after_restore", "on_failure")
    }
    return {
        "protect": protect,
        "to": backup_set.to,
        "copies": [{copy.repository: {"keep": _retention(copy.keep)}} for copy in backup_set.copies],
        "keep": _retention(backup_set.keep),
        "objectives": {
            "rpo": duration(backup_set.objectives.rpo),
            "rto": duration(backup_set.objectives.rto),
            "proof": duration(backup_set.objectives.proof),
        },
        **_given(needs=list(backup_set.needs), schedule=backup_set.schedule, time_zone=backup_set.time_zone),
        **_given(**hooks),
        **_given(checks=[_check(check) for check in backup_set.checks]),
        **_given(consistent_within=_optional(backup_set.consistent_within), nice=backup_set.nice, quiesce=_optional(backup_set.quiesce)),
        **_given(keep_on_source=_optional(backup_set.keep_on_source)),
        **({} if backup_set.quarantine == usual_quarantine(backup_set.schedule) else {"quarantine": _quarantine(backup_set.quarantine)}),
    }


def _known(hooks: Iterable[Hook], policy: Policy, left_out: list[str]) -> list[Hook]:
    known = [hook for hook in hooks if hook.source in policy.sources]
    left_out += [f"{' '.join(hook.run)} (on {hook.on}, which is not here)" for hook in hooks if hook.source not in policy.sources]
    return known


def _hook(hook: Hook) -> dict[str, Any]:
    return {"run": list(hook.run), "on": hook.on, "timeout": duration(hook.timeout), "on_failure": hook.on_failure}


def _check(check: CheckPolicy) -> dict[str, Any]:
    keys = _keys(check.settings)
    return {check.kind: {**keys, **({"of": check.of} if check.of and not {"of", "in"} & keys.keys() else {})}}


def _retention(keep: Retention) -> dict[str, Any]:
    counts = {name: getattr(keep, name) for name in ("last", "hourly", "daily", "weekly", "monthly", "yearly")}
    return {**_given(**counts, within=_optional(keep.within)), "verified": keep.verified}


def _quarantine(rules: Quarantine) -> dict[str, Any]:
    return {
        "shrinks_below": _percentage(rules.shrinks_below),
        "grows_above": _percentage(rules.grows_above),
        "points_per_day": "off" if rules.points_per_day is None else rules.points_per_day,
    }


def _sandbox(sandbox: Sandbox) -> dict[str, Any]:
    return {"lease": duration(sandbox.lease), **{name: _keys(place) for name, place in sandbox.places.items()}}


def _drill(drill: DrillPolicy) -> dict[str, Any]:
    return {
        "sets": list(drill.sets),
        "from": drill.repository,
        "sandbox": drill.sandbox,
        **_given(schedule=drill.schedule, time_zone=drill.time_zone, negative_control=drill.negative_control),
        **({"key": str(drill.key)} if drill.key else {}),
    }


def _exclusion(exclusion: Exclusion) -> dict[str, Any]:
    return {
        "workload": exclusion.workload,
        "source": exclusion.source,
        "reason": exclusion.reason,
        "until": exclusion.until.date().isoformat(),
    }


def _keys(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return a kind's keys without those that say nothing."""
    return {name: _keys(value) if isinstance(value, Mapping) else value for name, value in settings.items() if value is not None}


def _given(**values: Any) -> dict[str, Any]:  # noqa: ANN401 - any value of a policy
    return {name: value for name, value in values.items() if value}


def duration(value: timedelta) -> str:
    """Spell a duration as policies do: `1d12h`."""
    seconds = max(1, round(value.total_seconds()))
    text = ""
    for unit, size in _UNITS:
        count, seconds = divmod(seconds, size)
        text += f"{count}{unit}" if count else ""
    return text


def _optional(value: timedelta | None) -> str:
    return "" if value is None else duration(value)


def _size(value: int | None) -> str:
    return "" if value is None else f"{value / 1000:.3f} kB"


def _percentage(value: float | None) -> str:
    return "off" if value is None else f"{value * 100:.3f}%"
