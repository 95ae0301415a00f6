"""Where HTTP comes in: read the request, meet a fault or ask the vendor, record, answer. The only use of aiohttp."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from urllib.parse import parse_qsl, unquote

import orjson
from aiohttp import web

from worker.sandbox.arrivals import Arrivals
from worker.sandbox.exchange import JSON, NO_HEADERS, Answer, Call, Fate, Vendor
from worker.sandbox.faults import Fault, Faults
from worker.sandbox.limits import Clock

BODILESS = {204, 205, 304}
ELSEWHERE = "other"
"""The channel of requests that no vendor knows: a wrong address in somebody's settings."""

_RESET = struct.pack("ii", 1, 0)
Route = Callable[[tuple[str, ...]], Vendor | None]
Own = Callable[[Call], Answer]


class Edge:
    """One handler for all requests."""

    def __init__(self, arrivals: Arrivals, faults: Faults, clock: Clock, route: Route, own: Own) -> None:
        self._arrivals, self._faults, self._clock = arrivals, faults, clock
        self._route = route
        """(path) -> the vendor that answers there; None where the sandbox itself does."""
        self._own = own
        """Answers what is no vendor's: API and page."""
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Let those go whose answers are late or never to come."""
        self._stopping.set()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        call = _call(request, self._clock())
        vendor = self._route(call.path)
        early = vendor is not None and self._faults.drops_before and not vendor.addressed_by_body
        if not early:
            try:
                call = replace(call, body=await request.read())
            except web.HTTPRequestEntityTooLarge:
                return self._too_large(request, call, vendor)
        if vendor is None:
            return self._answer_own(request, call)
        return await self._answer_vendor(request, call, vendor, unread=early)

    def _answer_own(self, request: web.BaseRequest, call: Call) -> web.StreamResponse:
        answer = self._own(call)
        if answer.status == 404 and call.path[0] != "api" and call.method != "GET":
            self._record(request, call, ELSEWHERE, "/".join(call.path), answer)
        return _response(answer)

    async def _answer_vendor(
        self, request: web.BaseRequest, call: Call, vendor: Vendor, *, unread: bool
    ) -> web.StreamResponse:
        to = vendor.address(call)
        fault = self._faults.match(vendor.channel, to, call.now)
        if unread and not (fault is not None and fault.rule.drop == "before"):
            try:
                call = replace(call, body=await request.read())
            except web.HTTPRequestEntityTooLarge:
                return self._too_large(request, call, vendor)
        if fault is None:
            answer = vendor.answer(call)
            self._record(request, call, vendor.channel, to, answer)
            return _response(answer)
        answer = _struck(call, vendor, fault)
        self._record(request, call, vendor.channel, to, answer)
        return await self._punish(request, fault, answer)

    async def _punish(self, request: web.BaseRequest, fault: Fault, answer: Answer) -> web.StreamResponse:
        if fault.rule.hang:
            await self._stopping.wait()
        elif fault.rule.latency_s:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), fault.rule.latency_s)
        if answer.status is None:
            _hang_up(request, reset=fault.rule.drop == "before")
        return _response(answer)

    def _too_large(self, request: web.BaseRequest, call: Call, vendor: Vendor | None) -> web.StreamResponse:
        answer = Answer(413, Fate.REFUSED, b'{"error":"larger than 1 MiB"}', note="larger than 1 MiB")
        if vendor is not None:
            self._record(request, call, vendor.channel, vendor.address(call), answer)
        return _response(answer)

    def _record(self, request: web.BaseRequest, call: Call, channel: str, to: str, answer: Answer) -> None:
        headers = call.headers
        self._arrivals.record(
            at=call.now,
            channel=channel,
            to=to,
            fate=answer.fate,
            status=answer.status,
            delivery_id=answer.delivery_id or _delivery_id(headers),
            note=answer.note,
            line=f"{request.method} {_clean(request.raw_path)}",
            content_type=headers.get("Content-Type", ""),
            headers=b"\n".join([b"%s: %s" % pair for pair in request.raw_headers]),
            body=call.body,
        )


def _call(request: web.BaseRequest, now: float) -> Call:
    raw, _, query = _clean(request.raw_path).partition("?")
    path = tuple([unquote(part) if "%" in part else part for part in raw[1:].split("/")])
    fields: Mapping[str, str] = dict(parse_qsl(query, keep_blank_values=True)) if query else NO_HEADERS
    return Call(request.method, path, fields, request.headers, b"", now)


def _delivery_id(headers: Mapping[str, str]) -> str:
    return _clean(headers.get("webhook-id") or headers.get("x-bellhop-delivery") or "")


def _clean(text: str) -> str:
    """Text without the lone surrogates that stand for bytes that are no UTF-8."""
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _struck(call: Call, vendor: Vendor, fault: Fault) -> Answer:
    """What the fault makes of the call."""
    rule = fault.rule
    if rule.drop == "before" or rule.hang:
        return Answer(None, Fate.UNANSWERED, note=fault.words)
    if fault.status is not None:
        return _fault_answer(fault, fault.status)
    answer = vendor.answer(call)
    note = ", ".join(filter(None, [answer.note, fault.words]))
    return replace(answer, status=None if rule.drop == "after" else answer.status, note=note)


def _fault_answer(fault: Fault, status: int) -> Answer:
    headers = dict(fault.rule.headers)
    if fault.retry_after_s is not None:
        headers.setdefault("Retry-After", str(fault.retry_after_s))
    body = fault.rule.body
    if body is None:
        body = {"error": {"code": status, "message": "The sandbox was told to fail", "type": "Fault"}}
    raw = body.encode() if isinstance(body, str) else orjson.dumps(body)
    kind = next((headers.pop(name) for name in list(headers) if name.lower() == "content-type"), None)
    kind = kind or ("text/plain; charset=utf-8" if isinstance(body, str) else JSON)
    return Answer(status, Fate.REFUSED, raw, kind, headers, note=fault.words)


def _hang_up(request: web.BaseRequest, *, reset: bool) -> None:
    """Close the connection without an answer: with a reset, or as a server that went away would."""
    transport = request.transport
    if transport is None:
        return
    sock = transport.get_extra_info("socket")
    if reset and sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    transport.abort()


def _response(answer: Answer) -> web.StreamResponse:
    if answer.status is None:  # the connection is closed by now; aiohttp wants something to drop
        return web.Response()
    if answer.status in BODILESS:
        return web.Response(status=answer.status, headers=answer.headers or None)
    headers = {**answer.headers, "Content-Type": answer.content_type}
    return web.Response(body=answer.body, status=answer.status, headers=headers)
