"""Drives headless Chromium over its DevTools protocol, through a pipe: no port, no driver, no library.

Messages are JSON with a zero byte after each (``--remote-debugging-pipe``): commands on the browser's
descriptor 3, answers and events on its descriptor 4.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.services.paths import CHROMIUM

#: Seconds that anything may take before a test gives up on it.
PATIENCE_S = 30.0

_ARGUMENTS = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-first-run",
    "--no-sandbox",  # tests run as root in containers, and what is opened is our own
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
)


class Browser:
    """A browser with one tab.

    Attributes:
        said: what went wrong in it since it was last asked: errors, what the console was told, refusals of
            the content security policy.
    """

    def __init__(self) -> None:
        self.said: list[str] = []
        self._numbers = 0
        self._events: list[dict[str, Any]] = []
        self._rest = b""

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True)
        commands, self._out = os.pipe()
        self._in, answers = os.pipe()
        # The shell puts the pipes where the browser looks for them; numbers from 10 on are not in its way.
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (commands, answers)]
        arguments = [str(CHROMIUM), *_ARGUMENTS, f"--user-data-dir={self._folder.name}", "about:blank"]
        self._process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{ends[0]} 4>&{ends[1]}', "chromium", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=ends,
        )
        for end in (commands, answers, *ends):
            os.close(end)
        target = self._send("Target.createTarget", url="about:blank")["targetId"]
        attached = self._send("Target.attachToTarget", targetId=target, flatten=True)
        self._session: str | None = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._in)
        os.close(self._out)
        self._folder.cleanup()

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """The tab's answer to a command of the protocol."""
        return self._send(method, self._session, **parameters)

    def look(self, *, width: int, height: int, dark: bool = False) -> None:
        """Have a screen of so many pixels from now on; a narrow one is a phone's."""
        phone = width < 600
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])

    def go(self, url: str) -> None:
        """Open a page and wait until it is loaded."""
        self._events.clear()
        self.send("Page.navigate", url=url)
        self._wait_for("Page.loadEventFired")

    def run(self, expression: str) -> Any:
        """The value of an expression of JavaScript in the page; a promise is waited for."""
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise AssertionError(f"{expression[:200]}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def click(self, selector: str) -> None:
        """Click, as a finger would, what a selector finds; the page that follows is waited for."""
        self._events.clear()
        box = self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.scrollIntoView();"
            " const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)
        self._wait_for("Page.loadEventFired")

    def fill(self, selector: str, text: str) -> None:
        """Write into a field, in place of what is in it."""
        self.run(f"{{ const e = document.querySelector({json.dumps(selector)}); e.focus(); e.value = ''; }}")
        self.send("Input.insertText", text=text)

    def text(self) -> str:
        """What the page says."""
        return str(self.run("document.body.innerText"))

    def screenshot(self, path: Path, *, whole: bool = False) -> None:
        """Save what is on the screen, or all of the page."""
        answer = self.send("Page.captureScreenshot", captureBeyondViewport=whole, **self._clip(whole))
        path.write_bytes(base64.b64decode(answer["data"]))

    def _clip(self, whole: bool) -> dict[str, Any]:
        if not whole:
            return {}
        size = self.send("Page.getLayoutMetrics")["cssContentSize"]
        return {"clip": {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}}

    def _send(self, method: str, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        self._numbers += 1
        message: dict[str, Any] = {"id": self._numbers, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + PATIENCE_S
        while True:
            found = self._read(deadline)
            if found.get("id") == self._numbers:
                assert "error" not in found, f"{method}: {found.get('error')}"
                result: dict[str, Any] = found["result"]
                return result

    def _wait_for(self, event: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not any(one["method"] == event for one in self._events):
            self._read(deadline)

    def _read(self, deadline: float) -> dict[str, Any]:
        """The next message; an event is kept, and what went wrong is noted."""
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._in], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"Chromium says nothing for {PATIENCE_S:.0f} s"
            more = os.read(self._in, 1 << 20)
            assert more, "Chromium has ended"
            self._rest += more
        text, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        if "method" in message:
            self._events.append(message)
            self._note(message["method"], message["params"])
        return message

    def _note(self, event: str, parameters: dict[str, Any]) -> None:
        if event == "Runtime.exceptionThrown":
            self.said.append(str(parameters["exceptionDetails"]))
        elif event == "Runtime.consoleAPICalled":
            self.said.append(f"console: {parameters['args']}")
        elif event == "Log.entryAdded" and parameters["entry"]["level"] in ("warning", "error"):
            entry = parameters["entry"]
            self.said.append(f"{entry['source']}: {entry['text']} {entry.get('url', '')}")
