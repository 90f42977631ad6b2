from __future__ import annotations

from collections.abc import Mapping

from drtool import process
from drtool.checks.subject import NOBODY, respelled
from drtool.checks.units import parse_duration
from drtool.checks.web import NobodyError, NoRouteError, connect
from drtool.model.control import Fault
from drtool.model.errors import TimedOut
from drtool.model.plan import Answer
from drtool.ports import Question


class TcpCheck:
    """Asks whether something accepts connections, from this machine."""

    kind = "tcp"
    beyond: Mapping[str, str] = {"address": "the address"}

    def ask(self, question: Question) -> Answer:
        """Answer by one connection that is closed at once."""
        from drtool.checks import schema  # noqa: PLC0415 - heavy, and only an asked check needs it

        keys = schema.Tcp.model_validate(dict(question.check.settings))
        host, _, port = keys.address.rpartition(":")
        timeout = question.timeout if keys.timeout is None else parse_duration(keys.timeout)
        expected = f"{keys.address} accepts a connection"
        seconds = timeout.total_seconds()
        watch = process.stopwatch(seconds, f"a connection to {keys.address}")
        try:
            connect(host.strip("[]"), int(port), watch=watch, timeout_seconds=seconds).close()
        except NoRouteError as error:
            return Answer(passed=False, expected=expected, observed=str(error), skipped=str(error))
        except (NobodyError, TimedOut) as error:
            return Answer(passed=False, expected=expected, observed=f"it does not: {error}", compared=1, silent=True)
        except OSError as error:
            return Answer(passed=False, expected=expected, observed=f"it does not: {error}", compared=1)
        return Answer(passed=True, expected=expected, observed="it does", compared=1)

    def spoil(self, question: Question, fault: Fault) -> Question | None:
        """Ask at a port where nothing listens."""
        return respelled(question, address=NOBODY) if fault is Fault.STOPPED_SERVICE else None
