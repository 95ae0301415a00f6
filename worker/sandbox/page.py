"""The page that shows what arrived: its files, and mails' HTML in a cage of its own."""

from __future__ import annotations

import re
from importlib.resources import files

from worker.sandbox.arrivals import Arrivals
from worker.sandbox.exchange import Answer, Call, Fate
from worker.sandbox.mail import MAIL, mail_html

TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
HARDENED = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-DNS-Prefetch-Control": "off",  # else links' hosts are looked up before anybody presses them
}
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# A mail may style itself, and nothing else: no script, no form, no picture from elsewhere.
MAIL_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; sandbox"
# What is not loaded by that policy is connected to all the same by Chromium (frames), or may be (rel=preconnect).
_LOADING = re.compile(r"<(?=(?:iframe|frame|fencedframe|object|embed|link)\b)", re.IGNORECASE)


class Page:
    """`/`, `/assets/…` and `/mail/{number}`."""

    def __init__(self, arrivals: Arrivals) -> None:
        self._arrivals = arrivals
        self._files = {item.name: item.read_bytes() for item in files("worker.sandbox").joinpath("page").iterdir()}

    def answer(self, call: Call) -> Answer:
        """The file that was asked for, or 404."""
        match call.path if call.method in {"GET", "HEAD"} else ():
            case ("",):
                return self._file("index.html")
            case ("assets", name) if name in self._files:
                return self._file(name)
            case ("mail", number) if number.isdecimal() and len(number) <= 18:
                return self._mail(int(number))
        return Answer(404, Fate.REFUSED, b'{"error":"there is nothing here"}', note="there is nothing here")

    def _file(self, name: str) -> Answer:
        kind = TYPES.get(name.rpartition(".")[2], "application/octet-stream")
        return _shown(self._files[name], kind, PAGE_POLICY)

    def _mail(self, number: int) -> Answer:
        arrival = self._arrivals.find(number)
        html = mail_html(arrival.body) if arrival is not None and arrival.content_type == MAIL else ""
        return _shown(_LOADING.sub("<not-", html).encode("utf-8", "replace"), TYPES["html"], MAIL_POLICY)


def _shown(body: bytes, kind: str, policy: str) -> Answer:
    return Answer(200, Fate.PROBED, body, kind, {**HARDENED, "Content-Security-Policy": policy})
