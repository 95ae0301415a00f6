"""What came back over HTTP so far, and the reply that it makes: whole, broken off, or none."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from aiohttp.http import HttpProcessingError, RawResponseMessage

from worker.messages import Failure, Reply
from worker.transports.faults import no_answer, unsent

MAX_BODY_BYTES = 65_536


@dataclass(slots=True)
class Answer:
    """How far an exchange came, which decides what a fault in it means."""

    sent: bool = False
    """Whether the request was handed over whole."""
    head: RawResponseMessage | None = None
    chunks: list[bytes] = field(default_factory=list)

    def reply(self, began: float) -> Reply:
        """That of a whole answer to what began at `began`, on `time.perf_counter`."""
        return Reply(*self._said(), elapsed_ms=(time.perf_counter() - began) * 1000)

    def reply_after(self, fault: Exception) -> Reply:
        """That of an exchange which `fault` ended."""
        if not self.sent:
            return unsent(fault)
        if self.head is None:
            return _not_answered(fault)
        failure, detail = None, ""
        # A refusal stands without the rest of its words. A success may depend on them: Slack says `ok` there.
        if 200 <= self.head.code < 300:
            failure, detail = Failure.NO_ANSWER, f"the answer broke off after its status {self.head.code}"
        return Reply(*self._said(), failure, detail)

    def _said(self) -> tuple[int, bytes, dict[str, str]]:
        if self.head is None:
            raise RuntimeError("nothing came back")
        headers = {name.lower(): value for name, value in self.head.headers.items()}
        return self.head.code, b"".join(self.chunks), headers


def _not_answered(fault: Exception) -> Reply:
    match fault:
        case HttpProcessingError():
            return no_answer("what came back is not HTTP")
        case TimeoutError():
            return no_answer("no answer in time")
    return no_answer("the connection was closed before an answer came")
