from __future__ import annotations

import contextlib
import os
import stat
import threading
from pathlib import Path

import pytest

from ntk_core.execution.compute import compute
from ntk_core.execution.private_folder import NAME, private_folder, temporary_folder, writable_by_others
from ntk_core.execution.workers import workers
from ntk_core.experiments.execution_model import ExecutionModel


def test_only_its_owner_can_use_it(directory):
    mask = os.umask(0)
    try:
        with temporary_folder() as folder:
            assert folder.parent == private_folder() == directory / NAME
            assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, folder.parent)] == [0o700, 0o700]
    finally:
        os.umask(mask)
    assert not folder.exists()


@pytest.mark.parametrize("kind", ["file", "link", "open to all", "of another user"])
def test_a_folder_somebody_else_may_have_prepared_is_refused(directory, kind):
    path = directory / NAME
    if kind == "file":
        path.touch()
    elif kind == "link":
        (directory / "elsewhere").mkdir(mode=0o700)
        path.symlink_to("elsewhere")
    else:
        path.mkdir(mode=0o700)
        if kind == "open to all":
            path.chmod(0o777)
        elif os.geteuid() != 0:
            pytest.skip("only root can give a folder away")
        else:
            os.chown(path, 12345, 12345)
    with pytest.raises(PermissionError, match=r"is not a folder that you alone own"):
        private_folder()


def test_folders_that_another_user_can_write(directory):
    safe = directory / "safe"
    safe.mkdir()
    assert writable_by_others(safe) is None
    shared = directory / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    assert writable_by_others(shared) == shared
    (shared / "below").mkdir()
    assert writable_by_others(shared / "below") == shared
    shared.chmod(0o1777)  # as /tmp: what is in it stays its owner's
    assert writable_by_others(shared / "below") is None
    assert writable_by_others(shared) == shared


def find_planted(_: int) -> bool:
    import importlib

    importlib.invalidate_caches()
    return importlib.util.find_spec("planted_module") is not None


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_code_planted_in_the_shared_temporary_folder_is_not_run(directory, monkeypatch, kind):
    """Another user makes Dask's folder there before the run, and fills each folder that is open to all."""
    shared = directory / "shared"
    scratch = shared / "dask-scratch-space"
    scratch.mkdir(parents=True)
    shared.chmod(0o777)
    scratch.chmod(0o777)
    monkeypatch.setenv("TMPDIR", str(shared))
    monkeypatch.setattr("tempfile.tempdir", None)
    stop = threading.Event()

    def plant() -> None:
        while True:
            for name, _, _ in os.walk(shared):  # unlike `rglob` it goes on where a folder is gone already
                folder = Path(name)
                with contextlib.suppress(FileNotFoundError):
                    if folder.stat().st_mode & stat.S_IWOTH:
                        (folder / "planted_module.py").touch()
            if stop.wait(0.01):
                return

    planter = threading.Thread(target=plant)
    planter.start()
    try:
        with workers(ExecutionModel(workers=kind), 1) as executors:
            assert compute(executors, find_planted, [0, 1]) == [False, False]
    finally:
        stop.set()
        planter.join()
    assert (scratch / "planted_module.py").exists()
    assert list(shared.rglob("*-*/*.py")) == [scratch / "planted_module.py"]  # nothing of the run was there


def test_a_file_in_place_of_dasks_shared_folder_stops_nothing(directory, monkeypatch):
    shared = directory / "shared"
    shared.mkdir()
    (shared / "dask-scratch-space").touch()
    monkeypatch.setenv("TMPDIR", str(shared))
    monkeypatch.setattr("tempfile.tempdir", None)
    with workers(ExecutionModel(workers="processes"), 1) as executors:
        assert compute(executors, abs, [-3]) == [3]
    assert not any((directory / NAME).iterdir())
