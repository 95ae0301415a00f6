"""Settings that are wrong beside a secret or with one: in files, at the command line, in the environment."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pydantic import ValidationError

from security.planting import Tree, secret_leaves
from worker.channels.channel import Channel
from worker.settings_tree import written_fields

OPTIONS: Final = ("channel", "enabled", "rate_limit", "on_ambiguous", "settings")
ADDRESSES: Final = (
    "redis://:{0}@127.0.0.1:1/0", "redis://:{0}@{1}", "redis://bellhop:{0}@{1}", "rediss://:{0}@{1}", "redis://:{0}#@{1}",
    "redis://:{0}/@{1}", "redis://:@{0}@[{1}", "redis://:{0}@127.0.0.1:{0}/0", "http://:{0}@{1}", "{0}",
    "unix://:{0}@/nowhere", "redis://:{0}@127.0.0.1:1/{0}", "redis://:{0}@127.0.0.1:1/0?option={0}",
    "rediss://:{0}@127.0.0.1:1/0?ssl_password={0}",
)  # fmt: skip
"""Of Redis: `{0}` is the secret, `{1}` where one runs that has another password."""
SHOWN: Final = frozenset({"allowed_addresses", "prefix", "state_dir"})
YAML: Final = """
apps:
  {app}:
    destinations:
      room:
        channel: hipchat
        settings:
          room: Ops
          token: {secret}
"""
SPOILT: Final = (
    '"{0}', "'{0}", "*{0}", "&{0} x", "!{0} x", "!!python/object:{0} x", "@{0}", "`{0}", "%{0}", "{0}: {0}", "[{0}",
    "{{{0}, {0}}}", "{{{0}", "|{0}", "\\u{0}", '"\\{0}"', "{0}\0", "{0}\t: {0}\n\t{0}", "? {0}", "- {0}\n{0}",
    "${{UNSET}}{0}", "${{UNSET:-{0}", "${{ {0} }}", "${{-{0}}}", "<<: {0}", "{0}\n{0}", '{0}" "{0}',
)  # fmt: skip
"""What stands for a token in the file above; `{0}` is the secret."""
JSONS: Final = (
    '{{"apps": {{"shop": "{0}"', '{{"apps": {{"token": "{0}", "token": "{0}"}}}}', '{{"apps": ["{0}"]}}',
    '{{"apps": "{0}"}}',
    '{{"apps": {{"shop": {{"destinations": "{0}"}}}}}}',
    '{{"apps": {{"shop": {{"destinations": {{"room": "{0}"}}}}}}}}',
    '"{0}"', '["{0}"]', "{0}", '{{"apps": {{}}, "token": "{0}"}}', '{{"apps": {{"shop": {{"token": "{0}"}}}}}}',
)  # fmt: skip
"""Whole files."""


def wrong_values(channel: Channel, tree: Tree) -> Iterator[Tree]:
    """`tree` with one field wrong each time: a secret where none belongs, and secrets that are no good."""
    secrets = [text for _, text in secret_leaves(channel, tree)]
    for secret in secrets[:1]:
        for name in [*written_fields(channel.settings), "no_such_field"]:
            for wrong in _spoilt(secret):
                if not taken(channel, changed := {**tree, name: wrong}):
                    yield changed


def taken(channel: Channel, tree: Tree) -> bool:
    """Whether these settings are no mistake: what stands in a field that is no secret may be shown."""
    try:
        channel.settings.model_validate(tree)
    except ValidationError:
        return False
    return True


def _spoilt(secret: str) -> Iterator[Any]:
    yield from (
        secret,
        f"{secret}\n\0é",
        f"canary://{secret}",
        f"https://user:{secret}@example.com/",
        f"ftp://{secret}/",
    )
    yield from ([secret], [[secret]], {"X-Key": secret}, {"X Key": f"{secret}\n"}, f"{secret}, {secret}", secret * 200)
    yield f"{{{{ {secret} }}}} {{% {secret}"
    yield f"{{{{ undefined['{secret}'] }}}}"


def files(settings: Sequence[tuple[Channel, Tree]], app: str) -> Iterator[bytes]:
    """Settings files of this app that cannot be read, or not in whole."""
    for channel, tree in settings:
        right = {"channel": channel.name, "settings": tree}
        secret = next(text for _, text in secret_leaves(channel, tree))
        yield from (_file(app, {**right, "settings": wrong}) for wrong in wrong_values(channel, tree))
        values: tuple[Any, ...] = (secret, [secret], {"a": secret})
        yield from (_file(app, {**right, option: wrong}) for option in OPTIONS for wrong in values)
    for secret in {text for channel, tree in settings for _, text in secret_leaves(channel, tree)}:
        yield from (YAML.format(app=app, secret=spoilt.format(secret)).encode() for spoilt in SPOILT)
        yield from (whole.format(secret).encode() for whole in JSONS)
        yield YAML.format(app=app, secret=f"{secret}é").encode("latin-1")


def _file(app: str, destination: Mapping[str, Any]) -> bytes:
    return json.dumps({"apps": {app: {"destinations": {"room": destination}}}}).encode()


def pairs(channel: Channel, tree: Tree) -> Iterator[dict[str, str]]:
    """What could be typed behind `--set`, one of it wrong each time."""
    right = dict(_flat(tree))
    secret = next(text for _, text in secret_leaves(channel, tree))
    for name in [*written_fields(channel.settings), "no_such_field", "headers.X-Key", "room.inner"]:
        for wrong in (secret, f"@{secret}", f"@@{secret}", f"https://user:{secret}@example.com/", f"{secret},"):
            yield {**right, name: wrong}


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _flat(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        yield path, ",".join(map(str, value))
    elif value is not None:
        yield path, str(value).lower() if isinstance(value, bool) else str(value)


def operators(secret: str, url: str, fields: Sequence[str]) -> Iterator[dict[str, str]]:
    """An operator's environments: Redis away or refusing, and `secret` in the place of whatever else can be set.

    But for those that are names, and for a list whose errors have to say which of many entries is wrong.
    """
    host = url.rpartition("@")[2]
    for address in ADDRESSES:
        yield {"BELLHOP_REDIS_URL": address.format(secret, host)}
    for field in sorted({*fields} - SHOWN):
        for name in (field, f"{field}_FILE"):
            yield {f"BELLHOP_{name.upper()}": secret}
    yield {"BELLHOP_MASTER_KEYS": f"{secret},{secret}"}
