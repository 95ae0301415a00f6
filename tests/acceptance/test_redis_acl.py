"""Everything that Bellhop has, on a Redis that gives each user no more than config/redis.acl.example says."""

from __future__ import annotations

import json
import subprocess
from contextlib import closing, contextmanager
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest
import redis
from acceptance.deployment import BIN, READY, Deployment
from acceptance.destinations import everywhere, hipchat
from celery import Celery
from fakes import redis_servers
from fakes.certificates import Authority
from fakes.processes import free_port, until
from fakes.redis_users import EXAMPLE, names, password, users
from redis.exceptions import NoPermissionError

from worker.stores.redis_address import redis_address

pytestmark = pytest.mark.slow

DOCTOR_ASKED = {"bellhop: command config|get (toplevel)"}
"""What is denied on purpose: it would show Redis' own passwords. `doctor` says that it may not be read."""


@pytest.fixture(scope="module", params=["over TLS", "in clear"])
def server(request, tmp_path_factory):
    """A Redis over TLS, and the Valkey of our own; both with the example's users and no others."""
    folder = tmp_path_factory.mktemp("redis-acl")
    if request.param == "over TLS":
        running = redis_servers.with_tls(folder, users(), Authority(folder))
    else:
        running = redis_servers.plain(folder, users())
    with running as started:
        yield started


def url_of(server, who, number=0):
    """The address of one of the example's users, by the mark of its password."""
    return server.url(names()[who], password(who), number)


@contextmanager
def client_of(server, who):
    """A client of one of these users, as a program of any make connects."""
    with closing(redis.Redis.from_url(url_of(server, who), decode_responses=True)) as client:
        yield client


@pytest.fixture(scope="module")
def state(server, tmp_path_factory):
    """Where the master key of all who use this Redis lies."""
    return {"BELLHOP_STATE_DIR": str(tmp_path_factory.mktemp("acl-state"))}


@pytest.fixture(scope="module")
def bellhop(server, state, tmp_path_factory):
    """A deployment that knows the worker's user alone."""
    deployment = Deployment(url_of(server, "worker"), tmp_path_factory.mktemp("acl"), **state)
    yield deployment
    deployment.close()


def celery_producer(server):
    """A producer's own Celery app."""
    address = redis_address(url_of(server, "celery"))
    return Celery(broker=address.broker_url, broker_use_ssl=dict(address.tls) or False, set_as_current=False)


def produce(server, **event):
    """XADD, as a producer does."""
    with client_of(server, "producer") as client:
        client.xadd("bellhop:events", {"event": json.dumps(event)})


def consume(server, count, app, within_s=30):
    """XREAD until an app has so many results, as a consumer does."""
    found = []
    with client_of(server, "consumer") as client:
        last = "0"

        def enough():
            nonlocal last
            for _, entries in client.xread({"bellhop:results": last}, block=100) or []:
                last = entries[-1][0]
                found.extend(result for _, fields in entries if (result := json.loads(fields["result"]))["app"] == app)
            return len(found) >= count

        until(enough, within_s, lambda: f"{count} results; there are {found}")
    return found


COMMANDS = [
    "apps apply apps.yaml",
    "apps apply apps.yaml --prune",
    "apps diff apps.yaml",
    "apps list",
    "apps export",
    "destinations list",
    "destinations show all room",
    "destinations test all room",
    "destinations disable all hook",
    "destinations enable all hook",
    "deliveries list",
    "deliveries show all/first",
    "explain all/first",
    "send --app all --title again --id sent --wait 20",
    "replay --since 1h",
    "replay --dry-run",
    "keys list",
    "keys rotate",
    "status",
    "doctor",
]
"""Each a command line of its own; what each is given is there when its turn comes."""


