"""The generated master key: made once, for its owner alone, and never overwritten."""

from __future__ import annotations

import multiprocessing
import os
import stat
from pathlib import Path

import pytest

from worker.errors import InvalidSettings
from worker.key_file import kept_key, kept_or_new_key, key_path


def test_it_is_made_once_and_for_its_owner_alone(tmp_path):
    """Mode 0600 in a folder of mode 0700, the same key ever after, and nothing left beside it."""
    folder = tmp_path / "a" / "state"
    assert kept_key(folder) is None
    made = kept_or_new_key(folder)
    assert len(made) == 32
    assert kept_or_new_key(folder) == kept_key(folder) == made
    assert stat.S_IMODE(key_path(folder).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [path.name for path in folder.iterdir()] == ["master-key"]


def test_a_wide_umask_makes_it_no_wider(tmp_path):
    """Whatever the operator's shell allows."""
    before = os.umask(0)
    try:
        kept_or_new_key(tmp_path / "state")
    finally:
        os.umask(before)
    assert stat.S_IMODE(key_path(tmp_path / "state").stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o777])
def test_one_that_others_may_read_is_refused_with_the_command_that_helps(tmp_path, mode):
    """It is not put right in silence: somebody may have it by now."""
    kept_or_new_key(tmp_path)
    key_path(tmp_path).chmod(mode)
    with pytest.raises(InvalidSettings, match=f"chmod 600 {key_path(tmp_path)}"):
        kept_or_new_key(tmp_path)


@pytest.mark.parametrize("content", [b"", b"\n", b"short", b"\xff\xfe", b"A" * 2000])
def test_one_that_is_damaged_is_refused_and_left_as_it_is(tmp_path, content):
    """Another in its place would make everything unreadable for good."""
    kept_or_new_key(tmp_path)
    key_path(tmp_path).write_bytes(content)
    with pytest.raises(InvalidSettings, match="holds no master key any more; restore it, or set BELLHOP_MASTER_KEYS"):
        kept_or_new_key(tmp_path)
    assert key_path(tmp_path).read_bytes() == content


def test_a_folder_in_its_place_is_told(tmp_path):
    """What cannot be read is named with its reason."""
    key_path(tmp_path).mkdir()
    with pytest.raises(InvalidSettings, match="master-key: the generated master key cannot be read: Is a directory"):
        kept_or_new_key(tmp_path)


def test_a_state_folder_that_cannot_be_made_names_the_setting(tmp_path):
    """A read-only container needs BELLHOP_MASTER_KEYS, and is told so."""
    (tmp_path / "file").touch()
    with pytest.raises(InvalidSettings, match="BELLHOP_MASTER_KEYS: is not set, and no key can be generated"):
        kept_or_new_key(Path("/proc/self/nothing"))
    with pytest.raises(InvalidSettings, match="Not a directory"):
        kept_or_new_key(tmp_path / "file" / "state")


def test_what_a_killed_process_left_is_in_nobodys_way(tmp_path):
    """Not even in that of a process with the same number, as in containers."""
    (tmp_path / f"master-key.{os.getpid()}.tmp").write_text("half a k")
    assert len(kept_or_new_key(tmp_path)) == 32
    assert [path.name for path in tmp_path.iterdir()] == ["master-key"]


def _make(folder, start, made):
    start.wait()
    made.put(kept_or_new_key(folder))


@pytest.mark.slow
def test_processes_that_start_together_have_the_same_key(tmp_path):
    """Whoever is first, his counts for all."""
    context = multiprocessing.get_context("spawn")
    for number in range(3):
        start, made = context.Barrier(6), context.Queue()
        folder = tmp_path / str(number)
        processes = [context.Process(target=_make, args=(folder, start, made)) for _ in range(6)]
        for each in processes:
            each.start()
        found = {made.get(timeout=60) for _ in processes}
        for each in processes:
            each.join(60)
        assert found == {kept_key(folder)}
