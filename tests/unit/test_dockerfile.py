"""The image: what goes into it, who runs it, and what its health check sees."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from unit.deployment_files import ROOT, compose, instructions, is_sent, last_stage

from worker.runtime import consumer_name
from worker.stores.connection import async_redis
from worker.stores.events import EventStream

SOURCES = [
    source
    for name, rest in instructions()
    if name == "COPY" and not rest.startswith("--from")
    for source in rest.split()[:-1]
]
SECRETS_AND_RUBBISH = [
    ".env",
    ".git/config",
    ".bellhop/redis.json",
    ".venv/bin/python",
    "config/.env",
    "requirements/dev.txt",
    "tests/conftest.py",
    "worker/__pycache__/app.cpython-311.pyc",
]


def runs() -> list[str]:
    """The Dockerfile's RUN lines."""
    return [rest for name, rest in instructions() if name == "RUN"]


def test_dependencies_are_the_pinned_ones_with_their_hashes():
    """What is not in requirements/runtime.txt, or pictures.txt if told so, or is another file, is not installed."""
    installs = [line for line in runs() if " install " in line and "pip" in line]
    assert len(installs) == 2
    assert installs[0].endswith("--require-hashes -r requirements/${REQUIREMENTS}.txt")
    assert ("ARG", "REQUIREMENTS=runtime") in instructions()
    assert {"--no-deps", "--no-build-isolation"} <= set(installs[1].split())


def test_images_and_packages_come_from_where_the_machine_says():
    """No registry's host and no index in Dockerfile or compose file: mirrors are the machine's affair."""
    images = [rest.split()[0] for name, rest in instructions() if name == "FROM"]
    images += [each["image"] for each in compose()["services"].values()]
    hosts = [image for image in images if "/" in image and re.search(r"[.:]", image.partition("/")[0])]
    assert hosts == []
    assert [line for line in runs() if "index" in line or "://" in line] == []


def test_both_stages_have_the_same_python():
    """A venv made by one version is of no use to another."""
    images = {rest.split()[0] for name, rest in instructions() if name == "FROM"}
    assert images == {"python:${PYTHON}-slim"}


def test_it_does_not_run_as_root():
    """By number, and as the last word of the image."""
    user, group = last_stage()["USER"].split(":")
    assert int(user) > 0
    assert int(group) > 0
    names = [name for name, _ in instructions()]
    assert names[::-1].index("USER") < names[::-1].index("RUN")


def test_it_takes_any_command_and_is_a_worker_without_one():
    """`docker run bellhop worker` and `docker run bellhop`."""
    stage = last_stage()
    assert (json.loads(stage["ENTRYPOINT"]), json.loads(stage["CMD"])) == (["bellhop"], ["worker"])


@pytest.mark.parametrize("source", SOURCES)
def test_what_is_copied_exists_and_is_sent(source):
    """A COPY of what .dockerignore holds back fails the build."""
    assert (ROOT / source).exists()
    assert is_sent(source)


@pytest.mark.parametrize("path", SECRETS_AND_RUBBISH)
def test_secrets_and_rubbish_are_held_back(path):
    """Nothing that lies about in a working copy gets into an image."""
    assert not is_sent(path)


@pytest.mark.slow
def test_an_installed_bellhop_has_all_of_its_files(tmp_path):
    """Scripts and pages are in the wheel as well, which an editable install would not show."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--no-build-isolation", "--wheel-dir", tmp_path, ROOT], check=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        inside = set(packed.namelist())
    wanted = {str(each.relative_to(ROOT)) for top in ("worker", "config") for each in (ROOT / top).rglob("*.*")}
    assert {name for name in wanted if "__pycache__" not in name} - inside == set()


@pytest.mark.slow
async def test_the_health_check_sees_this_containers_worker_and_no_other(redis_server, tmp_path):
    """The line in the Dockerfile, once under the worker's host name and once under another's."""
    check = re.sub(r"^.*?\sCMD ", "", last_stage()["HEALTHCHECK"])
    prefix = "health-check"
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "BELLHOP_REDIS_URL": redis_server.url,
        "BELLHOP_PREFIX": prefix,
    }

    def healthy(host: str) -> bool:
        shell = ["sh", "-c", check]
        return subprocess.run(shell, env=environment | {"HOSTNAME": host}, cwd=tmp_path, check=False).returncode == 0

    # Given a worker of this host that reads the stream
    name = consumer_name()
    redis = async_redis(redis_server.url)
    stream = EventStream(redis, prefix, name)
    for _ in range(2):  # the first makes the group
        await stream.read(1, 10)
    await redis.aclose()
    # Then its own container is well, and one whose worker does not read is not
    host = name.rsplit("-", 2)[0]
    assert healthy(host)
    assert not healthy(f"not-{host}")
