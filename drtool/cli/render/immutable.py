"""Locks of a bucket as a person reads them: what is promised, what is so, and what would be done about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drtool.cli.render.words import BAD, GOOD, counted, duration, printable, short_id, size, stamp

if TYPE_CHECKING:
    from drtool.model.immutable import BucketLock, Extended, ExtendPlan, ImmutableAudit, PointLook, Recovered, RecoverPlan

_DAYS = 5


def audit_lines(found: ImmutableAudit) -> list[str]:
    """Return what the bucket does, when the locks run out, and what needs attention."""
    name = printable(found.repository)
    promised = "nothing is promised" if found.promised_seconds is None else f"{duration(found.promised_seconds)} promised"
    locked = found.needed - found.unlocked - found.short - found.gone
    enough = "" if found.promised_seconds is None else " for at least that long"
    lines = [
        f"{name}: {_bucket(found.bucket)}; {promised}",
        f"  needed: {counted(found.needed, 'object')} ({printable(found.basis)})",
        f"  locked{enough}: {max(0, locked)}; for less: {found.short}; not at all: {found.unlocked}",
    ]
    if found.by_day:
        days = list(found.by_day.items())
        more = f" and {counted(len(days) - _DAYS, 'later day')}" if len(days) > _DAYS else ""
        lines.append(f"  run out: {', '.join(f'{day}: {count}' for day, count in days[:_DAYS])}{more}")
    if found.attention and found.soonest:
        lines.append(f"  the first: {', '.join(map(_name, found.soonest[:3]))}")
    if found.changed:
        lines.append(f"  {counted(found.changed, 'object')} overwritten at some time; the oldest version is kept locked, too")
    if found.hidden_names:
        lines.append(f"  hidden: {', '.join(map(_name, found.hidden_names[:3]))}")
    if found.foreign:
        lines.append(f"  {counted(found.foreign, 'name')} there that are none of a repository's: left alone")
    lines.append(f"  {counted(found.requests, 'request')}; {counted(found.asked, 'lock')} asked for, the others known")
    lines += [f"  {printable(text)} {BAD}" for text in found.attention] or [f"  all well {GOOD}"]
    return lines + ([f"  next: {printable(found.next)}"] if found.next else [])


def extend_plan_lines(plan: ExtendPlan) -> list[str]:
    """Return what would be locked, and until when."""
    first = f"; the first lock runs out at {stamp(plan.earliest)}" if plan.earliest else ""
    lines = [
        f"{printable(plan.repository)}: {plan.due} of {counted(plan.needed, 'object')} would be locked until {stamp(plan.until)}{first}"
    ]
    lines.append(f"  {printable(plan.basis)}")
    lines += ["  COMPLIANCE mode: nobody can take that back, and it costs until then"] if plan.mode == "COMPLIANCE" and plan.due else []
    return lines + [f"  {printable(note)}" for note in plan.notes]


def extended_lines(done: Extended) -> list[str]:
    """Return what was extended."""
    first = f"the first lock runs out at {stamp(done.earliest)}" if done.earliest else "nothing is locked"
    mark = BAD if done.missed else GOOD
    lines = [f"{printable(done.repository)}: {counted(done.extended, 'lock')} renewed {mark}, {first}; {counted(done.requests, 'request')}"]
    lines += [f"  {printable(text)} {BAD}" for text in done.missed]
    return lines + ([f"  next: {printable(done.next)}"] if done.next else [])


def recover_plan_lines(plan: RecoverPlan) -> list[str]:
    """Return what would be brought back."""
    lines = [
        f"{printable(plan.repository)}, since {stamp(plan.since)}: {counted(plan.changes, 'object')} to mend",
        f"  hidden, brought back by lifting its delete marker: {plan.uncover}",
        f"  overwritten, the right version copied over it: {plan.bring_back}",
        f"  no content of its name, hidden by a delete marker: {plan.set_aside}",
        f"  as it was: {plan.fine}; hidden before, and left so: {plan.left}; read to tell: {size(plan.read)}",
    ]
    if plan.left_lately and plan.first_lately is not None:
        lines.append(
            f"  hidden in the week before, and left so: {plan.left_lately}, the first at {stamp(plan.first_lately)}; "
            f"if that was not yours: --since {plan.first_lately:%Y-%m-%dT%H:%M:%S}"
        )
    if plan.names:
        lines.append(f"  among them {', '.join(map(_name, plan.names[:3]))}")
    if plan.lost:
        lines.append(f"  lost, no version is right: {plan.lost} {BAD} {', '.join(map(_name, plan.lost_names[:3]))}")
    return lines


def recovered_lines(done: Recovered) -> list[str]:
    """Return what was brought back, and which points are whole."""
    whole = sum(each.whole is True for each in done.points)
    good = done.points and whole == len(done.points) and not done.unlisted
    lines = [
        f"{printable(done.repository)}: {done.uncovered} uncovered, {done.brought_back} copied back, {done.set_aside} set aside",
        f"  whole again: {whole} of {counted(len(done.points), 'point')} {GOOD if good else BAD}",
    ]
    if done.unlisted:
        named = ", ".join(map(short_id, done.unlisted[:3]))
        lines.append(f"  known here, and not listed: {counted(len(done.unlisted), 'point')} {BAD} {named}: is INSTANT early enough?")
    lines += [_point(each) for each in done.points if each.whole is not True]
    if done.lost:
        lines.append(f"  lost: {counted(done.lost, 'object')} {BAD} {', '.join(map(_name, done.lost_names[:3]))}")
    if done.missing_packs:
        lines.append(f"  packs that the index names and nobody has: {done.missing_packs} {BAD}")
    if done.words:
        lines.append(f"  restic says: {printable(done.words)}")
    name = printable(done.repository)
    lines.append(f"  every change is told in {printable(done.log)}")
    return [*lines, f"  next: give the writer new credentials, then drtool points --refresh, drtool verify {name}"]


def _point(look: PointLook) -> str:
    found = "not whole" if look.whole is False else "not known"
    return f"  {printable(look.set)} {short_id(look.point)} of {stamp(look.instant)}: {found} {BAD} {printable(look.words)}"


def _bucket(bucket: BucketLock) -> str:
    lock = f"Object Lock {bucket.mode}, {bucket.default_days} d by default" if bucket.object_lock else "no Object Lock"
    return f"{lock}, versioning {(bucket.versioning or 'off').lower()}"


def _name(name: str) -> str:
    head, slash, last = printable(name).rpartition("/")
    return f"{head}{slash}{last[:8]}…" if slash else last
