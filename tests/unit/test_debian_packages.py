"""tests/debian-packages.sh, among programs that only note how they were called: nothing is installed here."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "debian-packages.sh"
TOOLS = ("bash", "env", "grep", "mktemp", "sh", "tail")
ALL = "nsca redis-tools chromium fonts-dejavu-core"

# What each stands in for says no more than the script asks of it.
STAND_INS = {
    # Installed is what has a file in `installed`.
    "dpkg-query": 'for last; do :; done; [ -e "$HERE/installed/$last" ] && printf installed',
    "id": "echo 0",
    "apt-get": """
echo "$*" >>"$HERE/calls"
for last; do :; done
case " $* " in
  *" update "*) exit 0 ;;
  *" $REFUSED "*) echo "E: Unable to locate package $last"; exit 100 ;;
esac
: >"$HERE/installed/$last"
""",
    # These would touch /usr/sbin/policy-rc.d.
    "tee": "while read -r _; do :; done",
    "chmod": ":",
    "rm": ":",
}


@dataclass(frozen=True)
class Machine:
    """A PATH of stand-ins, and what they noted."""

    folder: Path

    def add(self, name: str, body: str) -> None:
        """Put a program on the PATH."""
        program = self.folder / "bin" / name
        program.write_text(f"#!/bin/sh\n{body}\n")
        program.chmod(0o755)

    def remove(self, name: str) -> None:
        """Take a program off the PATH."""
        (self.folder / "bin" / name).unlink()

    def install(self, *packages: str) -> None:
        """Have packages installed already."""
        for package in packages:
            (self.folder / "installed" / package).touch()

    def run(self, *packages: str, refused: str = "") -> str:
        """What the script printed; AssertionError where it did not end with 0 or complained."""
        environment = {"PATH": str(self.folder / "bin"), "HERE": str(self.folder), "REFUSED": refused or "-"}
        environment["TMPDIR"] = str(self.folder)
        command = [self.folder / "bin" / "bash", SCRIPT, *packages]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    @property
    def calls(self) -> list[str]:
        """The lines that apt-get was called with."""
        noted = self.folder / "calls"
        return noted.read_text().splitlines() if noted.exists() else []


@pytest.fixture
def machine(tmp_path):
    """Debian, root, none of the packages."""
    for name in ("bin", "installed"):
        (tmp_path / name).mkdir()
    made = Machine(tmp_path)
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found is not None
        (tmp_path / "bin" / tool).symlink_to(found)
    for name, body in STAND_INS.items():
        made.add(name, body)
    return made


def installs(machine: Machine) -> list[str]:
    """The packages that were asked for."""
    return [call.split()[-1] for call in machine.calls if " install " in call]


def test_it_asks_nobody_where_all_is_there(machine):
    """On every later run: no apt-get, no word."""
    machine.install(*ALL.split())
    assert machine.run() == ""
    assert machine.calls == []


def test_what_is_missing_is_installed_once(machine):
    """First the lists, then each package without its recommendations; the second run does nothing."""
    assert machine.run() == f"installing for the tests: {ALL} …\n"
    assert [" update" in call for call in machine.calls] == [True, *[False] * len(ALL.split())]
    assert installs(machine) == ALL.split()
    assert all("--no-install-recommends" in call and " -y " in call for call in machine.calls[1:])
    assert machine.run() == ""


def test_only_what_is_missing_is_installed(machine):
    """A program from elsewhere on the PATH is as good as Debian's."""
    machine.install("nsca", "redis-tools", "fonts-dejavu-core")
    machine.add("chromium", ":")
    assert machine.run() == ""
    assert machine.calls == []


def test_a_package_that_cannot_be_had_keeps_the_others_from_nobody(machine):
    """It says which tests are skipped and what apt said."""
    said = machine.run(refused="chromium").splitlines()
    assert installs(machine) == ALL.split()
    assert said[1:] == [
        "skipped without chromium: tests in a browser (not installed: apt-get: E: Unable to locate package chromium)"
    ]


def test_others_may_ask_for_packages_of_their_own(machine):
    """The benchmark asks for Alertmanager alone, and reads why it cannot be had."""
    assert machine.run("prometheus-alertmanager") == "installing: prometheus-alertmanager …\n"
    assert installs(machine) == ["prometheus-alertmanager"]
    (machine.folder / "installed" / "prometheus-alertmanager").unlink()
    said = machine.run("prometheus-alertmanager", refused="prometheus-alertmanager")
    assert "the comparison with Alertmanager (not installed: apt-get: E: Unable to locate" in said


def test_elsewhere_than_on_debian_it_says_what_is_skipped(machine):
    """One line for each, and no failure."""
    for name in ("apt-get", "dpkg-query"):
        machine.remove(name)
    assert machine.run().splitlines() == [
        "skipped without nsca: tests against Nagios' own NSCA daemon (not installed: there is no apt-get here)",
        "skipped without redis-tools: tests of Redis over TLS (not installed: there is no apt-get here)",
        "skipped without chromium: tests in a browser (not installed: there is no apt-get here)",
    ]


@pytest.mark.parametrize("sudo", [None, "exit 1"])
def test_without_the_right_to_install_it_does_not_try(machine, sudo):
    """No sudo, or one that asks for a password."""
    machine.add("id", "echo 1000")
    if sudo:
        machine.add("sudo", sudo)
    assert machine.run().count("that needs root, or sudo without a password") == 3
    assert machine.calls == []


def test_sudo_without_a_password_will_do(machine):
    """It is never asked for one: -n."""
    machine.add("id", "echo 1000")
    machine.add("sudo", '[ "$1" = -n ] || exit 1; shift; exec "$@"')
    machine.add("true", ":")
    machine.run()
    assert installs(machine) == ALL.split()


def test_apt_waits_for_its_lock_and_asks_nothing(machine):
    """Another apt may be at work; and nobody sits there to answer questions."""
    machine.add("apt-get", 'echo "$DEBIAN_FRONTEND $*" >>"$HERE/calls"')
    machine.run()
    assert machine.calls
    assert all(call.startswith("noninteractive ") and "DPkg::Lock::Timeout=" in call for call in machine.calls)
