"""Guessing passwords is slow for who guesses, and for nobody else."""

from __future__ import annotations

import pytest
from fakes.console import CHEAP, PASSWORD

from worker.web.passwords import Passwords, verify_password
from worker.web.tries import Ration, Tries, neighbourhood

GUESS = "not the password"


@pytest.fixture
async def tries(fake):
    """The counters, with a small ration."""
    return Tries(fake.redis, "t", Ration(of_address=5, of_all=8, told=3))


async def wait_no_more(fake):
    """As if the wait after the last wrong password were over."""
    for key in await fake.redis.keys("*web-tries:pair:*"):
        await fake.redis.hset(key, "until", 0)


async def test_each_wrong_password_makes_the_next_wait_longer(fake):
    """Three are free; then the page says how long to wait, longer each time, and says no more about the password."""
    visitor, waits = await fake.visitor(), []
    for _ in range(3):
        assert (await visitor.log_in("admin", GUESS)).status == 403
    for _ in range(4):
        refused = await visitor.log_in("admin")
        assert refused.status == 429
        assert "Too many tries" in refused.words
        waits.append(int(refused.headers["Retry-After"]))
        await wait_no_more(fake)
        assert (await visitor.log_in("admin", GUESS)).status == 403
    assert waits == [1, 2, 4, 8]


async def test_waiting_is_not_counted_against_anybody(fake):
    """Tries during the wait make it no longer, and after it the right password is taken."""
    visitor = await fake.visitor()
    for _ in range(3):
        await visitor.log_in("admin", GUESS)
    for _ in range(5):
        assert (await visitor.log_in("admin", GUESS)).headers["Retry-After"] == "1"
    await wait_no_more(fake)
    assert (await visitor.log_in("admin")).status == 303


async def test_many_guesses_at_once_are_no_way_around(tries):
    """A try is counted before it is judged, in one step."""
    waits = [await tries.begin("admin", "192.0.2.1") for _ in range(10)]
    assert waits[:3] == [0, 0, 0]
    assert all(wait > 0 for wait in waits[3:])


async def test_an_attacker_does_not_lock_the_owner_out(tries):
    """The count is per name and address, so the owner's own address is not part of the attack."""
    while await tries.begin("admin", "192.0.2.1") == 0:
        pass
    assert await tries.begin("admin", "198.51.100.7") == 0


async def test_one_address_has_so_many_tries_for_all_names(tries):
    """Trying one password with many names is as slow."""
    waits = [await tries.begin(f"user-{number}", "192.0.2.1") for number in range(7)]
    assert waits[:5] == [0] * 5
    assert all(wait > 0 for wait in waits[5:])


async def test_many_addresses_have_so_many_tries_together_and_the_owner_gets_in(tries):
    """A botnet meets the ceiling over all; who logged in from their address before does not."""
    assert await tries.begin("admin", "198.51.100.7") == 0
    await tries.succeeded("admin", "198.51.100.7")
    waits = [await tries.begin("admin", f"192.0.2.{number}") for number in range(10)]
    assert waits[:8] == [0] * 8
    assert all(0 < wait <= 60 for wait in waits[8:])
    assert await tries.begin("admin", "198.51.100.7") == 0
    assert await tries.begin("admin", "198.51.100.8") > 0


async def test_a_right_password_clears_the_count(fake, tries):
    """Two slips and a success are no slips, for the name and for the address."""
    for _ in range(6):
        assert await tries.begin("admin", "192.0.2.1") == 0
        assert await tries.begin("admin", "192.0.2.1") == 0
        await tries.succeeded("admin", "192.0.2.1")
        await fake.redis.decr("t:web-tries:from:192.0.2.1")
    assert await fake.redis.pttl("t:web-tries:from:192.0.2.1") > 0


async def test_unknown_names_are_slowed_down_like_known_ones(fake):
    """The wait tells nobody which names exist."""
    visitor = await fake.visitor()
    for name in ("admin", "nobody"):
        answers = [await visitor.log_in(name, GUESS) for _ in range(4)]
        assert [each.status for each in answers] == [403, 403, 403, 429]


async def test_a_name_that_nobody_has_takes_a_hash_like_any_other(consoles):
    """The time of the answer tells nobody which names exist: each password meets a hash of the same cost."""
    checked = []

    def verify(password, stored):
        checked.append(stored.split("$")[1:4])
        return verify_password(password, stored)

    visitor = await (await consoles(web_password=PASSWORD, passwords=Passwords(CHEAP, verify))).visitor()
    for name in ("admin", "nobody"):
        assert (await visitor.log_in(name, GUESS)).status == 403
    assert checked == [["argon2id", "v=19", "m=64,t=1,p=1"]] * 2


async def test_names_that_nobody_has_are_in_no_log(fake):
    """People type passwords where the name goes; the audit log must not keep them."""
    visitor = await fake.visitor()
    await visitor.log_in("hunter2-is-my-password", "x")
    await visitor.log_in("admin", "hunter2-is-my-password")
    assert await fake.audited() == [("admin", "login.failed", ""), ("(unknown name)", "login.failed", "")]
    stored = b"".join([value for _, fields in await fake.redis.xrange("bellhop:audit") for value in fields.values()])
    assert b"hunter2" not in stored
    assert not [name for name in await fake.redis.keys("*") if b"hunter2" in name]


async def test_a_flood_of_failures_does_not_wash_the_audit_log_out(tries):
    """Of an hour's failures so many are told, and then none."""
    assert [await tries.worth_telling() for _ in range(5)] == [True, True, True, False, False]


async def test_guessing_the_present_password_on_ones_account_is_as_slow(fake):
    """Who finds a browser unattended has no more tries than at the log-in."""
    visitor = await fake.logged_in("bob")
    fields = {"present": GUESS, "new": "another good one", "again": "another good one"}
    statuses = [await visitor.send("/account/password", page="/account", **fields) for _ in range(4)]
    assert "Too many tries" in statuses[-1].words


@pytest.mark.parametrize(
    ("address", "whence"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("", "unknown"),
    ],
)
def test_an_address_stands_for_who_has_it(address, whence):
    """Of IPv6 its /64: one customer has as many addresses there as they like."""
    assert neighbourhood(address) == whence
