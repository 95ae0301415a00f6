"""What must come of each misbehaviour of `security.hostile`: in the transports' tests, and with a worker at work."""

from __future__ import annotations

from security.hostile_json import REPLIES
from worker.models import Reason

BROKEN_OFF = "the answer broke off after its status 200"
NOT_HTTP = "what came back is not HTTP"
IN_TIME = "no answer in time"
NO_ANSWER = "the connection was closed before an answer came"
TOO_LARGE = "the answer has more than 1024 KiB around its body"
INTERIM = "more than 10 interim answers came, and no other"
LONG_HEADER = "a header of the answer is longer than 8190 bytes"
HEADERS = "the answer has more than 128 headers"

HTTP = {
    "endless-body": (Reason.OK, 200, "x" * 499),
    "endless-chunks": (Reason.OK, 200, "x" * 499),
    "endless-chunk-extension": (Reason.NO_ANSWER, 200, BROKEN_OFF),
    "endless-trailers": (Reason.NO_ANSWER, 200, BROKEN_OFF),
    "endless-interim": (Reason.NO_ANSWER, None, INTERIM),
    "endless-blank-lines": (Reason.NO_ANSWER, None, TOO_LARGE),
    "endless-spaces": (Reason.NO_ANSWER, None, TOO_LARGE),
    "endless-header": (Reason.NO_ANSWER, None, LONG_HEADER),
    "endless-headers": (Reason.NO_ANSWER, None, HEADERS),
    "endless-reason": (Reason.NO_ANSWER, None, LONG_HEADER),
    "endless-after-204": (Reason.OK, 204, ""),
    "endless-after-101": (Reason.BAD_REPLY, 101, ""),
    "header-of-1-mb": (Reason.NO_ANSWER, None, LONG_HEADER),
    "headers-10000": (Reason.NO_ANSWER, None, HEADERS),
    "length-of-1-tb": (Reason.NO_ANSWER, 200, BROKEN_OFF),
    "length-below-zero": (Reason.NO_ANSWER, None, NOT_HTTP),
    "two-lengths": (Reason.NO_ANSWER, None, NOT_HTTP),
    "slow-head": (Reason.NO_ANSWER, None, IN_TIME),
    "slow-body": (Reason.NO_ANSWER, 200, BROKEN_OFF),
    "slow-refusal": (Reason.UNAUTHORIZED, 403, "xxx"),
    "never": (Reason.NO_ANSWER, None, IN_TIME),
    "closes": (Reason.NO_ANSWER, None, NO_ANSWER),
    "closes-in-its-head": (Reason.NO_ANSWER, None, NO_ANSWER),
    "gzip-bomb": (Reason.OK, 200, ""),
    "gzip-bomb-in-gzip": (Reason.OK, 200, ""),
    "deflate-bomb": (Reason.OK, 200, ""),
    "no-gzip": (Reason.OK, 200, "no gzip at all"),
    "brotli": (Reason.OK, 200, ""),
    "zstd": (Reason.OK, 200, ""),
    "redirect-to-metadata": (Reason.REDIRECTED, 302, ""),
    "refresh-to-metadata": (Reason.OK, 200, ""),
    "garbage": (Reason.NO_ANSWER, None, NOT_HTTP),
    "garbage-after-status": (Reason.NO_ANSWER, None, NOT_HTTP),
    "nul-after-status": (Reason.NO_ANSWER, None, NOT_HTTP),
    "http-0.9": (Reason.NO_ANSWER, None, NOT_HTTP),
    "ssh": (Reason.NO_ANSWER, None, NOT_HTTP),
    "status-000": (Reason.BAD_REPLY, 0, ""),
    "status-999": (Reason.BAD_REPLY, 999, ""),
    "status-99999": (Reason.NO_ANSWER, None, NOT_HTTP),
    "retry-never": (Reason.RATE_LIMITED, 429, ""),
    "retry-garbage": (Reason.SERVER_ERROR, 503, ""),
    **{f"json: {name}": (Reason.OK, 200, "") for name in REPLIES},
}
"""By path: the reason, the status, and how the detail begins."""

TLS = {
    "tls: garbage": Reason.TLS_REFUSED,
    "tls: an alert": Reason.TLS_REFUSED,
    "tls: http": Reason.TLS_REFUSED,
    "tls: a record of 64 kb, cut": Reason.TLS_REFUSED,
    "tls: never": Reason.TIMED_OUT,
}
"""By port: the reason."""

SMTP = {
    "smtp: never ends its greeting": (Reason.CONNECT_FAILED, "what answers there does not speak SMTP"),
    "smtp: small pieces without end": (Reason.CONNECT_FAILED, "what answers there does not speak SMTP"),
    "smtp: never ends its line": (Reason.CONNECT_FAILED, "what answers there does not speak SMTP"),
    "smtp: 1 MB reply": (Reason.CONNECT_FAILED, "what answers there does not speak SMTP"),
    "smtp: slow greeting": (Reason.TIMED_OUT, "it could not be sent in time"),
    "smtp: garbage": (Reason.CONNECT_FAILED, "what answers there does not speak SMTP"),
    "smtp: odd code": (Reason.CONNECT_FAILED, "what answers there does not speak SMTP"),
    "smtp: escape sequences": (Reason.CLIENT_ERROR, "[2J ]0;owned"),
    "smtp: never": (Reason.TIMED_OUT, "it could not be sent in time"),
    "smtp: closes": (Reason.CONNECT_FAILED, "the connection was closed before the message was sent"),
}
"""By port: the reason, and how the detail begins."""

NSCA = {
    "nsca: garbage": (Reason.CONNECT_FAILED, "what answers there is no NSCA daemon"),
    "nsca: text": (Reason.CONNECT_FAILED, "what answers there is no NSCA daemon"),
    "nsca: cut": (Reason.CONNECT_FAILED, "the NSCA daemon closed the connection before its greeting"),
    "nsca: slow": (Reason.TIMED_OUT, "it could not be sent in time"),
    "nsca: never": (Reason.TIMED_OUT, "it could not be sent in time"),
    "nsca: closes": (Reason.CONNECT_FAILED, "the NSCA daemon closed the connection before its greeting"),
}
"""The same."""
