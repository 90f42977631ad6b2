from __future__ import annotations

from collections.abc import Callable, Mapping

from drtool import process
from drtool.checks.placed import ask_placed
from drtool.checks.subject import NOBODY, respelled
from drtool.checks.web import NobodyError, NoRouteError, connect
from drtool.model.errors import TimedOut
from drtool.model.negative_control import Fault
from drtool.model.plan import Answer
from drtool.model.quantity import parse_duration
from drtool.ports import Question


class TcpCheck:
    """Asks whether something accepts connections, from this machine."""

    kind = "tcp"
    beyond: Mapping[str, str] = {"address": "the address"}

    def ask(self, question: Question) -> Answer:
        """Answer by one connection that is closed at once."""
        from drtool.checks import schema  # noqa: PLC0415 - heavy, and only an asked check needs it

        keys = schema.Tcp.model_validate(dict(question.check.settings))
        timeout = question.timeout if keys.timeout is None else parse_duration(keys.timeout)
        seconds = timeout.total_seconds()
        watch = process.stopwatch(seconds, f"a connection to {keys.address}")
        return ask_placed(question, keys.address, seconds=seconds, ask=lambda place, share: _ask_at(place, watch=watch, seconds=share))

    def spoil(self, question: Question, fault: Fault) -> Question | None:
        """Ask at a port where nothing listens."""
        return respelled(question, address=NOBODY) if fault is Fault.STOPPED_SERVICE else None


def _ask_at(place: str, *, watch: Callable[[], None], seconds: float) -> Answer:
    host, _, port = place.rpartition(":")
    expected = f"{place} accepts a connection"
    try:
        connect(host.strip("[]"), int(port), watch=watch, timeout_seconds=seconds).close()
    except NoRouteError as error:
        return Answer(passed=False, expected=expected, observed=str(error), skipped=str(error))
    except (NobodyError, TimedOut) as error:
        return Answer(passed=False, expected=expected, observed=f"it does not: {error}", compared=1, silent=True)
    except OSError as error:
        return Answer(passed=False, expected=expected, observed=f"it does not: {error}", compared=1)
    return Answer(passed=True, expected=expected, observed="it does", compared=1)
