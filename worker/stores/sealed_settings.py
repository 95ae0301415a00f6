"""A destination's settings with every secret sealed by itself, and whole again.

A sealed secret is bound to its app, destination, channel and field, and to all settings that can be read. So who may
write to Redis but has no key can move no secret to another place, and cannot have a token sent to another address.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson
from pydantic import BaseModel, SecretStr

from worker.errors import Altered
from worker.keys import Cipher
from worker.settings_tree import Path, unfolded

Sealed = Sequence[tuple[Iterable[str], str]]
"""(field's path, sealed text in base64) of each secret. Where there is none, an empty one at () binds the settings."""


class Place(NamedTuple):
    """Whose settings they are."""

    app: str
    destination: str
    channel: str


def sealed_settings(settings: BaseModel, cipher: Cipher, place: Place) -> tuple[dict[str, Any], Sealed]:
    """(what can be read, with null in the place of every secret; the secrets, sealed)."""
    secrets: list[tuple[Path, str]] = []

    def taken(path: Path, secret: SecretStr) -> None:
        secrets.append((path, secret.get_secret_value()))

    readable = unfolded(settings, taken)
    return readable, _sealed(secrets or [((), "")], readable, cipher, place)


def whole_settings(readable: dict[str, Any], sealed: Sealed, cipher: Cipher, place: Place) -> dict[str, Any]:
    """`readable` with every secret back in its place.

    Raises:
        Altered: where a secret, or anything that it is bound to, is not as it was.
        ValueError, LookupError, TypeError: where these are not even of the right form.
    """
    for path, secret in _unsealed(sealed, readable, cipher, place):
        if path:
            _put(readable, path, secret)
    return readable


def resealed_settings(
    readable: Mapping[str, Any], sealed: Sealed, ciphers: tuple[Cipher, Cipher], place: Place
) -> Sealed:
    """The secrets sealed anew, with the second of `ciphers`; raises as `whole_settings`."""
    before, after = ciphers
    return _sealed(_unsealed(sealed, readable, before, place), readable, after, place)


def _sealed(secrets: list[tuple[Path, str]], readable: Mapping[str, Any], cipher: Cipher, place: Place) -> Sealed:
    bound = _bound(place, readable, [path for path, _ in secrets])
    # Half a surrogate pair is how Python carries a byte of an environment variable that is no text.
    texts = [(path, secret.encode("utf-8", "surrogatepass")) for path, secret in secrets]
    return [(path, base64.b64encode(cipher.seal(text, _field(bound, path))).decode()) for path, text in texts]


def _unsealed(sealed: Sealed, readable: Mapping[str, Any], cipher: Cipher, place: Place) -> list[tuple[Path, str]]:
    secrets = [(tuple(path), base64.b64decode(text, validate=True)) for path, text in sealed]
    if not secrets:
        raise Altered
    bound = _bound(place, readable, [path for path, _ in secrets])
    texts = [(path, cipher.unseal(text, _field(bound, path))) for path, text in secrets]
    return [(path, text.decode("utf-8", "surrogatepass")) for path, text in texts]


def _bound(place: Place, readable: Mapping[str, Any], paths: list[Path]) -> tuple[str, ...]:
    """What all secrets of a destination are bound to: also which secrets there are, so that none can be left out."""
    digest = hashlib.sha256(orjson.dumps([readable, paths], option=orjson.OPT_SORT_KEYS)).hexdigest()
    return (*place, digest)


def _field(bound: tuple[str, ...], path: Path) -> bytes:
    # As JSON, in which no part can be taken for two.
    return orjson.dumps(["bellhop secret", *bound, path])


def _put(settings: Any, path: Path, secret: str) -> None:
    *outer, last = path
    for step in outer:
        settings = settings[int(step) if isinstance(settings, list) else step]
    settings[int(last) if isinstance(settings, list) else last] = secret
