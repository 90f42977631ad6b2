"""A real browser: Debian's Chromium without a window, spoken to in its DevTools protocol over a pair of pipes."""

import base64
import fcntl
import json
import os
import select
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from tests.rig.child import Child
from tests.rig.missing import tool
from tests.rig.server import Server

_SECONDS_TO_ANSWER = 60
_ABOVE_THE_FIRST_TEN = 10
# The browser reads descriptor 3 and writes 4; only a shell can put ours there without running Python in the child.
_WITH_PIPES = 'exec 3<&"$1" 4>&"$2"; shift 2; exec "$@"'
_COMPLAINTS = {"Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"}


@dataclass
class View:
    """A document as it stands in the browser; `complaints` is everything that reached its console."""

    browser: "Browser"
    session: str
    complaints: list[str] = field(default_factory=list)

    def evaluate(self, expression: str) -> Any:  # noqa: ANN401 - whatever the page says
        """The value of an expression, as JSON carries it."""
        answer = self.browser.call("Runtime.evaluate", session=self.session, expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"the page raised: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def screenshot(self, path: Path) -> None:
        """Write the whole page, however long, as a PNG."""
        shot = self.browser.call("Page.captureScreenshot", session=self.session, captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))


class Browser(Server):
    """One browser with a throw-away profile; every view is a page of its own."""

    name: ClassVar[str] = "browser"
    port_count: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self._number = 0
        self._buffer = b""
        self._events: list[dict[str, Any]] = []
        self._pipes: list[int] = []

    def view(self, document: Path, *, width: int, dark: bool = False, height: int = 900) -> View:
        """Open a document at a width in CSS pixels, in the light or the dark scheme."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable", session=session)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.call("Emulation.setDeviceMetricsOverride", session=session, **size)
        self.call("Emulation.setEmulatedMedia", session=session, features=[scheme])
        self._events.clear()
        self.call("Page.navigate", session=session, url=document.resolve().as_uri())
        while not any(event["method"] == "Page.loadEventFired" for event in self._events):
            self._events.append(self._message())
        self.call("Runtime.evaluate", session=session, expression="document.fonts.ready", awaitPromise=True)
        complaints = [json.dumps(event["params"]) for event in self._events if event["method"] in _COMPLAINTS]
        return View(self, session, complaints)

    def call(self, method: str, *, session: str = "", **parameters: Any) -> dict[str, Any]:  # noqa: ANN401 - the protocol's own
        """One call of the protocol and its answer; events that come meanwhile are kept."""
        self._number += 1
        number = self._number
        request = {"id": number, "method": method, "params": parameters, **({"sessionId": session} if session else {})}
        os.write(self._write, json.dumps(request).encode() + b"\0")
        while (message := self._message()).get("id") != number:
            self._events.append(message)
        if "error" in message:
            raise RuntimeError(f"{method}: {message['error']}")
        result: dict[str, Any] = message["result"]
        return result

    def close(self) -> None:
        super().close()
        while self._pipes:
            os.close(self._pipes.pop())

    def _message(self) -> dict[str, Any]:
        deadline = time.monotonic() + _SECONDS_TO_ANSWER
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], max(0.0, deadline - time.monotonic()))
            data = os.read(self._read, 1 << 20) if ready else b""
            if not data:
                raise RuntimeError(f"the browser says nothing more; the end of its log:\n{self.log_tail()}")
            self._buffer += data
        text, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        return message

    def _spawn(self) -> Child:
        chromium = tool("chromium", package="chromium")
        theirs, self._write = _high_pipe()
        self._read, answers = _high_pipe()
        self._pipes += [self._read, self._write]
        # As root, and in containers, Chromium's own sandbox cannot be had; what it opens here we have written ourselves.
        flags = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars")
        profile = f"--user-data-dir={self.directory / 'profile'}"
        shell = (tool("bash", package="bash"), "-c", _WITH_PIPES, "bash", str(theirs), str(answers))
        try:
            return Child(
                [*shell, chromium, *flags, profile, "--remote-debugging-pipe", "about:blank"],
                log=self.log,
                environment={"PATH": os.environ["PATH"], "HOME": str(self.directory)},
                descriptors=(theirs, answers),
            )
        finally:
            os.close(theirs)
            os.close(answers)

    def _answers(self) -> bool:
        return bool(self.call("Browser.getVersion"))


def _high_pipe() -> tuple[int, int]:
    """A pipe whose ends lie above the descriptors that a shell gives away."""
    ends = os.pipe()
    high = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, _ABOVE_THE_FIRST_TEN) for end in ends]
    for end in ends:
        os.close(end)
    return high[0], high[1]
