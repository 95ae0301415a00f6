"""What came back over HTTP so far, and the reply that it makes: whole, broken off, or none."""

from __future__ import annotations

import time
import zlib
from dataclasses import dataclass, field

from aiohttp.http import HttpProcessingError, RawResponseMessage

from worker.messages import Failure, Reply
from worker.transports.faults import no_answer, unsent
from worker.transports.http_connection import MAX_BODY_BYTES, MAX_HEADERS, MAX_LINE_BYTES, TooMuch


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
        return self.head.code, unpacked(b"".join(self.chunks), self.head.compression), headers


def unpacked(body: bytes, encoding: str | None) -> bytes:
    """At most 64 KiB of what a server compressed although it was asked not to; what cannot be unpacked stays as it is.

    A bomb is no danger then, however often it is packed: of 64 KiB that came, 64 KiB are made.
    """
    # Some servers' `deflate` has zlib's header, as RFC 9110 section 8.4.1.2 asks, and some has not.
    for bits in (zlib.MAX_WBITS | 32, -zlib.MAX_WBITS) if encoding in {"gzip", "deflate"} else ():
        try:
            return zlib.decompressobj(bits).decompress(body, MAX_BODY_BYTES)
        except zlib.error:
            continue
    return body


def _not_answered(fault: Exception) -> Reply:
    match fault:
        case TooMuch():
            return no_answer(str(fault))
        case HttpProcessingError(message=str(words)) if words.startswith("Got more than"):
            return no_answer(f"a header of the answer is longer than {MAX_LINE_BYTES} bytes")
        case HttpProcessingError(message="Too many headers received"):
            return no_answer(f"the answer has more than {MAX_HEADERS} headers")
        case HttpProcessingError():
            return no_answer("what came back is not HTTP")
        case TimeoutError():
            return no_answer("no answer in time")
    return no_answer("the connection was closed before an answer came")
