"""Secrets go to their vendors and nowhere else: not into the log, not into Redis, not even as settings."""

from __future__ import annotations

import pytest
from acceptance.destinations import SECRETS, everywhere
from fakes.processes import until

pytestmark = pytest.mark.slow

FAULTS = {
    "hipchat": {"status": 401, "body": "no such token: CanaryHipChatTokenOfForty0MixedCase00001"},
    "slack": {"status": 403, "body": "invalid_token CanarySlackSecretOfAHook"},
    "email": {"status": 535},
    "pagerduty": {"status": 400, "body": {"message": "bad key CanaryPagerDutyRoutingKeyOf32Chr"}},
    "nsca": {"drop": "before"},
    "nrdp": {"status": 200, "body": {"result": {"status": -1, "message": "BAD TOKEN Canary-nrdp-token"}}},
    "webhook": {"status": 302, "headers": {"Location": "http://127.0.0.1/?key=CanaryHookKeyInTheAddress"}},
}
"""Vendors that repeat the secret to us."""


def ever_written(redis_state):
    """Every command that ever changed this Redis, from its append-only file: (name, key, all of it)."""
    for file in sorted((redis_state / "redis" / "appendonlydir").glob("*.incr.aof")):
        with file.open("rb") as commands:
            for head in commands:
                if head.startswith(b"*"):  # else a time stamp
                    words = [commands.read(int(commands.readline()[1:]) + 2)[:-2] for _ in range(int(head[1:]))]
                    yield words[0].upper(), words[1] if len(words) > 1 else b"", b"\n".join(words)


def content(client):
    """Each key with all that it holds."""
    read = {
        b"string": client.get,
        b"list": lambda key: client.lrange(key, 0, -1),
        b"set": client.smembers,
        b"zset": lambda key: client.zrange(key, 0, -1),
        b"hash": client.hgetall,
        b"stream": client.xrange,
    }
    for key in client.scan_iter(count=1000):
        kind = client.type(key)
        if kind in read:
            yield key, repr(read[kind](key)).encode()


def planted(text):
    """The names of the secrets that `text` holds."""
    return [name for name, secret in SECRETS.items() if secret.encode() in text]


def test_no_secret_is_in_the_log_or_in_redis(bellhop, shared_worker, vendors, certificate, redis_state):
    """After good and bad days with every vendor neither the whole debug log nor all that Redis ever held has one."""
    kinds = everywhere(vendors, "hushed", certificate)
    bellhop.apply({"hushed": kinds})
    bellhop.send({"app": "hushed", "title": "A good day", "dedup_key": "good"})
    bellhop.wait_for(len(kinds), "hushed")
    for channel, fault in FAULTS.items():
        vendors.break_down(channel, **fault, times=1)
    bellhop.send({"app": "hushed", "title": "A bad day", "dedup_key": "bad"})
    until(lambda: len(bellhop.results("hushed")) >= 2 * len(kinds) - 2, 20, lambda: str(bellhop.results("hushed")))
    # The test can fail: a secret that Redis is given is found.
    bellhop.redis.set("planted", "\n".join(SECRETS.values()))
    written = list(ever_written(redis_state))
    assert set(planted(b"".join(text for _, key, text in written if key == b"planted"))) == set(SECRETS)
    bellhop.redis.delete("planted")
    # Then: nowhere else
    for name, key, text in written:
        assert key == b"planted" or not planted(text), (name, key, planted(text))
    held = dict(content(bellhop.redis))
    assert {b"bellhop:results", b"bellhop:app:hushed"} < set(held)
    assert not {key: planted(text) for key, text in held.items() if planted(text)}
    log = shared_worker.output()
    assert '"level":"debug"' in log
    assert "A bad day" not in log, "nor the messages themselves"
    assert not planted(log.encode())
    password = bellhop.url.split("@")[0].rpartition(":")[2]
    assert password not in log
    for results in (bellhop.results("hushed"), bellhop.rejected()):
        assert not planted(repr(results).encode())
