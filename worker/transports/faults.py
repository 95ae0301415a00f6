"""What went wrong before anything was sent, as a Reply: in words, without an address's path and without secrets."""

from __future__ import annotations

import os
import socket
import ssl
from dataclasses import dataclass

from worker.messages import Failure, Reply
from worker.transports.addresses import AddressRefused, NoneAnswered
from worker.transports.proxy import ProxyFault


@dataclass(slots=True)
class Sending:
    """How far a message came: what decides whether a fault leaves its fate unknown."""

    whole: bool = False
    """Whether it went out whole."""


def unsent(fault: BaseException) -> Reply:
    """The reply for a fault of the network's or of TLS that came before the message was sent whole."""
    match fault:
        case ssl.SSLError():
            return _without_tls(fault)
        case AddressRefused():
            return Reply(failure=Failure.NOT_ALLOWED, detail=str(fault))
        case TimeoutError():
            return Reply(failure=Failure.TIMEOUT, detail="it could not be sent in time")
    return Reply(failure=Failure.CONNECT, detail=_unconnected(fault))


def _unconnected(fault: BaseException) -> str:
    match fault:
        case ProxyFault() | NoneAnswered():
            return str(fault)
        case socket.gaierror():
            return "the host name cannot be resolved"
        case OSError(errno=int(number)):
            return f"no connection: {os.strerror(number).lower()}"
    return "the connection was closed before the message was sent"


def _without_tls(fault: ssl.SSLError) -> Reply:
    match fault:
        case ssl.SSLCertVerificationError():
            return no_tls(f"the certificate is refused: {fault.verify_message}")
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError():
            return Reply(failure=Failure.CONNECT, detail="the connection was closed during the TLS handshake")
    reason = fault.reason or "refused"
    return no_tls(f"no TLS connection: {_REASONS.get(reason, reason.replace('_', ' ').lower())}")


_TOO_OLD = "the server speaks nothing newer than TLS 1.1, and 1.2 is the least that is used"
_REASONS = {
    # As OpenSSL calls them: https://github.com/openssl/openssl/blob/master/include/openssl/sslerr.h
    "UNSUPPORTED_PROTOCOL": _TOO_OLD,
    "TLSV1_ALERT_PROTOCOL_VERSION": _TOO_OLD,
    "WRONG_VERSION_NUMBER": "what answers there does not speak TLS; is it the right port?",
}


def no_tls(why: str) -> Reply:
    """The reply for a message that was not sent, because there is no TLS as the settings want it."""
    return Reply(failure=Failure.TLS, detail=why)


def no_answer(why: str) -> Reply:
    """The reply for a message that went out whole and whose fate is unknown."""
    return Reply(failure=Failure.NO_ANSWER, detail=why)


def bad_address(why: str) -> Reply:
    """The reply for a message that cannot go out with these settings."""
    return Reply(failure=Failure.ADDRESS, detail=why)
