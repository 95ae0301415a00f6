"""Redis refuses: whose certificate, which password, which right. Workers say so, wait, and lose nothing."""

from __future__ import annotations

import json
import subprocess

import pytest
from acceptance.deployment import BIN, READY, Deployment
from acceptance.destinations import hipchat
from fakes import redis_servers
from fakes.certificates import Authority
from fakes.redis_users import names, password, url_of, users

pytestmark = pytest.mark.slow

OLD, NEW = "Canary-old-password", "Canary-new-password"


def test_a_database_of_another_number_needs_its_channels(redis_of_users, as_worker):
    """As the file says: the /0. of the channels is the database's number; the log names what is denied."""
    with as_worker.worker("another", BELLHOP_REDIS_URL=url_of(redis_of_users, "worker", 1)) as worker:
        redis_servers.until_denied(redis_of_users, "channel /1.celery")
        worker.wait_for("the user of BELLHOP_REDIS_URL may not do all that Bellhop does")
        assert worker.running
        assert worker.terminate() == 0


def test_a_redis_that_cannot_be_trusted_is_not_talked_to(redis_of_users, as_worker, tmp_path):
    """Workers wait and say whose certificate it is about, commands end with 3; no password has gone out."""
    if redis_of_users.authority is None:
        pytest.skip("is about TLS")
    stranger = Authority(tmp_path, "A stranger")
    url = redis_of_users.url(names()["worker"], password("worker"), ssl_ca_certs=str(stranger.file))
    done = subprocess.run(
        [BIN / "bellhop", "status"],
        env=as_worker.environment(BELLHOP_REDIS_URL=url),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 3
    assert "its certificate is refused: " in done.stderr
    assert "see ssl_ca_certs in BELLHOP_REDIS_URL" in " ".join(done.stderr.split())
    with as_worker.worker("mistrusting", BELLHOP_REDIS_URL=url) as worker:
        worker.wait_for("its certificate is refused: ")
        assert worker.running
        assert password("worker") not in worker.output() + done.stdout + done.stderr
        worker.kill()


def test_what_is_not_verified_is_warned_of(redis_of_users, as_worker):
    """`ssl_cert_reqs=none` works; the worker's log and `doctor` say what it lets others do."""
    if redis_of_users.authority is None:
        pytest.skip("is about TLS")
    url = redis_of_users.url(names()["worker"], password("worker"), ssl_cert_reqs="none")
    words = "BELLHOP_REDIS_URL has ssl_cert_reqs=none: anybody in between can take the place of Redis"
    with as_worker.worker("trusting", BELLHOP_REDIS_URL=url) as worker:
        worker.wait_for(READY)
        assert words in worker.output()
        assert worker.terminate() == 0
    more = {"env": as_worker.environment(BELLHOP_REDIS_URL=url), "capture_output": True, "text": True, "timeout": 60}
    assert words in subprocess.run([BIN / "bellhop", "doctor", "--json"], check=False, **more).stdout


@pytest.fixture
def own(redis_of_users, key_of_users, tmp_path):
    """A deployment with a user of its own, which a test may break: (admin, deployment)."""
    rules = users().splitlines()[0].split()[4:]
    with redis_of_users.admin() as admin:
        admin.execute_command("ACL", "SETUSER", "own", "reset", "on", f">{OLD}", *rules)
        deployment = Deployment(redis_of_users.url("own", OLD), tmp_path, **key_of_users)
        yield admin, deployment
        deployment.close()
        admin.execute_command("ACL", "DELUSER", "own")


def break_off(admin):
    """Whoever is connected as `own` has to log in again."""
    admin.execute_command("CLIENT", "KILL", "USER", "own")


def test_a_changed_password_loses_nothing(redis_of_users, own, vendors):
    """Workers with the old one wait and say so, naming the setting alone; alerts wait in the stream meanwhile."""
    admin, bellhop = own
    bellhop.apply({"rotated": {"room": hipchat(vendors, "rotated")}})
    with bellhop.worker("rotated") as worker:
        worker.wait_for(READY)
        admin.execute_command("ACL", "SETUSER", "own", "resetpass", f">{NEW}")
        break_off(admin)
        worker.wait_for("it refuses the user name or password of BELLHOP_REDIS_URL")
        admin.xadd("bellhop:events", {"event": json.dumps({"app": "rotated", "id": "meanwhile", "title": "x"})})
        # Then: a worker with the new one delivers, and so does the old one, once its password counts again.
        with bellhop.worker("renewed", BELLHOP_REDIS_URL=redis_of_users.url("own", NEW)) as renewed:
            renewed.wait_for(READY)
            vendors.wait_for(1, "rotated")
            assert renewed.terminate() == 0
        admin.execute_command("ACL", "SETUSER", "own", f">{OLD}")
        admin.xadd("bellhop:events", {"event": json.dumps({"app": "rotated", "id": "after", "title": "y"})})
        vendors.wait_for(2, "rotated")
        assert worker.running
        assert [each["outcome"] for each in bellhop.wait_for(2, "rotated")] == ["delivered"] * 2
        assert not [each for each in (OLD, NEW) if each in worker.output()]
        assert worker.terminate() == 0


@pytest.mark.parametrize("rule", ["-brpop", "-zadd"])
def test_what_is_not_permitted_for_a_while_is_waited_for(own, vendors, rule):
    """The log says what is missing and where it is written; once it is permitted the same worker delivers."""
    admin, bellhop = own
    room = f"forbidden{rule}"
    bellhop.apply({"forbidden": {"room": hipchat(vendors, room)}})
    with bellhop.worker("forbidden") as worker:
        worker.wait_for(READY)
        admin.execute_command("ACL", "SETUSER", "own", rule)
        break_off(admin)
        worker.wait_for("the user of BELLHOP_REDIS_URL may not do all that Bellhop does")
        worker.wait_for("config/redis.acl.example has what it needs")
        admin.xadd("bellhop:events", {"event": json.dumps({"app": "forbidden", "id": room, "title": "x"})})
        admin.execute_command("ACL", "SETUSER", "own", *users().splitlines()[0].split()[4:])
        vendors.wait_for(1, room, within_s=40)
        assert worker.running
        assert worker.terminate() == 0
