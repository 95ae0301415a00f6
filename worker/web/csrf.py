"""That a change was asked for on a page of ours: by where it comes from, and by a token that only our pages know.

Tokens are HMACs under the session's cookie, which no other site can read, and differ from page to page, so that a
compressing proxy in front tells nothing of them (BREACH).
https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from urllib.parse import urlsplit

FIELD = "csrf"
HEADER = "X-CSRF-Token"


def csrf_token(cookie: str) -> str:
    """A token for forms on pages of the session with this cookie."""
    nonce = secrets.token_urlsafe(12)
    return f"{nonce}.{_mac(cookie, nonce)}"


def csrf_fits(cookie: str, token: str) -> bool:
    """Whether the token was made for this session."""
    nonce, _, mac = token.partition(".")
    return hmac.compare_digest(_mac(cookie, nonce).encode(), mac.encode("utf-8", "replace"))


def same_origin(site: str | None, origin: str | None, host: str, public_url: str | None) -> bool:
    """Whether a request comes from a page of ours: `Sec-Fetch-Site` where the browser sends it, else `Origin`.

    Browsers send the first to HTTPS and the loopback only. One that sends neither is no browser of these years.
    https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/Sec-Fetch-Site
    """
    if site is not None:
        return site == "same-origin"
    if origin is None:
        return False
    # The scheme may differ: a reverse proxy ends TLS before us.
    return origin == public_url or _place(origin) == host.lower() != ""


def _place(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _mac(cookie: str, nonce: str) -> str:
    return hmac.new(cookie.encode(), f"csrf {nonce}".encode("utf-8", "replace"), hashlib.sha256).hexdigest()
