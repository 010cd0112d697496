from __future__ import annotations

from ntk_core.workdir.progress import Job, note, runs_done


def test_a_note_says_what_is_done_and_goes(tmp_path):
    job = Job(tmp_path / "b.nc", 100, 9.0)
    with note(job.path) as report:
        report(30)
        report(20)
        assert runs_done(job) == 50
    assert runs_done(job) == 0
    assert list(tmp_path.iterdir()) == []
    job.path.write_text("done")
    assert runs_done(job) == 100


def test_a_broken_note_counts_as_nothing(tmp_path):
    (tmp_path / "a.nc.progress").write_text("x")
    assert runs_done(Job(tmp_path / "a.nc", 100, 1.0)) == 0


def test_a_note_never_says_more_than_all(tmp_path):
    (tmp_path / "a.nc.progress").write_text("101")
    assert runs_done(Job(tmp_path / "a.nc", 100, 1.0)) == 100
