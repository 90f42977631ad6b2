"""Taking over what another machine of our name sealed, or left behind."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from drtool.app.holding import append_hold
from drtool.app.listings import listings, read_manifest
from drtool.app.runtime import Runtime
from drtool.app.working import carry_out, fresh, working, writable_state
from drtool.catalog.runs import Runs
from drtool.engine.observe import observe
from drtool.model.errors import DrtoolError, NotFound
from drtool.model.hold import QUARANTINE, Hold
from drtool.model.inventory import Listing
from drtool.model.label import UNKNOWN_MACHINE
from drtool.model.plan import Plan
from drtool.model.report import Report
from drtool.model.standing import Adoption
from drtool.planning import adopt as planning
from drtool.planning.views import holds_in_force, view_points


def adoptable(runtime: Runtime) -> tuple[Adoption, ...]:
    """Return the machines of our name that are not ours, and what adopting each would bring."""
    with working(runtime):
        known = listings(runtime, refresh=True)
        return planning.adoptable(known, runtime.notary.acceptance, rotations=runtime.notary.rotations_in(known.values()))


def doubt_of(runtime: Runtime, adoption: Adoption) -> str:
    """Say why a machine that is to be adopted may well be alive; empty where nothing tells so."""
    return planning.doubt(adoption, now=runtime.clock.now())


def choose_adoption(runtime: Runtime, name: str, *, signer: str = "", leftovers: bool = False) -> Adoption:
    """Return what `adopt` would accept, of `leftovers` no key; NotFound or Refused when that is not clear."""
    ours = runtime.notary.ours()
    if leftovers:
        with working(runtime):
            left = observe(runtime.adapters, leftovers=True).leftovers
        known = frozenset(folder.run for folder in Runs(runtime.state_directory).all())
        return planning.choose_leftovers(left, name, ours=ours, at=runtime.clock.now(), known_runs=known)
    offered = adoptable(runtime)
    rotations = runtime.notary.rotations_in(listings(runtime, refresh=False).values())
    try:
        return planning.choose_adoption(offered, name, signer=signer, ours=ours, signers=runtime.policy.signers, rotations=rotations)
    except NotFound as error:
        if name in _machines_that_left(runtime):
            error.hint += f"; what it left at the sources alone is taken over by: drtool adopt --leftovers {name}"
        raise


def adopt(runtime: Runtime, adoption: Adoption) -> Report:
    """Take over a machine and its signer: from now on its points and evidence count here as our own."""
    with working(runtime):
        writable_state(runtime)
        run, now = fresh(runtime)
        held = _keep_beside(runtime, adoption, run)
        runtime.notary.adopt(lambda known: planning.adopted(known, adoption, at=now))
        known = listings(runtime, refresh=True)
        unsigned = _counted_unsigned(runtime, adoption, known) if adoption.signer else frozenset()
        if unsigned:
            runtime.notary.adopt(lambda known: planning.adopted(known, adoption, unsigned=unsigned, at=now))
            listings(runtime, refresh=True)
        note = planning.spell_adopted(adoption, unsigned=len(unsigned))
        return carry_out(runtime, Plan("adopt", run, runtime.policy.name, now, (), notes=(note, *held)))


def _keep_beside(runtime: Runtime, adoption: Adoption, run: str) -> tuple[str, ...]:
    """Stop the forgetting of each set of which this machine has points of its own, and tell what to type when somebody has looked.

    Before the others count: what it stored never saw them beside it, and of one `keep` for all they may be the oldest.
    """
    known, now, told = listings(runtime, refresh=True), runtime.clock.now(), []
    standing = holds_in_force(known, now=now)
    for name in adoption.sets:
        if not any(point.set == name for listing in known.values() for point in listing.points):
            continue
        reason = f"the points of {adoption.machine or UNKNOWN_MACHINE} count here since it was adopted: drtool points {name}"
        hold = next((each for each in standing if (each.set, each.kind, each.reason) == (name, QUARANTINE, reason)), None)
        if hold is None:
            identity, by = runtime.clock.fresh_id(), runtime.policy.name
            hold = Hold(identity, name, by, reason, now, kind=QUARANTINE, run=run, machine=runtime.adapters.machine)
        append_hold(runtime, hold, known)
        told.append(f"nothing of {name} is forgotten until you have looked; if all is well: drtool hold release {hold.id}")
    return tuple(told)


def _machines_that_left(runtime: Runtime) -> frozenset[str]:
    """Return the machines that left something labelled at the sources that answer; where none does, none is known."""
    with contextlib.suppress(DrtoolError), working(runtime):
        return frozenset(each.machine for each in observe(runtime.adapters, leftovers=True).leftovers)
    return frozenset()


def _counted_unsigned(runtime: Runtime, adoption: Adoption, known: Mapping[str, Listing]) -> frozenset[str]:
    """Return the tags' digests of the unsigned points that a machine counted, as the newest manifest of each of its sets names them."""
    digests: set[str] = set()
    for view in planning.newest_of(adoption, view_points(known, now=runtime.clock.now())):
        with contextlib.suppress(DrtoolError):  # its unsigned points stay what they are
            digests |= set(read_manifest(runtime, view, known).counted_unsigned)
    return frozenset(digests)
