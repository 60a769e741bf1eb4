"""A real browser, driven through a pipe with the DevTools protocol.

https://chromedevtools.github.io/devtools-protocol/; with ``--remote-debugging-pipe`` it
reads commands from file descriptor 3 and answers on 4, each message ended by a zero byte.
"""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.image import imread

NAMES = ("chromium", "chromium-browser", "google-chrome")
TIMEOUT_S = 120.0
"""Far more than a page takes, for machines that do much else."""

# Gives the browser its pipes under the numbers that it asks for.
_LAUNCH = """
import fcntl, os, sys
read, write = (fcntl.fcntl(int(fd), fcntl.F_DUPFD, 10) for fd in sys.argv[1:3])
os.dup2(read, 3)
os.dup2(write, 4)
os.execvp(sys.argv[3], sys.argv[3:])
"""


def installed() -> str | None:
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class Browser:
    """One page in a headless browser."""

    def __init__(self, profile: Path) -> None:
        program = installed()
        assert program is not None
        read_commands, self._write = os.pipe()
        self._read, write_answers = os.pipe()
        options = (
            "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
            "--disable-background-networking", "--disable-component-update",
            "--remote-debugging-pipe", f"--user-data-dir={profile}",
        )  # fmt: skip
        self._process = subprocess.Popen(
            [sys.executable, "-c", _LAUNCH, str(read_commands), str(write_answers), program,
             *options],
            pass_fds=(read_commands, write_answers),
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(read_commands)
        os.close(write_answers)
        self._rest = b""
        self._number = 0
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        attached = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.send(f"{domain}.enable")

    def close(self) -> None:
        self._session = None
        self.send("Browser.close")
        self._process.wait(TIMEOUT_S)
        os.close(self._write)
        os.close(self._read)

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return dict(answer["result"])
            self.events.append(answer)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            part = os.read(self._read, 1 << 20)
            assert part, "the browser has ended"
            self._rest += part
        message, self._rest = self._rest.split(b"\0", 1)
        return dict(json.loads(message))

    def size(self, width: int, height: int = 900) -> None:
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip

    def open(self, path: Path, width: int) -> None:
        self.size(width)
        self.events.clear()
        self.send("Page.navigate", url=path.absolute().as_uri())
        end = time.monotonic() + TIMEOUT_S
        while self.evaluate("document.readyState + location.protocol") != "completefile:":
            assert time.monotonic() < end, "the page does not load"
            time.sleep(0.05)

    def evaluate(self, expression: str) -> Any:
        answer = self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def requests(self) -> list[str]:
        named = [e for e in self.events if e.get("method") == "Network.requestWillBeSent"]
        return [event["params"]["request"]["url"] for event in named]

    def complaints(self) -> list[dict[str, Any]]:
        kinds = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")
        return [event for event in self.events if event.get("method") in kinds]

    def box(self, selector: str) -> dict[str, float]:
        """Scroll an element into view and say where it is."""
        return dict(
            self.evaluate(
                f"(() => {{ const e = document.querySelector({json.dumps(selector)});"
                "e.scrollIntoView({block: 'center'}); const b = e.getBoundingClientRect();"
                "return {x: b.x, y: b.y, width: b.width, height: b.height}; })()"
            )
        )

    def point_at(self, selector: str) -> None:
        box = self.box(selector)
        self.send(
            "Input.dispatchMouseEvent",
            type="mouseMoved", x=box["x"] + box["width"] / 2, y=box["y"] + box["height"] / 2,
        )  # fmt: skip

    def point_away(self) -> None:
        self.send("Input.dispatchMouseEvent", type="mouseMoved", x=1, y=1)

    def press(self, key: str, code: int, text: str = "") -> None:
        common = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        self.send("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
        self.send("Input.dispatchKeyEvent", type="keyUp", **common)

    def picture(self, selector: str) -> np.ndarray:
        """What the screen shows of an element."""
        box = self.box(selector)
        clip = {**box, "scale": 1, "y": box["y"] + self.evaluate("scrollY")}
        shot = self.send("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
        return imread(io.BytesIO(base64.b64decode(shot["data"])), format="png")

    def save_whole(self, path: Path) -> None:
        """Save a picture of the whole page, for people."""
        shot = self.send("Page.captureScreenshot", captureBeyondViewport=True, clip={
            "x": 0, "y": 0, "scale": 1,
            "width": self.evaluate("document.documentElement.clientWidth"),
            "height": self.evaluate("document.documentElement.scrollHeight"),
        })  # fmt: skip
        path.write_bytes(base64.b64decode(shot["data"]))

    def pdf(self) -> bytes:
        return base64.b64decode(self.send("Page.printToPDF", printBackground=True)["data"])
