"""Forgetting, as the trusted side of a store, what machines that may only add have made: never their own word alone."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from urllib.parse import quote

from drtool.app.composition import make_notary
from drtool.app.runtime import Runtime
from drtool.app.working import alone_with, carry_out, fresh, working
from drtool.catalog.arrivals import ArrivalsFile
from drtool.catalog.index import Index
from drtool.model.arrivals import Arrivals
from drtool.model.errors import Refused
from drtool.model.hold import ending, quarantines
from drtool.model.inventory import Listing
from drtool.model.plan import Forget, Plan
from drtool.model.report import Report
from drtool.planning.forget_for import chosen_pair, owed_points, plan_for_another, policy_for
from drtool.planning.late import arrived, looked_over

_FOLDER = "forget_for"


@dataclass(frozen=True)
class _Look:
    """What a trusted side sees of another machine's points: by which means, in which repository, and when each came.

    `before` is what it knew until then; None: it never looked.
    """

    runtime: Runtime
    listing: Listing
    before: Arrivals | None
    arrivals: Arrivals


def plan_forget(runtime: Runtime, names: Iterable[str] = ()) -> Plan:
    """Return what `forget` would forget now; nothing of that is written down."""
    pair = chosen_pair(runtime.policy, *names)
    with working(opened := _opened(runtime, pair)):
        return _plan(_look(runtime, opened, pair))


def forget(runtime: Runtime, what: Plan | Iterable[str] = (), *, looked: bool = False) -> Report:
    """Forget what no rule of `forget_for:` keeps of another policy's points.

    With `looked` a person first ends its quarantines, believes the dates that were told as late, and sets aside what is dated ahead.
    """
    names = (what.policy, *{use.partition(":")[2] for step in what.steps for use in step.uses}) if isinstance(what, Plan) else what
    pair = chosen_pair(runtime.policy, *names)
    opened = _opened(runtime, pair)
    with alone_with(opened, (opened.policy.name,)):
        look = _look(runtime, opened, pair)
        if looked:
            look = replace(look, arrivals=looked_over(look.arrivals, look.before, look.listing.points))
            _remember(look, look.before.going if look.before else ())  # what is set aside is so from the next listing on
            look = replace(look, listing=_released(look))
        plan = what if isinstance(what, Plan) else _plan(look)
        _remember(look, _going(look, plan))
        return carry_out(look.runtime, plan)


def _opened(runtime: Runtime, pair: tuple[str, str], *, sets: Iterable[str] = ()) -> Runtime:
    """Return a runtime in the other policy's name, with a state directory of its own: nothing of it mixes with what is this machine's."""
    policy = policy_for(runtime.policy, *pair, sets=sets)
    directory = os.path.join(runtime.state_directory, _FOLDER, "-".join(quote(each, safe="") for each in reversed(pair)))
    notary = cache(lambda: make_notary(policy, state_directory=directory, for_another=True))
    index = cache(lambda: Index(directory, policy.repositories, judge=notary().judge))
    return replace(runtime, policy=policy, state_directory=directory, open_notary=notary, open_index=index)


def _look(runtime: Runtime, opened: Runtime, pair: tuple[str, str]) -> _Look:
    listing = opened.adapters.repositories[pair[1]].list()
    known = ArrivalsFile(opened.state_directory).load()
    aside = frozenset(known.aside if known else ())
    found = arrived(known, (*listing.points, *(each for each in listing.others if each.point in aside)), now=runtime.clock.now())
    sets = sorted({point.set for point in listing.points})
    return _Look(_opened(runtime, pair, sets=sets), listing, known, found)


def _plan(look: _Look) -> Plan:
    run, now = fresh(look.runtime)
    return plan_for_another(look.runtime.policy, look.listing, before=look.before, arrivals=look.arrivals, now=now, run=run)


def _going(look: _Look, plan: Plan) -> tuple[str, ...]:
    """Return what is to be forgotten now, and what of it an earlier run that died still owes."""
    planned = {name for step in plan.steps if isinstance(step.action, Forget) for name in step.action.points}
    return tuple(sorted(planned | {*owed_points(look.runtime.policy, look.listing, look.before)}))


def _released(look: _Look) -> Listing:
    """End the quarantines that this side wrote, and list again."""
    adapters, clock = look.runtime.adapters, look.runtime.clock
    place = adapters.repositories[look.listing.repository]
    for name in look.runtime.policy.sets:
        for hold in quarantines(look.listing.holds, name, clock.now()):
            if hold.counts:
                place.append(ending(hold, id=clock.fresh_id(), created=clock.now(), machine=adapters.machine))
    return place.list()


def _remember(look: _Look, going: tuple[str, ...]) -> None:
    try:
        ArrivalsFile(look.runtime.state_directory).save(replace(look.arrivals, going=going))
    except OSError as error:
        raise Refused(
            f"when points came cannot be written down: {error.strerror or error}",
            hint="free or repair the state directory",
            safe="nothing was removed",
        ) from None