def test_the_example_s_users_can_do_all_that_they_need(server, bellhop, vendors, certificate):
    """A worker, all channels, a retry, a dead letter, every command, Flower and producers: nothing is denied."""
    kinds = everywhere(vendors, "all", certificate)
    bellhop.apply({"all": kinds})
    vendors.break_down("hipchat", "all", status=503, times=1)
    with bellhop.worker("acl") as worker, flower(server, bellhop) as address:
        worker.wait_for(READY)
        # When: producers of both kinds, and a dead letter
        produce(server, app="all", id="first", title="By XADD")
        assert {each["outcome"] for each in consume(server, len(kinds), "all", 60)} == {"delivered"}
        with celery_producer(server) as app:
            app.send_task("bellhop.dispatch", args=[[{"app": "all", "id": "second", "title": "By Celery"}]])
        consume(server, 2 * len(kinds), "all", 60)
        vendors.break_down("webhook", "all", status=400, times=1)
        produce(server, app="all", id="third", title="One is refused")
        produce(server, app="all", title="")
        assert "failed" in {each["outcome"] for each in consume(server, 3 * len(kinds), "all", 60)}
        said = {command: bellhop.bellhop(*command.split()) for command in COMMANDS}
        assert "fsync may not be read" in said["doctor"]
        consume(server, 4 * len(kinds) + 1, "all", 60)
        look_around(address)
        assert worker.running
        # Kombu looks for forgotten messages with every tenth poll, a second each.
        until(lambda: _looked_for_forgotten_ones(server), 30, "it looks")
        assert worker.terminate() == 0
    # Then
    assert redis_servers.denied(server) == DOCTOR_ASKED


def _looked_for_forgotten_ones(server):
    with server.admin() as admin:
        return "cmdstat_zrange" in admin.info("commandstats")


@contextmanager
def flower(server, bellhop):
    """Flower as its own user; its address, once it hears the worker."""
    port = free_port()
    command = ("celery", "-A", "worker", "flower", "--address=127.0.0.1", f"--port={port}", "--logging=debug")
    more = {"FLOWER_UNAUTHENTICATED_API": "true", "BELLHOP_REDIS_URL": url_of(server, "flower")}
    with bellhop.start("flower", *command, **more) as running:
        url = f"http://127.0.0.1:{port}"
        until(lambda: any(ask(f"{url}/api/workers?status=1").values()), 40, lambda: f"a worker: {running.output()}")
        yield url
        assert running.running, running.output()


def ask(url, **options):
    """Flower's JSON; nothing where it is not up yet."""
    try:
        with urlopen(Request(url, **options), timeout=10) as answer:  # noqa: S310 - our own address
            return json.load(answer)
    except (URLError, ValueError):
        return {}


def look_around(address):
    """What people do in Flower: look at workers, tasks and queues, and send a worker a command."""
    (worker,) = ask(f"{address}/api/workers?refresh=1")
    assert "bellhop.deliver.hipchat" in str(ask(f"{address}/api/workers?refresh=1&workername={worker}"))
    assert "By XADD" not in str(ask(f"{address}/api/tasks"))
    assert until(lambda: ask(f"{address}/api/tasks"), 10, "tasks")
    assert ask(f"{address}/api/queues/length")["active_queues"]
    limit = f"workername={worker}&ratelimit=1000/s"
    assert "message" in ask(f"{address}/api/task/rate-limit/bellhop.deliver.slack", data=limit.encode(), method="POST")
    with urlopen(f"{address}/broker", timeout=10) as page:  # noqa: S310 - our own address
        assert "bellhop.deliver" in page.read().decode()


REFUSED = {
    "worker": [
        "GET other",
        "KEYS *",
        "SCAN 0",
        "CONFIG GET *",
        "FLUSHALL",
        "SUBSCRIBE others",
        "ACL LIST",
        "CLIENT LIST",
    ],
    "producer": ["XRANGE bellhop:events - +", "XREAD STREAMS bellhop:results 0", "XADD bellhop:results * result x"],
    "celery": ["LPUSH bellhop.deliver x", "RPOP celery", "HGETALL bellhop:app:all", "XADD bellhop:events * event x"],
    "consumer": ["XADD bellhop:events * event x", "XREAD STREAMS bellhop:events 0", "DEL bellhop:results", "INFO"],
    "flower": ["HGETALL bellhop:app:all", "XREAD STREAMS bellhop:results 0", "GET bellhop:x", "CONFIG GET *"],
}


@pytest.mark.parametrize("who", REFUSED)
def test_and_nothing_more(server, who):
    """Others' keys, other programs' parts and all that administrates Redis are refused."""
    for command in [*REFUSED[who], "CLIENT TRACKING ON BCAST", "SHUTDOWN", "SCRIPT FLUSH", "FUNCTION LIST"]:
        with client_of(server, who) as client, pytest.raises(NoPermissionError):
            client.execute_command(*command.split())


def test_the_file_as_it_is_starts_no_server(tmp_path):
    """Nobody runs with the passwords of an example: without real ones the server ends and names the line."""
    with (
        pytest.raises(AssertionError, match="change-me-worker"),
        redis_servers.plain(tmp_path, EXAMPLE.read_text("utf-8")),
    ):
        pass


