"""docker-compose.yml and Procfile: what they start, what they keep, and what they leave open."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
import redis
from celery import Celery
from celery.bin.base import CLIContext
from celery.bin.worker import worker as celery_worker
from fakes.processes import Process, free_port, until
from flower.options import options as flower_options
from typer.main import get_command
from unit.deployment_files import ROOT, commands, compose, procfile

from config.settings import Settings
from worker.cli import app
from worker.redis_process import server_binary

COMMANDS = commands()


def service(name: str) -> dict:
    """A service of the compose file."""
    return compose()["services"][name]


def test_what_an_operator_is_promised_is_there():
    """Redis, worker, console, Flower and sandbox in Compose; ours in the Procfile."""
    assert set(compose()["services"]) == {"redis", "worker", "web", "flower", "sandbox"}
    assert set(procfile()) == {"worker", "web", "flower", "sandbox"}


@pytest.mark.parametrize("place", COMMANDS)
def test_every_command_is_one_that_its_program_takes(place):
    """A renamed option or command would otherwise show only when a container does not start."""
    program, *arguments = COMMANDS[place]
    if program == "bellhop":
        name, *rest = arguments
        get_command(app).commands[name].make_context(name, rest)
    else:
        assert [program, *arguments[:2]] == ["celery", "-A", "worker"]
        accept_celery(*arguments[2:])


def accept_celery(command: str, *arguments: str) -> None:
    """Fails unless `celery -A worker <command>` takes the arguments."""
    if command == "worker":
        context = CLIContext(app=Celery(set_as_current=False), no_color=True, workdir=None, quiet=True)
        celery_worker.make_context(command, list(arguments), obj=context)
        return
    assert command == "flower"
    # Flower silently drops what it does not know.
    unknown = [each for each in arguments if each.removeprefix("--").partition("=")[0] not in flower_options]
    assert unknown == []


@pytest.mark.parametrize(
    "wrong", [["worker", "--pol", "threads"], ["worker", "-P", "fibres"], ["flower", "--adress=x"]]
)
def test_a_wrong_celery_option_would_be_noticed(wrong):
    """The check above can fail."""
    with pytest.raises(Exception, match=r"No such option|is not one of|--adress"):
        accept_celery(*wrong)


def test_compose_accepts_the_file():
    """Docker's own reading of it, where there is one."""
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("Docker's compose plugin is not installed")
    done = subprocess.run(
        [docker, "compose", "config", "-q"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_redis_keeps_what_it_took(tmp_path):
    """Started with Compose's very options, a server writes an AOF every second and never evicts."""
    _, *options = service("redis")["command"]
    port = free_port()
    command = [server_binary(), *options, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(tmp_path)]
    with Process(command, env={}, cwd=tmp_path, log=tmp_path / "log") as server:
        server.wait_for("Ready to accept connections")
        with redis.Redis(port=port, decode_responses=True) as client:
            found = client.config_get("append*", "maxmemory-policy", "save")
    wanted = {"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction", "save": ""}
    assert {name: found[name] for name in wanted} == wanted


def test_redis_data_outlasts_its_container():
    """On a named volume, where the image's server writes."""
    assert service("redis")["volumes"] == ["redis:/data"]
    assert "redis" in compose()["volumes"]
    assert "ports" not in service("redis")


def test_there_can_be_many_workers():
    """Nothing that only one container can have; a name of its own for each in Flower."""
    taken = {"container_name", "hostname", "ports", "networks"} & set(service("worker"))
    assert taken == set()
    assert "$$" in procfile()["worker"]


def test_a_worker_may_finish_what_it_has_in_flight():
    """Docker waits longer than a worker may take to stop."""
    fields = Settings.model_fields
    needed = fields["shutdown_s"].default + fields["total_timeout_s"].default
    assert int(service("worker")["stop_grace_period"].removesuffix("s")) > needed


@pytest.mark.parametrize("name", compose()["services"])
def test_what_is_published_is_for_this_machine_only(name):
    """Redis, Flower and the sandbox ask nobody who they are, and the console has no TLS of its own."""
    assert [port for port in service(name).get("ports", []) if not port.startswith("127.0.0.1:")] == []


def test_in_a_procfile_nothing_listens_to_the_outside():
    """Flower says so; the console and the sandbox do by default."""
    assert "--host" not in procfile()["web"]
    assert "--address=127.0.0.1" in procfile()["flower"]
    assert "--host" not in procfile()["sandbox"]


def test_workers_may_reach_the_sandbox_and_nothing_else_in_there():
    """The allowed address is the sandbox's alone, and no other container can be given it."""
    network = compose()["networks"]["default"]["ipam"]["config"][0]
    sandbox = ip_address(service("sandbox")["networks"]["default"]["ipv4_address"])
    allowed = re.fullmatch(
        r"\$\{BELLHOP_ALLOWED_ADDRESSES:-(.+)\}", service("worker")["environment"]["BELLHOP_ALLOWED_ADDRESSES"]
    )
    assert allowed is not None
    assert ip_network(allowed[1]) == ip_network(f"{sandbox}/32")
    assert sandbox in ip_network(network["subnet"])
    assert sandbox not in ip_network(network["ip_range"])
    assert str(sandbox) != network["gateway"]


def test_only_settings_that_exist_are_set():
    """A misspelt variable would have no effect, and nobody would know."""
    known = {f"BELLHOP_{name}".upper() for name in Settings.model_fields}
    set_here = {name for each in compose()["services"].values() for name in each.get("environment", {})}
    assert {name for name in set_here if name.startswith("BELLHOP_")} - known == set()


@pytest.mark.slow
def test_the_sandbox_health_check_tells_up_from_down(tmp_path):
    """The command in the file, at a port where nobody listens and then at a sandbox that runs there."""
    form, _, *arguments = service("sandbox")["healthcheck"]["test"]
    port = free_port()
    check = [sys.executable, *(each.replace(":8025/", f":{port}/") for each in arguments)]

    def healthy() -> bool:
        return subprocess.run(check, cwd=tmp_path, capture_output=True, check=False).returncode == 0

    assert form == "CMD"
    assert not healthy()
    bellhop = Path(sys.executable).with_name("bellhop")
    command = [bellhop, "sandbox", f"--port={port}", "--smtp-port=0", "--nsca-port=0"]
    with Process(command, env=os.environ, cwd=tmp_path, log=tmp_path / "log"):
        until(healthy, 30, "the sandbox is not healthy")
