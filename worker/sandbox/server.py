"""The sandbox: every vendor's stand-in behind one HTTP port, one SMTP port and one NSCA port."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Self

from aiohttp import web

from worker.errors import Unavailable
from worker.sandbox.api import Api
from worker.sandbox.arrivals import Arrivals
from worker.sandbox.edge import Edge
from worker.sandbox.exchange import Answer, Call, Vendor
from worker.sandbox.faults import Faults, Rule
from worker.sandbox.hipchat import HipChat
from worker.sandbox.limits import Clock
from worker.sandbox.listener import Listener
from worker.sandbox.nrdp import Nrdp
from worker.sandbox.nsca import NscaServer
from worker.sandbox.options import Options
from worker.sandbox.page import Page
from worker.sandbox.pagerduty import PagerDuty
from worker.sandbox.slack_api import METHODS, SlackApi
from worker.sandbox.slack_hooks import SlackHooks
from worker.sandbox.smtp import SmtpServer
from worker.sandbox.webhook import WebHook

DEFAULTS = Options()
BACKLOG = 1024
STOP_S = 0.5


class Sandbox:
    """Start it, send to its addresses, look at `arrivals`, break it through `faults`. Ports of 0 take free ones."""

    def __init__(
        self,
        host: str = "127.0.0.1",
        http_port: int = 0,
        smtp_port: int = 0,
        nsca_port: int = 0,
        *,
        options: Options = DEFAULTS,
        faults: Iterable[Rule] = (),
        clock: Clock = time.time,
    ) -> None:
        self.host = host
        self.http_port, self.smtp_port, self.nsca_port = http_port, smtp_port, nsca_port
        self.arrivals = Arrivals(options.ring, options.ring_bytes)
        self.faults = Faults(faults)
        self.pagerduty = PagerDuty(options)
        self.webhook = WebHook(options)
        self._slack = SlackApi(options)
        self._vendors: dict[str, Vendor] = {
            "v2": HipChat(options),
            "services": SlackHooks(options),
            "nrdp": Nrdp(options),
            "hook": self.webhook,
        }
        """By the first part of the path."""
        self._api = Api(self.arrivals, self.faults, self.pagerduty, self.webhook, self.clear)
        self._page = Page(self.arrivals)
        self._clock = clock
        self._smtp = SmtpServer(options, self.arrivals, self.faults, clock)
        self._mail = Listener(self._smtp.serve)
        self._checks = Listener(NscaServer(options, self.arrivals, self.faults, clock).serve)
        self._edge: Edge | None = None
        self._runner: web.ServerRunner | None = None

    @property
    def url(self) -> str:
        """The base address of all HTTP, and of the page, without a slash at its end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.http_port}"

    @property
    def certificate_pem(self) -> bytes:
        """What a client may trust, so that STARTTLS verifies."""
        return self._smtp.certificate.pem

    async def start(self) -> None:
        """Listen on all three ports; Unavailable where one cannot be had, and then on none."""
        try:
            await self._start_http()
            await self._mail.start(self.host, self.smtp_port)
            await self._checks.start(self.host, self.nsca_port)
        except OSError as error:
            await self.stop()
            raise Unavailable(f"the sandbox cannot listen: {error.strerror or error}") from None
        self.smtp_port, self.nsca_port = self._mail.port, self._checks.port
        self._api.about.update(url=self.url, smtp_port=self.smtp_port, nsca_port=self.nsca_port)

    async def stop(self) -> None:
        """Close all ports and connections; answers that are late are given up."""
        await self._mail.stop()
        await self._checks.stop()
        if self._edge is not None:
            self._edge.stop()
        if self._runner is not None:
            await self._runner.cleanup()
        self._edge = self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def clear(self) -> None:
        """As if just started: no arrivals, no faults, nothing open, all limits unused."""
        self.arrivals.clear()
        self.faults.clear()
        for vendor in (*self._vendors.values(), self._slack, self.pagerduty):
            vendor.clear()

    async def _start_http(self) -> None:
        self._edge = Edge(self.arrivals, self.faults, self._clock, self._vendor, self._own)
        # Handlers end with their connection: a client that gave up on a hanging answer leaves nothing behind.
        server = web.Server(self._edge.handle, handler_cancellation=True, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=STOP_S)
        await self._runner.setup()
        await web.TCPSite(self._runner, self.host, self.http_port, backlog=BACKLOG).start()
        self.http_port = self._runner.addresses[0][1]

    def _vendor(self, path: tuple[str, ...]) -> Vendor | None:
        if path == ("v2", "enqueue"):
            return self.pagerduty
        if path[0] == "api":
            return self._slack if path[-1] in METHODS else None
        return self._vendors.get(path[0])

    def _own(self, call: Call) -> Answer:
        return self._api.answer(call) if call.path[0] == "api" else self._page.answer(call)
