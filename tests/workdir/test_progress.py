from __future__ import annotations

import threading

from ntk_core.workdir import progress
from ntk_core.workdir.progress import Job, Monitor, note, runs_done


def test_notes_add_up_and_go(tmp_path):
    jobs = [Job(tmp_path / "a.nc", 100, 1.0), Job(tmp_path / "b.nc", 100, 9.0)]
    monitor = Monitor(jobs)
    assert monitor.line(1.0) == "[runs] 0 of 200 done (0 % of their work)"
    jobs[0].path.write_text("done")
    with note(jobs[1].path) as report:
        report(50)
        assert runs_done(jobs[1]) == 50
        # 5.5 of 10 units of work in 11 s leave 9 s
        line = monitor.line(11.0)
        assert line == "[runs] 150 of 200 done (55 % of their work), 14 runs/s, about 0:09 left for runs"
    assert runs_done(jobs[1]) == 0
    assert [file.name for file in tmp_path.iterdir()] == ["a.nc"]


def test_no_time_is_left_to_runs_that_are_done(tmp_path):
    """Other jobs may be under way, of which a line of runs knows nothing."""
    monitor = Monitor([Job(tmp_path / "a.nc", 100, 1.0), Job(tmp_path / "b.nc", 1000, 1e6)])
    with note(tmp_path / "b.nc") as report:
        report(1000)
        (tmp_path / "a.nc.progress").write_text("99")
        assert monitor.line(5.0).endswith("220 runs/s, about 0:01 left for runs")
        (tmp_path / "a.nc").write_text("done")
        assert monitor.line(5.0) == "[runs] all 1,100 done"


def test_what_was_there_before_does_not_count_for_speed(tmp_path):
    (tmp_path / "a.nc").write_text("done")
    monitor = Monitor([Job(tmp_path / "a.nc", 100, 5.0), Job(tmp_path / "b.nc", 100, 5.0)])
    assert monitor.line(10.0).endswith("100 of 200 done (50 % of their work)")


def test_monitor_is_silent_when_nothing_is_missing(tmp_path):
    (tmp_path / "a.nc").write_text("done")
    lines: list[str] = []
    monitor = Monitor([Job(tmp_path / "a.nc", 100, 1.0)], lines.append)
    monitor.start()
    monitor.stop()
    assert lines == []


def test_a_broken_note_counts_as_nothing(tmp_path):
    (tmp_path / "a.nc.progress").write_text("x")
    assert runs_done(Job(tmp_path / "a.nc", 100, 1.0)) == 0


def test_monitor_measures_from_its_own_start(tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "INTERVAL", 0.001)
    printed = threading.Event()
    lines: list[str] = []

    def write(line: str) -> None:
        lines.append(line)
        printed.set()

    monkeypatch.setattr(progress.time, "monotonic", lambda: 1000.0)
    monitor = Monitor([Job(tmp_path / "a.nc", 100, 1.0), Job(tmp_path / "b.nc", 100, 9.0)], write)
    (tmp_path / "a.nc").write_text("done")
    monkeypatch.setattr(progress.time, "monotonic", lambda: 1010.0)
    monitor.start()
    assert printed.wait(30.0)
    monitor.stop()
    assert lines[0] == "[runs] 100 of 200 done (10 % of their work), 10 runs/s, about 1:30 left for runs\n"
