"""People at the form of a destination, with and without scripts."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from fakes.browser_form import BrowserForm
from fakes.pipeline import FakeCarrier

from worker.messages import Reply

TOKEN = "Canary5ecretTokenOfForty0Characters00000"
OTHER_TOKEN = "0therCanaryTokenOfForty0Characters000000"
OLD_TOKEN = "0123456789abcdef0123456789abcd"
NEW = "/apps/checkout/destinations/new?channel=hipchat"
ROOM = "/apps/checkout/destinations/ops-room"
REFUSED = b'{"error":{"code":401,"message":"Invalid OAuth session","type":"Unauthorized"}}'


@dataclass
class Vendor(FakeCarrier):
    """Carries to a HipChat that takes one token, and tells what it got."""

    right: str = TOKEN
    echoes: bool = True
    """Whether a refusal repeats the token, as some vendors' do."""
    closed: bool = field(default=False)

    async def carry(self, message):
        """204 for the token that is right, 401 for another."""
        self.carried.append(message)
        if message.headers["Authorization"] == f"Bearer {self.right}":
            return Reply(status=204, elapsed_ms=3.2)
        echo = message.headers["Authorization"].encode() if self.echoes else b""
        return Reply(status=401, body=REFUSED + echo, elapsed_ms=4.5)

    async def close(self):
        """As the console does at its end."""
        self.closed = True


class Person:
    """Somebody at one form, in a browser without scripts."""

    def __init__(self, visitor, page) -> None:
        self.visitor = visitor
        self.page = page
        self.form = BrowserForm(page.text)

    @classmethod
    async def at(cls, visitor, path) -> Person:
        """Open a form."""
        page = await visitor.get(path)
        assert page.status == 200, page.words
        return cls(visitor, page)

    async def press(self, do, **fields):
        """Fill in fields and press a button; the page that comes back, whose form is the one from now on."""
        answer = await self._send(do, fields, {})
        if answer.status != 303:
            self.page, self.form = answer, BrowserForm(answer.text)
        return answer

    async def script(self, do, **fields):
        """The same as a script does it: what it is told."""
        answer = await self._send(do, fields, {"Accept": "application/json"})
        assert answer.status == 200, answer.words
        return json.loads(answer.text)

    async def _send(self, do, fields, headers):
        self.form.fill(**fields)
        headers = {"Sec-Fetch-Site": "same-origin", "Origin": self.visitor.url, **headers}
        pairs = [*self.form.pairs, ("do", do)]
        return await self.visitor.ask("POST", self.form.action, data=pairs, headers=headers)


async def stored(fake, name, app="checkout"):
    """A destination as it is stored, or None."""
    return (await fake.console.destinations.opened(app)).app.destinations.get(name)
