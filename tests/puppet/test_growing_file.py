import errno
import resource
from fractions import Fraction

import av
import numpy as np
import pytest

from puppet.errors import SinkError
from puppet.growing_file import GrowingFile
from puppet.sinks import Mp4Sink
from puppet.values import Moment, Picture

NOISE = np.random.default_rng(1).integers(0, 256, (8, 90, 160, 3), np.uint8)


def send(sink, count):
    for i in range(count):
        sink.send(Picture(NOISE[i % len(NOISE)], Moment(i, i / 30, 0.0)))


def decoded(path):
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


@pytest.fixture
def opened(tmp_path):
    sink = Mp4Sink(tmp_path / "a.mp4")
    sink.open((160, 90), Fraction(30))
    yield sink
    sink.abort()


@pytest.fixture
def disk():
    """Limits the size of every file, as a disk does that is nearly full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_keeps_what_was_recorded_until_then(opened, disk, tmp_path):
    disk(1_000_000)
    with pytest.raises(SinkError, match=r"a.mp4 cannot be written any more \(File too large\); make room, .* is kept"):
        send(opened, 300)
    with pytest.raises(SinkError):
        send(opened, 1)
    opened.close()
    opened.close()
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
    assert decoded(tmp_path / "a.mp4") >= 30


def test_a_disk_that_is_full_at_the_very_end_leaves_a_video_too(opened, disk, tmp_path):
    send(opened, 120)
    (partial,) = tmp_path.iterdir()
    disk(partial.stat().st_size)
    with pytest.raises(SinkError, match="make room"):
        opened.close()
    assert decoded(tmp_path / "a.mp4") >= 30


def test_what_a_killed_program_leaves_can_be_played(opened, tmp_path):
    send(opened, 120)
    (partial,) = tmp_path.iterdir()
    assert decoded(partial) >= 30


def test_a_folder_that_was_removed_meanwhile_is_made_again(tmp_path):
    folder = tmp_path / "clips"
    folder.mkdir()
    sink = Mp4Sink(folder / "a.mp4")
    sink.open((160, 90), Fraction(30))
    send(sink, 60)
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    sink.close()
    assert [path.name for path in folder.iterdir()] == ["a.mp4"]
    assert decoded(folder / "a.mp4") == 60


def test_a_file_that_failed_once_is_not_written_again(disk, tmp_path):
    file = GrowingFile(tmp_path / "a")
    file.write(b"1234")
    disk(6)
    with pytest.raises(OSError, match="File too large"):
        file.write(b"5678")
    disk(100)
    file.seek(0)
    with pytest.raises(OSError) as caught:
        file.write(b"x")
    assert caught.value.errno == errno.EFBIG
    file.close()
    assert (tmp_path / "a").read_bytes()[:4] == b"1234"
