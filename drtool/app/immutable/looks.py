from __future__ import annotations

from contextlib import closing

from drtool.app.composition import make_immutable_store
from drtool.app.immutable.bucket import bucket_of, locked_repository
from drtool.app.runtime import Runtime
from drtool.app.working import working
from drtool.catalog.immutable_log import keep_found, last_found
from drtool.engine.immutable.audit import audit
from drtool.model.errors import DrtoolError, Interrupted
from drtool.model.immutable import ImmutableAudit
from drtool.model.locks_found import LocksFound
from drtool.planning.immutable import judge_bucket
from drtool.planning.locks_found import tell_of_locks
from drtool.planning.memory import spell_vanished
from drtool.ports import Finding


def immutable_audit(runtime: Runtime, repository: str | None = None) -> ImmutableAudit:
    """Look until when everything that a kept point needs is locked, and for the points that are known; what was found `status` goes by."""
    name = locked_repository(runtime, repository)
    with working(runtime), bucket_of(runtime, name) as bucket:
        missed = _missed_points(runtime, name)
        found = audit(bucket.store, bucket.index, bucket.known, clock=runtime.clock, promised=bucket.promised, missed_points=missed)
    told = LocksFound(found.taken, found.needed, found.earliest, found.unlocked, found.attention)
    keep_found(runtime.state_directory, name, told)
    return found


def _missed_points(runtime: Runtime, name: str) -> tuple[str, ...]:
    try:
        return spell_vanished(name, runtime.adapters.repositories[name].list().vanished)
    except Interrupted:
        raise
    except DrtoolError as error:
        return (f"its points cannot be listed: {error.what}",)


def examine_locks(runtime: Runtime, name: str) -> tuple[Finding, ...]:
    """Say whether the bucket of a repository keeps what `immutable:` promises, and what the last look at its locks found."""
    policy = runtime.policy.repositories[name]
    promised = policy.immutable
    if promised is None:
        return ()
    subject = f"{name}: immutable"
    try:
        runtime.adapters.pack_index(name)  # refused for a policy out of a repository: its secrets are not looked up
        with closing(make_immutable_store(policy, runtime.clock)) as store:
            findings = judge_bucket(name, store.bucket(), promised)
    except DrtoolError as error:
        return (Finding(subject, good=False, text=error.what, remedy=error.hint),)
    if not policy.auditor:
        text = "its locks are looked after with the credentials of every run"
        findings += (Finding(subject, good=None, text=text, remedy="give the auditor others: immutable: {at_least: …, environment: …}"),)
    told = tell_of_locks(name, promised, last_found(runtime.state_directory, name), now=runtime.clock.now()).removeprefix(f"{name}: ")
    if told and told not in {each.text for each in findings}:
        findings += (Finding(subject, good=False, text=told, remedy=f"drtool immutable audit {name}"),)
    return findings
