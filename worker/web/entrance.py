"""Whether the console may open: nobody but this machine gets in without a password or a token."""

from __future__ import annotations

from pydantic import SecretStr

from worker.errors import InvalidSettings
from worker.web.hosts import Place
from worker.web.tokens import Tokens
from worker.web.users import Users

NOBODY = (
    "others reach the console at {where}, and nobody could log in: set BELLHOP_WEB_PASSWORD (its user is admin), make "
    "a user with `bellhop users add NAME` or a token with `bellhop tokens add NAME`, or let it listen on 127.0.0.1"
)


async def open_entrance(place: Place, password: SecretStr | None, users: Users, tokens: Tokens) -> bool:
    """Make the built-in admin what the settings say; whether whoever is on this machine may do everything.

    InvalidSettings where others could come and nobody could log in.
    """
    await users.keep_admin(password.get_secret_value() if password else None)
    somebody = await users.any()
    if place.exposed and not somebody and not await tokens.any():
        raise InvalidSettings([NOBODY.format(where=place.public_url or place.host)])
    return not place.exposed and not somebody
