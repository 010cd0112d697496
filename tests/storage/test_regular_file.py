"""A file that somebody else made is opened only if it is regular, and read up to a limit."""

from __future__ import annotations

import errno
import os

import pytest

from ntk_core.storage.checksums import digest
from ntk_core.storage.regular_file import FileError, open_regular_file, read_regular_file


def test_a_file_is_read_up_to_its_limit(tmp_path):
    (tmp_path / "file").write_bytes(b"1234")
    (tmp_path / "link").symlink_to("file")
    assert read_regular_file(tmp_path / "file", 4) == b"1234"
    assert read_regular_file(tmp_path / "link", 5) == b"1234"
    with pytest.raises(FileError, match=r"file is too large; allowed: at most 3 bytes"):
        read_regular_file(tmp_path / "file", 3)


def test_what_is_no_regular_file_is_refused_and_closed(tmp_path):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "endless").symlink_to("/dev/zero")
    (tmp_path / "loop").symlink_to("loop")
    before = os.listdir("/proc/self/fd")  # noqa: PTH208
    for name, kind in (("folder", "folder"), ("pipe", "pipe"), ("endless", "device")):
        with pytest.raises(FileError, match=f"{name} is a {kind}, not a file"):
            open_regular_file(tmp_path / name)
    for name, reason in (("nothing", "No such file"), ("loop", "Too many levels")):
        with pytest.raises(FileError, match=f"{name} cannot be read: {reason}"):
            read_regular_file(tmp_path / name, 1)
    assert os.listdir("/proc/self/fd") == before  # noqa: PTH208


def test_an_error_of_the_disk_names_the_file():
    memory = "/proc/self/mem"  # a regular file whose first byte cannot be read
    for read in (digest, lambda path: read_regular_file(path, 1)):
        with pytest.raises(FileError, match=f"{memory} cannot be read: Input/output error") as raised:
            read(memory)
        assert raised.value.errno == errno.EIO
