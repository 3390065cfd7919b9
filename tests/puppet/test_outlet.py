import numpy as np
import pytest

from puppet.errors import SinkError
from puppet.outlet import Outlet, Preview, Tap
from puppet.sinks import NullSink
from puppet.values import Moment

PICTURES = np.random.default_rng(5).integers(0, 256, (6, 36, 64, 3), np.uint8)


class Failing(NullSink):
    def send(self, picture):
        raise SinkError("the disk is full")


def test_both_take_pictures():
    assert isinstance(Outlet(NullSink(), (64, 36)), Tap) and isinstance(Preview((64, 36)), Tap)


def test_a_preview_gives_the_newest_picture_once_and_it_stays_until_the_next():
    preview = Preview((64, 36))
    assert preview.newest() is None
    for i in range(3):
        preview.put(PICTURES[i], Moment(i, i / 30, 0.0))
    first = preview.newest()
    assert first.moment.index == 2
    assert preview.newest() is None
    preview.put(PICTURES[3], Moment(3, 0.1, 0.0))
    preview.put(PICTURES[4], Moment(4, 0.2, 0.0))
    np.testing.assert_array_equal(first.rgb, PICTURES[2])
    np.testing.assert_array_equal(preview.newest().rgb, PICTURES[4])


def test_a_failing_sink_is_told_and_takes_nothing_more():
    told = []
    outlet = Outlet(Failing(), (64, 36), lossless=True)
    outlet.start(told.append)
    for i in range(4):
        outlet.put(PICTURES[i], Moment(i, i / 30, 0.0))  # never waits for a dead thread
    outlet.finish()
    assert [str(error) for error in told] == ["the disk is full"]
    status = outlet.status()
    assert (status.error, status.sent) == ("the disk is full", 0) and status.dropped >= 2


def test_finish_waits_for_what_was_handed_over():
    sink = NullSink()
    sink.open((64, 36), 30)
    outlet = Outlet(sink, (64, 36))
    outlet.finish()  # was never started
    outlet = Outlet(sink, (64, 36))
    outlet.start()
    outlet.put(PICTURES[0], Moment(0, 0.0, 0.0))
    outlet.finish()
    np.testing.assert_array_equal(sink.last, PICTURES[0])
    assert outlet.last_s > 0


class Clear(NullSink):
    carries_transparency = True

    def open(self, size_wh, rate):
        self.last = np.zeros((size_wh[1], size_wh[0], 4), np.uint8)


@pytest.mark.parametrize(("sink", "channels"), [(NullSink(), 3), (Clear(), 4)])
def test_a_sink_gets_the_channels_that_it_carries(sink, channels):
    sink.open((64, 36), 30)
    rgba = np.dstack([PICTURES[0], PICTURES[1][..., 0]])
    opaque = np.dstack([PICTURES[0], np.full((36, 64), 255, np.uint8)])
    for given, wanted in ((rgba, rgba), (PICTURES[0], opaque)):
        outlet = Outlet(sink, (64, 36))
        outlet.start()
        outlet.put(given, Moment(0, 0.0, 0.0))
        outlet.finish()
        np.testing.assert_array_equal(sink.last, wanted[..., :channels])


def test_a_preview_of_another_size_shows_what_is_transparent_on_grey():
    preview = Preview((128, 72))
    preview.put(np.full((36, 64, 4), (128, 128, 128, 0), np.uint8), Moment(0, 0.0, 0.0))
    assert (preview.newest().rgb == 128).all()


@pytest.mark.parametrize(("size_wh", "filled"), [((128, 72), (0, 64)), ((36, 36), (14, 50)), ((64, 18), (0, 64))])
def test_pictures_of_another_size_are_fitted(size_wh, filled):
    preview = Preview((64, 36))
    preview.put(np.full((size_wh[1], size_wh[0], 3), 90, np.uint8), Moment(0, 0.0, 0.0))
    row = preview.newest().rgb[18, :, 0]
    assert (row[slice(*filled)] == 90).all() and row.sum() == 90 * (filled[1] - filled[0])