def test_a_database_of_another_number_needs_its_channels(server, bellhop):
    """As the file says: the /0. of the channels is the database's number; the log names what is denied."""
    with bellhop.worker("another", BELLHOP_REDIS_URL=url_of(server, "worker", 1)) as worker:
        redis_servers.until_denied(server, "channel /1.celery")
        worker.wait_for("the user of BELLHOP_REDIS_URL may not do all that Bellhop does")
        assert worker.running
        assert worker.terminate() == 0


def test_a_redis_that_cannot_be_trusted_is_not_talked_to(server, bellhop, tmp_path):
    """Workers wait and say whose certificate it is about, commands end with 3; no password has gone out."""
    if server.authority is None:
        pytest.skip("is about TLS")
    stranger = Authority(tmp_path, "A stranger")
    url = server.url(names()["worker"], password("worker"), ssl_ca_certs=str(stranger.file))
    done = subprocess.run(
        [BIN / "bellhop", "status"],
        env=bellhop.environment(BELLHOP_REDIS_URL=url),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 3
    assert "its certificate is refused: " in done.stderr
    assert "see ssl_ca_certs in BELLHOP_REDIS_URL" in " ".join(done.stderr.split())
    with bellhop.worker("mistrusting", BELLHOP_REDIS_URL=url) as worker:
        worker.wait_for("its certificate is refused: ")
        assert worker.running
        assert password("worker") not in worker.output() + done.stdout + done.stderr
        worker.kill()


def test_what_is_not_verified_is_warned_of(server, bellhop):
    """`ssl_cert_reqs=none` works; the worker's log and `doctor` say what it lets others do."""
    if server.authority is None:
        pytest.skip("is about TLS")
    url = server.url(names()["worker"], password("worker"), ssl_cert_reqs="none")
    words = "BELLHOP_REDIS_URL has ssl_cert_reqs=none: anybody in between can take the place of Redis"
    with bellhop.worker("trusting", BELLHOP_REDIS_URL=url) as worker:
        worker.wait_for(READY)
        assert words in worker.output()
        assert worker.terminate() == 0
    more = {"env": bellhop.environment(BELLHOP_REDIS_URL=url), "capture_output": True, "text": True, "timeout": 60}
    assert words in subprocess.run([BIN / "bellhop", "doctor", "--json"], check=False, **more).stdout


@pytest.fixture
def own(server, state, tmp_path):
    """A deployment with a user of its own, which a test may break: (admin, deployment)."""
    rules = users().splitlines()[0].split()[4:]
    with server.admin() as admin:
        admin.execute_command("ACL", "SETUSER", "own", "reset", "on", ">first", *rules)
        deployment = Deployment(server.url("own", "first"), tmp_path, **state)
        yield admin, deployment
        deployment.close()
        admin.execute_command("ACL", "DELUSER", "own")


def break_off(admin):
    """Whoever is connected as `own` has to log in again."""
    admin.execute_command("CLIENT", "KILL", "USER", "own")


def test_a_changed_password_loses_nothing(server, own, vendors):
    """Workers with the old one wait and say so, naming the setting alone; alerts wait in the stream meanwhile."""
    admin, bellhop = own
    bellhop.apply({"rotated": {"room": hipchat(vendors, "rotated")}})
    with bellhop.worker("rotated") as worker:
        worker.wait_for(READY)
        admin.execute_command("ACL", "SETUSER", "own", "resetpass", ">second")
        break_off(admin)
        worker.wait_for("it refuses the user name or password of BELLHOP_REDIS_URL")
        admin.xadd("bellhop:events", {"event": json.dumps({"app": "rotated", "id": "meanwhile", "title": "x"})})
        # Then: a worker with the new one delivers, and so does the old one, once its password counts again.
        with bellhop.worker("renewed", BELLHOP_REDIS_URL=server.url("own", "second")) as renewed:
            renewed.wait_for(READY)
            vendors.wait_for(1, "rotated")
            assert renewed.terminate() == 0
        admin.execute_command("ACL", "SETUSER", "own", ">first")
        admin.xadd("bellhop:events", {"event": json.dumps({"app": "rotated", "id": "after", "title": "y"})})
        vendors.wait_for(2, "rotated")
        assert worker.running
        assert [each["outcome"] for each in bellhop.wait_for(2, "rotated")] == ["delivered"] * 2
        assert "first" not in worker.output().replace("first_attempt_at", "")
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
