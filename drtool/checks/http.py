from __future__ import annotations

import http.client
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from drtool import process
from drtool.checks.placed import ask_placed
from drtool.checks.subject import NEVER_SAID, NOBODY, respelled
from drtool.checks.web import NobodyError, NoRouteError, ask_web
from drtool.model.errors import TimedOut
from drtool.model.negative_control import Fault
from drtool.model.plan import Answer
from drtool.model.quantity import parse_duration
from drtool.ports import Question

if TYPE_CHECKING:
    from drtool.checks.schema import Expect

_SHOWN: Final = 200


class HttpCheck:
    """Asks a web address once, from this machine; certificates are verified, redirections are not followed."""

    kind = "http"
    beyond: Mapping[str, str] = {"url": "the address"}

    def ask(self, question: Question) -> Answer:
        """Answer from status and body, read to its end within one time limit; `bytes` is what was read."""
        from drtool.checks import schema  # noqa: PLC0415 - heavy, and only an asked check needs it

        keys = schema.Http.model_validate(dict(question.check.settings))
        seconds = (question.timeout if keys.timeout is None else parse_duration(keys.timeout)).total_seconds()
        expected = f"status {keys.expect.status}"
        if keys.expect.body is not None:
            expected += f" and a body with {keys.expect.body!r}"
        watch = process.stopwatch(seconds, f"the whole answer of {keys.url}")
        return ask_placed(
            question, keys.url, seconds=seconds, ask=lambda url, share: _ask_at(url, keys.expect, expected, watch=watch, seconds=share)
        )

    def spoil(self, question: Question, fault: Fault) -> Question | None:
        """Ask where nothing listens, or expect words that nobody says."""
        settings = question.check.settings
        if fault is Fault.STOPPED_SERVICE:
            return respelled(question, url=urlsplit(settings["url"])._replace(netloc=NOBODY).geturl())
        if fault is Fault.WRONG_ANSWER:
            return respelled(question, expect={**settings.get("expect", {}), "body": NEVER_SAID})
        return None


def _ask_at(url: str, expect: Expect, expected: str, *, watch: Callable[[], None], seconds: float) -> Answer:
    try:
        said = ask_web(url, words=expect.body, watch=watch, timeout_seconds=seconds)
    except NoRouteError as error:
        return Answer(passed=False, expected=expected, observed=str(error), skipped=str(error))
    except NobodyError as error:
        return Answer(passed=False, expected=expected, observed=f"no answer: {error}", compared=1, silent=True)
    except TimedOut as error:
        return Answer(passed=False, expected=expected, observed=f"no answer: {error.what}", compared=1)
    except http.client.IncompleteRead as error:
        words = f"no answer: it broke off {error.expected} bytes before its end" if error.expected else "no answer: it broke off"
        return Answer(passed=False, expected=expected, observed=words, compared=1)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Answer(passed=False, expected=expected, observed=f"no answer: {error}", compared=1)
    observed = f"status {said.status}, {said.size} bytes"
    if said.elsewhere:
        observed += f", which sends to {said.elsewhere[:_SHOWN]} (not followed)"
    if not said.has_words:
        observed += f" without it: {said.begin.decode('utf-8', 'replace')[:_SHOWN]}"
    passed = said.status == expect.status and said.has_words
    return Answer(passed=passed, expected=expected, observed=observed, compared=1, bytes=said.size)
