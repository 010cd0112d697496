from __future__ import annotations

from ntk_core.keeping import Keeper, sweep


def test_what_went_missing_comes_back_older_than_anything(tmp_path):
    root = tmp_path / "results"
    files = [root / "a" / "runs.nc", root / "summary.txt", root / "never.txt"]
    files[0].parent.mkdir(parents=True)
    for file in files[:2]:
        file.write_text(file.name)
    Keeper(files).keep()
    files[0].unlink()
    files[1].unlink()
    files[1].write_text("new")
    assert Keeper(files).restore() == [files[0]]  # another process, after a kill
    assert files[0].read_text() == "runs.nc"
    assert files[0].stat().st_mtime == 0
    assert files[1].read_text() == "new"
    assert sorted(path.name for path in root.rglob("*")) == ["a", "runs.nc", "summary.txt"]


def test_sweep_removes_what_killed_jobs_left_and_nothing_else(tmp_path):
    with_names = ["runs.nc", ".runs.nc.7.part", "m64_seeds0-10.nc", "m64_seeds0-10.nc.progress", "my.part"]
    for name in with_names:
        (tmp_path / name).touch()
    sweep(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m64_seeds0-10.nc", "my.part", "runs.nc"]


def test_nothing_kept_nothing_done(tmp_path):
    keeper = Keeper([tmp_path / "results" / "x"])
    assert keeper.restore() == []
    keeper.forget()
    assert not (tmp_path / "results").exists()


def test_keeping_twice_keeps_the_newest(tmp_path):
    file = tmp_path / "x"
    file.write_text("one")
    Keeper([file]).keep()
    file.unlink()
    file.write_text("two")
    Keeper([file]).keep()
    file.unlink()
    Keeper([file]).restore()
    assert file.read_text() == "two"


def test_results_on_another_disk_are_kept_there(tmp_path):
    """A linked folder may lie on another file system, where no hard link reaches."""
    elsewhere = tmp_path / "disk"
    elsewhere.mkdir()
    (tmp_path / "results").symlink_to(elsewhere)
    file = tmp_path / "results" / "x"
    file.write_text("one")
    Keeper([file]).keep()
    assert (elsewhere / ".kept" / "x").samefile(file)
