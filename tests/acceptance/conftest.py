"""One Redis, sandbox and worker for all acceptance tests that leave them whole; apps' names keep tests apart."""

from __future__ import annotations

from itertools import count

import pytest
from acceptance.deployment import READY, Deployment
from acceptance.destinations import NSCA_METHOD, SECRETS
from acceptance.vendors import Vendors
from fakes import redis_servers
from fakes.certificates import Authority
from fakes.redis_users import url_of, users

from worker.embedded_redis import EmbeddedRedis
from worker.sandbox.options import Options

DATABASES = count(1)


@pytest.fixture(scope="session")
def vendors():
    """The sandbox. Its limits are off: who wants to be limited adds a fault."""
    options = Options(
        hipchat_requests=None,
        hipchat_messages=None,
        nsca_method=NSCA_METHOD,
        nsca_password=SECRETS["NSCA_PASSWORD"],
    )
    with Vendors(options) as running:
        yield running


@pytest.fixture(autouse=True)
def _whole_vendors(vendors):
    """No test inherits the faults of another."""
    yield
    vendors.repair()


@pytest.fixture(scope="session")
def certificate(vendors, tmp_path_factory):
    """The file by which the sandbox's STARTTLS verifies."""
    file = tmp_path_factory.mktemp("tls") / "sandbox.pem"
    file.write_bytes(vendors.certificate_pem)
    return file


@pytest.fixture(scope="session")
def redis_state(tmp_path_factory):
    """Where the acceptance tests' Redis keeps its data."""
    return tmp_path_factory.mktemp("acceptance-redis")


@pytest.fixture(scope="session")
def acceptance_redis(redis_state):
    """A real Redis or Valkey. Database 0 is the shared deployment's."""
    with EmbeddedRedis(redis_state) as server:
        yield server


@pytest.fixture(scope="session")
def shared(acceptance_redis, tmp_path_factory):
    """The shared deployment."""
    deployment = Deployment(acceptance_redis.url, tmp_path_factory.mktemp("shared"))
    yield deployment
    deployment.close()


@pytest.fixture(scope="session")
def shared_worker(shared):
    """Its worker."""
    with shared.worker("shared") as worker:
        yield worker.wait_for(READY)


@pytest.fixture
def bellhop(shared, shared_worker):
    """The shared deployment with its worker at work, as it must still be after the test."""
    yield shared
    assert shared_worker.running, shared_worker.output()[-3000:]


@pytest.fixture(scope="module")
def another(acceptance_redis, tmp_path_factory):
    """Make a deployment on a database of its own, with settings of its own: its queues are its own, too."""
    made = []

    def make(**settings):
        url = f"{acceptance_redis.url.rpartition('/')[0]}/{next(DATABASES)}"
        made.append(Deployment(url, tmp_path_factory.mktemp("another"), **settings))
        return made[-1]

    yield make
    for deployment in made:
        deployment.close()


@pytest.fixture(scope="module", params=["over TLS", "in clear"])
def redis_of_users(request, tmp_path_factory):
    """A Redis over TLS, and the Valkey of our own; both with the example's users and no others."""
    folder = tmp_path_factory.mktemp("redis-acl")
    if request.param == "over TLS":
        running = redis_servers.with_tls(folder, users(), Authority(folder))
    else:
        running = redis_servers.plain(folder, users())
    with running as started:
        yield started


@pytest.fixture(scope="module")
def key_of_users(redis_of_users, tmp_path_factory):
    """Where the master key of all who use this Redis lies."""
    return {"BELLHOP_STATE_DIR": str(tmp_path_factory.mktemp("acl-state"))}


@pytest.fixture(scope="module")
def as_worker(redis_of_users, key_of_users, tmp_path_factory):
    """A deployment that knows the worker's user alone."""
    deployment = Deployment(url_of(redis_of_users, "worker"), tmp_path_factory.mktemp("acl"), **key_of_users)
    yield deployment
    deployment.close()
