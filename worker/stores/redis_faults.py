"""Why Redis cannot be used, in one sentence that names BELLHOP_REDIS_URL and shows nothing of it."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import redis
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError

from worker.stores.redis_address import SETTING, shown_address

WORDS_CHARS = 300
IN_SCRIPTS = ("ACL failure in script", "The user executing the script can't")
"""How Valkey and Redis begin when a script does what its user may not."""


def unavailable(url: str, error: BaseException) -> str:
    """One sentence with the address, for people at a terminal."""
    return f"Redis at {shown_address(url)} cannot be used: {why(error)}"


def why(error: BaseException) -> str:
    """One sentence without the address, for the log: what Redis, TLS or the network said, and what to look at."""
    for cause in _causes(error):
        told = _told(cause)
        if told:
            return told
    return str(error)[:WORDS_CHARS] if isinstance(error, RedisError) else type(error).__name__


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what it came of; redis-py wraps the network's and TLS' own."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _told(error: BaseException) -> str:
    match error:
        case AuthenticationError():
            return f"it refuses the user name or password of {SETTING}, or asks for one that is missing there"
        case NoPermissionError():
            return _forbidden(error)
        case ResponseError() if any(words in str(error) for words in IN_SCRIPTS):
            return _forbidden(error)
        case redis.TimeoutError() | TimeoutError():
            return "it takes too long to answer"
        case FileNotFoundError():
            return f"a file or socket that {SETTING} names is not there"
    return _without_tls(error) if isinstance(error, ssl.SSLError) else ""


def _without_tls(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is refused: {error.verify_message.rstrip('.')}; see ssl_ca_certs in {SETTING}"
    words = (error.reason or "refused").replace("_", " ").lower()
    return f"no TLS connection: {words}; is the port of {SETTING} one for TLS, and does it ask for a certificate?"


def _forbidden(error: BaseException) -> str:
    said = str(error).removeprefix("NOPERM ")[:WORDS_CHARS].rstrip(".")
    return (
        f"the user of {SETTING} may not do all that Bellhop does ({said}); config/redis.acl.example has what it needs"
    )
