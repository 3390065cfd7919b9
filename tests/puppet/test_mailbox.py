import os
import subprocess
import sys

import numpy as np
import pytest
from memory_driver import wait_for

from puppet import mailbox as mailbox_module
from puppet.mailbox import Mailbox, Reader

SIZE_WH = (320, 180)

WRITER = """
import sys, time
from pathlib import Path
import numpy as np
from puppet.mailbox import Mailbox

mailbox = Mailbox(Path(sys.argv[1]), (320, 180))
rgb = np.empty((180, 320, 3), np.uint8)
level, end_s = 0, time.monotonic() + 1.0
while time.monotonic() < end_s:
    rgb.fill(level % 256)
    mailbox.pictures.write(rgb)
    level += 1
rgb.fill(255)
mailbox.pictures.write(rgb)
mailbox.end()
"""


@pytest.fixture
def mailbox():
    mailbox = Mailbox.make(SIZE_WH)
    yield mailbox
    mailbox.remove()


def plain(level):
    return np.full((SIZE_WH[1], SIZE_WH[0], 3), level, np.uint8)


def test_the_newest_picture_is_read_once(mailbox):
    reader = Reader(Mailbox(mailbox.path, SIZE_WH).pictures)
    assert not reader.look() and not reader.rgb.any()
    for level in (10, 20, 30, 40):
        mailbox.pictures.write(plain(level))
    assert reader.look() and (reader.rgb == 40).all()
    assert not reader.look() and (reader.rgb == 40).all()


def test_pictures_and_slate_do_not_meet(mailbox):
    pictures, slate = Reader(mailbox.pictures), Reader(mailbox.slate)
    mailbox.slate.write(plain(9))
    assert not pictures.look() and slate.look()
    for level in range(1, 8):
        mailbox.pictures.write(plain(level))
    assert pictures.look() and (pictures.rgb == 7).all()
    mailbox.slate.write(plain(8))
    assert slate.look() and (slate.rgb == 8).all()


def test_two_processes_that_hammer_it_never_see_a_torn_picture(mailbox):
    reader, read = Reader(mailbox.pictures), set()
    with subprocess.Popen([sys.executable, "-c", WRITER, str(mailbox.path)]) as process:
        while not mailbox.ended:
            assert process.poll() in (None, 0)
            if reader.look():
                assert np.ptp(reader.rgb) == 0
                read.add(int(reader.rgb[0, 0, 0]))
    wait_for(lambda: reader.look() or (reader.rgb == 255).all())
    assert (reader.rgb == 255).all() and len(read) > 5


@pytest.mark.parametrize("slots", [1, 3])
def test_a_picture_that_is_overwritten_while_it_is_read_is_dropped(mailbox, monkeypatch, slots):
    board = mailbox.slate if slots == 1 else mailbox.pictures
    reader = Reader(board)
    board.write(plain(1))
    assert reader.look()
    board.write(plain(2))
    copy = np.copyto

    def slow_copy(into, source):
        """While it reads, the writer comes round."""
        copy(into[:90], source[:90])
        monkeypatch.undo()
        for level in range(3, 3 + slots):
            board.write(plain(level))
        copy(into[90:], source[90:])

    monkeypatch.setattr(mailbox_module.np, "copyto", slow_copy)
    assert not reader.look() and (reader.rgb == 1).all()
    assert reader.look() and np.ptp(reader.rgb) == 0


def test_a_writer_that_died_in_the_middle_leaves_the_picture_before(mailbox, monkeypatch):
    mailbox.pictures.write(plain(1))

    def die(into, source):
        raise KeyboardInterrupt

    monkeypatch.setattr(mailbox_module.np, "copyto", die)
    with pytest.raises(KeyboardInterrupt):
        mailbox.pictures.write(plain(2))
    monkeypatch.undo()
    reader = Reader(mailbox.pictures)
    assert reader.look() and (reader.rgb == 1).all()
    mailbox.pictures.write(plain(3))
    assert reader.look() and (reader.rgb == 3).all()


def test_it_is_the_users_own_and_goes_at_the_end(mailbox):
    assert mailbox.path.stat().st_mode & 0o777 == 0o600
    assert not mailbox.ended
    mailbox.end()
    assert mailbox.ended
    mailbox.remove()
    mailbox.remove()
    assert not mailbox.path.exists()


def test_without_shared_memory_it_is_a_file(monkeypatch, tmp_path):
    monkeypatch.setattr(mailbox_module, "MEMORY", tmp_path / "absent")
    monkeypatch.setattr(mailbox_module.tempfile, "tempdir", str(tmp_path))
    mailbox = Mailbox.make(SIZE_WH)
    assert mailbox.path.parent == tmp_path
    mailbox.remove()


@pytest.mark.skipif(os.name != "posix", reason="other systems have no such limit")
def test_without_room_nothing_is_left(monkeypatch, tmp_path):
    from full_disk import disk  # its module does not load there either

    monkeypatch.setattr(mailbox_module, "MEMORY", tmp_path)
    monkeypatch.setattr(mailbox_module.tempfile, "tempdir", str(tmp_path))
    with disk(100_000), pytest.raises(OSError, match="too large"):
        Mailbox.make(SIZE_WH)
    assert not list(tmp_path.iterdir())
