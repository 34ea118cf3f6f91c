"""A real browser, driven over the DevTools protocol: what it asks for, says and shows."""

import asyncio
import base64
import json
import re
import shutil
import subprocess

from tornado.websocket import websocket_connect

__all__ = ["CHROMIUM", "Browser"]

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)

_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
)


class Browser:
    """One tab of a headless browser; use it in a with statement.

    Attributes
    ----------
    events : list of (method, params)
        What the browser told since the last `open`: requests, messages of the console, errors.
    """

    def __init__(self, profile):
        command = [CHROMIUM, *_OPTIONS, f"--user-data-dir={profile}", "about:blank"]
        # A browser that is slow to end must not keep the tests' own pipes open.
        self.log = open(profile.with_suffix(".log"), "w+")  # noqa: SIM115
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        self.loop = asyncio.new_event_loop()
        self.events, self.number = [], 0

    def __enter__(self):
        try:
            self.socket = self._run(self._connect())
            target = self.call("Target.createTarget", session=False, url="about:blank")["targetId"]
            attached = self.call(
                "Target.attachToTarget", session=False, targetId=target, flatten=True
            )
            self.session = attached["sessionId"]
            for domain in "Page", "Runtime", "Log", "Network", "Accessibility":
                self.call(f"{domain}.enable")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if hasattr(self, "socket"):
            self.socket.close()
            self._run(asyncio.sleep(0.1))
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        self.loop.close()

    def open(self, path, *, width, scheme="light", media="screen"):
        """Load a file; return when all of it is there and drawn."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900,
                  deviceScaleFactor=1, mobile=width < 600)  # fmt: skip
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", media=media, features=features)
        self.events.clear()
        self.call("Page.navigate", url=path.as_uri())
        while not any(method == "Page.loadEventFired" for method, _ in self.events):
            self._run(self._read())
        self.ask("new Promise(done => requestAnimationFrame(() => setTimeout(done, 50)))")

    def ask(self, expression):
        """Return what an expression is in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True,
                           returnByValue=True)  # fmt: skip
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def requests(self):
        """List the addresses that were asked for."""
        return [
            params["request"]["url"]
            for method, params in self.events
            if method == "Network.requestWillBeSent"
        ]

    def complaints(self):
        """List the messages of the console, errors among them."""
        told = "Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded"
        return [(method, params) for method, params in self.events if method in told]

    def pdf(self):
        """Return the page as it is printed."""
        return base64.b64decode(self.call("Page.printToPDF", printBackground=True)["data"])

    def picture(self):
        """Return the whole page as a PNG."""
        height = self.ask("document.documentElement.scrollHeight")
        width = self.ask("document.documentElement.clientWidth")
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)
        return base64.b64decode(shot["data"])

    def call(self, method, *, session=True, **params):
        """Call a method of the protocol, and return its result."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if session:
            message["sessionId"] = self.session
        return self._run(self._answered(message))

    async def _answered(self, message):
        await self.socket.write_message(json.dumps(message))
        while True:
            answer = await self._read()
            if answer.get("id") == message["id"]:
                assert "error" not in answer, answer
                return answer["result"]

    async def _read(self):
        answer = json.loads(await self.socket.read_message())
        if "method" in answer:
            self.events.append((answer["method"], answer["params"]))
        return answer

    async def _connect(self):
        for _ in range(600):
            self.log.seek(0)
            found = re.search(r"ws://\S+", self.log.read())
            if found:
                return await websocket_connect(found[0], max_message_size=1 << 28)
            assert self.process.poll() is None, "the browser did not start"
            await asyncio.sleep(0.1)
        raise TimeoutError("the browser did not say where it listens")

    def _run(self, what):
        return self.loop.run_until_complete(asyncio.wait_for(what, 90))
