"""Whoever is told how things ended: whether what that needs is here, and whether a message arrives."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from functools import partial

from drtool.app.doctor.asking import Known, Part, asked
from drtool.app.runtime import Runtime
from drtool.engine.observe import side_by_side
from drtool.model.errors import NotFound, Refused
from drtool.model.signal import Occasion, Signal
from drtool.planning import signals
from drtool.ports import Finding, Notifier


def notifiers(known: Known) -> Iterable[Part]:
    """Look at what is needed to tell somebody how things ended: alarms that cannot be sent are missed by nobody."""
    for each in known.runtime.origin.notifiers(known.policy):
        yield Part(f"notify {each.name}", partial(_could_be_told, each))


def _could_be_told(notifier: Notifier) -> tuple[Finding, ...]:
    notifier.examine()
    return (Finding(f"notify {notifier.name}", good=True, text="what it needs is here; nobody was told"),)


def notify_test(runtime: Runtime, names: Iterable[str] = ()) -> tuple[Finding, ...]:
    """Send a message that says so to whoever the policy names, or to these alone; one that takes numbers only is examined.

    Args:
        runtime: of the policy.
        names: as in `notify:`: a kind such as `email`, or a kind and which of the policy it is, such as `email 4`.

    Raises Refused where the policy names nobody, NotFound for a name that is nobody's.
    """
    everybody = runtime.origin.notifiers(runtime.policy)
    if not everybody:
        raise Refused("the policy names nobody who is told", hint="`notify:`, as in docs/monitoring/README.md")
    wanted = set(names)
    known = {each.name for each in everybody} | {each.kind for each in everybody}
    if unknown := sorted(wanted - known):
        raise NotFound(f"nobody is called {unknown[0]} in `notify:`", hint=f"there are: {', '.join(each.name for each in everybody)}")
    signal = signals.test(Occasion(runtime.policy.name, runtime.notary.machine, "", runtime.clock.now()))
    chosen = [each for each in everybody if not wanted or wanted & {each.name, each.kind}]
    tries = [partial(asked, Part(f"notify {each.name}", partial(_taken, each, signal))) for each in chosen]
    return tuple(itertools.chain.from_iterable(side_by_side(tries)))


def _taken(notifier: Notifier, signal: Signal) -> tuple[Finding, ...]:
    if notifier.wants(signal):
        notifier.tell(signal)
        text = "it took the message: look whether you see it"
    else:
        notifier.examine()
        text = "it takes numbers only; what it needs is here"
    return (Finding(f"notify {notifier.name}", good=True, text=text),)
