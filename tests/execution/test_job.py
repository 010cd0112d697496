"""How a job ends that cannot go on: one line for what a person can act on, the stack for a fault of ours."""

from __future__ import annotations

import errno
import io
import logging
import signal
import subprocess
import sys

import pytest

from ntk_core.execution import job
from ntk_core.experiments.section import ConfigError


@pytest.fixture
def begun(monkeypatch):
    """The hook of a job that has begun; this process is as before afterwards."""
    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(logging, "raiseExceptions", True)
    monkeypatch.setitem(sys.modules, "dask.array", sys)
    job.begin()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL
    yield sys.excepthook
    signal.signal(signal.SIGINT, before)


def shown(hook, error: Exception) -> None:
    try:
        raise error
    except Exception:
        hook(*sys.exc_info())


@pytest.mark.parametrize(
    "error", [ConfigError("m is 3"), OSError("disk full"), ConnectionError("no scheduler")]
)
def test_an_error_that_a_person_can_act_on_is_one_line_and_its_stack_is_in_the_log(
    begun, capsys, caplog, error
):
    with caplog.at_level(logging.ERROR):
        shown(begun, error)
    assert capsys.readouterr().err == f"{error}\n"
    (record,) = caplog.records
    assert record.exc_info[1] is error


class FullDisk(io.StringIO):
    def write(self, _text):
        raise OSError(errno.ENOSPC, "no space left")


def test_a_full_disk_is_one_line_though_the_log_is_on_it_too(begun, capsys):
    full = logging.StreamHandler(FullDisk())
    logging.getLogger(job.__name__).addHandler(full)
    try:
        shown(begun, OSError(errno.ENOSPC, "a file cannot be written: make room and call again"))
    finally:
        logging.getLogger(job.__name__).removeHandler(full)
    assert capsys.readouterr().err == "a file cannot be written: make room and call again\n"


def test_a_fault_of_the_program_is_shown_with_its_stack(begun, capsys):
    shown(begun, ZeroDivisionError("division"))
    text = capsys.readouterr().err
    assert text.startswith("Traceback")
    assert "in shown" in text


def test_a_job_does_not_load_what_its_libraries_would_load_for_nothing():
    """Each takes half a second, in every job."""
    code = (
        "from ntk_core.execution.job import begin; begin('scipy.stats')\n"
        "import sys, xarray, seaborn\n"
        "assert xarray.Dataset({'a': ('x', [1, 2])}).isel(x=1).a.sum() == 2\n"
        "print([name for name in sys.modules if name.startswith(('dask.array.', 'scipy.stats.'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")
