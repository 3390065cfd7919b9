import errno
from fractions import Fraction

import av
import numpy as np
import pytest
from full_disk import disk

from puppet.errors import SinkError
from puppet.growing_file import GrowingFile
from puppet.sinks import VideoSink
from puppet.values import Moment, Picture

NOISE = np.random.default_rng(1).integers(0, 256, (8, 90, 160, 4), np.uint8)


def send(sink, count):
    noise = NOISE if sink.carries_transparency else np.ascontiguousarray(NOISE[..., :3])
    for i in range(count):
        sink.send(Picture(noise[i % len(noise)], Moment(i, i / 30, 0.0)))


def decoded(path):
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


@pytest.fixture(params=[".mp4", ".mov"])
def path(request, tmp_path):
    return tmp_path / f"a{request.param}"


@pytest.fixture
def opened(path):
    sink = VideoSink(path)
    sink.open((160, 90), Fraction(30))
    yield sink
    sink.abort()


def test_a_full_disk_keeps_what_was_recorded_until_then(opened, path):
    words = path.name + r" cannot be written any more \(File too large\); make room, .* is kept"
    with disk(1_000_000 if path.suffix == ".mp4" else 6_000_000):
        with pytest.raises(SinkError, match=words):
            send(opened, 300)
        with pytest.raises(SinkError):
            send(opened, 1)
        opened.close()
        opened.close()
    assert list(path.parent.iterdir()) == [path]
    assert decoded(path) >= 30


def test_a_disk_that_is_full_at_the_very_end_leaves_a_video_too(opened, path):
    send(opened, 120)
    (partial,) = path.parent.iterdir()
    with disk(partial.stat().st_size), pytest.raises(SinkError, match="make room"):
        opened.close()
    assert decoded(path) >= 30


def test_what_a_killed_program_leaves_can_be_played(opened, tmp_path):
    send(opened, 120)
    (partial,) = tmp_path.iterdir()
    assert decoded(partial) >= 30


def test_a_folder_that_was_removed_meanwhile_is_made_again(tmp_path):
    folder = tmp_path / "clips"
    folder.mkdir()
    sink = VideoSink(folder / "a.mp4")
    sink.open((160, 90), Fraction(30))
    send(sink, 60)
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    sink.close()
    assert [path.name for path in folder.iterdir()] == ["a.mp4"]
    assert decoded(folder / "a.mp4") == 60


def test_a_file_that_failed_once_is_not_written_again(tmp_path):
    file = GrowingFile(tmp_path / "a")
    file.write(b"1234")
    with disk(6), pytest.raises(OSError, match="File too large"):
        file.write(b"5678")
    file.seek(0)
    with pytest.raises(OSError) as caught:
        file.write(b"x")
    assert caught.value.errno == errno.EFBIG
    file.close()
    assert (tmp_path / "a").read_bytes()[:4] == b"1234"
