"""One match over the actions: each intent meets the world in its own file of `actions/`."""

from __future__ import annotations

from drtool.engine.actions.ask import ask_step
from drtool.engine.actions.copy import copy
from drtool.engine.actions.cutover import cutover
from drtool.engine.actions.end_hold import end_hold
from drtool.engine.actions.forget import forget
from drtool.engine.actions.guard import guard
from drtool.engine.actions.initialise import initialise
from drtool.engine.actions.mount import mount
from drtool.engine.actions.negative_control import break_on_purpose
from drtool.engine.actions.place_hold import place_hold
from drtool.engine.actions.prune import prune
from drtool.engine.actions.quiesce import quiesce
from drtool.engine.actions.record import record
from drtool.engine.actions.release import release
from drtool.engine.actions.reserve import reserve
from drtool.engine.actions.restore import restore
from drtool.engine.actions.run_hook import run_hook
from drtool.engine.actions.seal import seal
from drtool.engine.actions.start import start
from drtool.engine.actions.store import store
from drtool.engine.actions.take_snapshot import take_snapshot
from drtool.engine.actions.thaw import thaw
from drtool.engine.actions.undo import undo
from drtool.engine.actions.verify import verify
from drtool.engine.actions.work import Work
from drtool.model import plan as actions
from drtool.model.plan import Result


def perform(work: Work) -> Result:  # noqa: C901, PLR0912 - one line per action is the point of this function
    """Carry out one step: look, act, and say what is now true."""
    match work.step.action:
        case actions.Initialise() as action:
            return initialise(work, action)
        case actions.RunHook() as action:
            return run_hook(work, action)
        case actions.Reserve() as action:
            return reserve(work, action)
        case actions.Quiesce() as action:
            return quiesce(work, action)
        case actions.Thaw() as action:
            return thaw(work, action)
        case actions.TakeSnapshot() as action:
            return take_snapshot(work, action)
        case actions.Store() as action:
            return store(work, action)
        case actions.Seal() as action:
            return seal(work, action)
        case actions.Copy() as action:
            return copy(work, action)
        case actions.Release() as action:
            return release(work, action)
        case actions.Forget() as action:
            return forget(work, action)
        case actions.Prune() as action:
            return prune(work, action)
        case actions.PlaceHold() as action:
            return place_hold(work, action)
        case actions.EndHold() as action:
            return end_hold(work, action)
        case actions.Guard() as action:
            return guard(work, action)
        case actions.Verify() as action:
            return verify(work, action)
        case actions.Mount() as action:
            return mount(work, action)
        case actions.Restore() as action:
            return restore(work, action)
        case actions.Cutover() as action:
            return cutover(work, action)
        case actions.Start() as action:
            return start(work, action)
        case actions.Undo() as action:
            return undo(work, action)
        case actions.Ask() as action:
            return ask_step(work, action)
        case actions.Break() as action:
            return break_on_purpose(work, action)
        case actions.Record() as action:
            return record(work, action)
