import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from puppet.options import parse
from puppet.settings import Settings
from puppet.visible_mark import MarkTimes, VisibleMark

STEP_S = 0.25


def shown(times, seconds, *, start_s=0.0, portrait=True):
    """Whether it is there, four times a second."""
    return [times.note(start_s + i * STEP_S, portrait=portrait) for i in range(round(seconds / STEP_S))]


def test_regularly_is_at_the_start_and_every_minute():
    there = shown(MarkTimes("regularly", gaps=True), 130, start_s=7.0)
    begins = [i * STEP_S for i in range(len(there)) if there[i] and (i == 0 or not there[i - 1])]
    assert begins == [0.0, 60.0, 120.0]
    assert sum(there) * STEP_S == 15.0


def test_the_slate_has_none_and_the_portrait_begins_anew():
    times = MarkTimes("regularly", gaps=True)
    assert not any(shown(times, 20)[20:])
    assert not any(shown(times, 2, start_s=20.0, portrait=False))
    assert shown(times, 10, start_s=22.0) == [True] * 20 + [False] * 20
    assert not any(shown(MarkTimes("always", gaps=True), 2, portrait=False))


@pytest.mark.parametrize(("gaps", "again"), [(True, True), (False, False)])
def test_a_stream_that_comes_back_begins_anew_where_time_is_real(gaps, again):
    times = MarkTimes("regularly", gaps=gaps)
    shown(times, 20)
    assert times.note(22.0, portrait=True) == again


def test_a_new_recording_begins_with_it():
    times = MarkTimes("regularly", gaps=True)
    shown(times, 20)
    times.begin()
    assert shown(times, 10, start_s=20.0) == [True] * 20 + [False] * 20


@given(st.lists(st.floats(0.0, 5.0), max_size=30), st.booleans())
def test_always_and_never_hold_at_any_time(gaps_s, real_time):
    always, never = (MarkTimes(wish, gaps=real_time) for wish in ("always", "never"))
    for time_s in np.cumsum(gaps_s).tolist():
        assert always.note(time_s, portrait=True) and not never.note(time_s, portrait=True)


def test_a_wish_counts_at_once():
    times = MarkTimes("never", gaps=True)
    assert not any(shown(times, 2))
    times.wish = "regularly"
    assert times.note(2.0, portrait=True)
    times.wish = "always"
    assert times.note(2.2, portrait=True)


@pytest.mark.parametrize("size_wh", [(1280, 720), (720, 1280), (320, 180), (16, 16), (7680, 16)])
def test_it_is_drawn_in_the_corner_and_turned_for_a_mirror(size_wh):
    mark = VisibleMark(size_wh)
    plain = np.full((size_wh[1], size_wh[0], 3), 180, np.uint8)
    sent, mirrored = plain.copy(), plain.copy()
    mark.draw(sent)
    mark.draw_turned(mirrored)
    np.testing.assert_array_equal(sent, mirrored[:, ::-1])
    rows, columns = np.nonzero((sent != plain).any(axis=2))
    if min(size_wh) > 100:
        assert rows.max() < 0.15 * size_wh[1] and columns.min() > 0.75 * size_wh[0]
    assert sent.max() > 200 and sent.min() < 90  # light letters on a dark plate


@pytest.mark.parametrize("level", [0, 128, 255])
def test_the_letters_stand_out_from_every_backdrop(level):
    picture = np.full((720, 1280, 3), level, np.uint8)
    VisibleMark((1280, 720)).draw(picture)
    place = picture[24:85, 1171:1256].astype(int)
    assert place.max() == 255 and np.median(place) < 110


def test_the_command_line():
    assert parse(["--headless"]).settings.compositor.mark == Settings().compositor.mark == "regularly"
    assert parse(["--mark", "always"]).settings.compositor.mark == "always"
    with pytest.raises(SystemExit):
        parse(["--mark", "sometimes"])


@pytest.mark.parametrize("alpha", [0, 100, 255])
def test_in_transparent_pictures_it_is_the_same_on_whatever_they_are_laid(alpha):
    picture = np.full((720, 1280, 4), (128, 140, 90, alpha) if alpha else (128, 128, 128, 0), np.uint8)
    before = picture.astype(float)
    mark = VisibleMark((1280, 720))
    mark.draw(picture)
    assert picture[..., 3].max() == 255
    for level in (0, 128, 255):
        laid = [each[..., :3] + (1 - each[..., 3:] / 255) * (level - 128) for each in (before, picture.astype(float))]
        wanted = np.round(laid[0]).astype(np.uint8)
        mark.draw(wanted)
        np.testing.assert_allclose(laid[1], wanted, atol=2.5)
