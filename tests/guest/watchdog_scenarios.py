"""What a viewer sees while the program starts, stalls and is killed; `guest.py` runs these in its guest.

The viewer opens the virtual camera once and never again. Numbers that are printed are an emulation's.
"""

import os
import signal
import time

import hands
import pytest
from hands import PATIENCE_S, SOON_S, START_S, open_virtual_camera, puppet, tell, until, viewer

pytestmark = pytest.mark.timeout(3600)


@pytest.fixture
def stream(webcam, virtual_cameras, words):
    """A command line for the virtual camera."""
    return [*words, "--camera", "vivid", "--output", "virtual-camera"]


def test_the_slate_is_shown_until_the_portrait_is_there(stream):
    with puppet("slate", *stream), viewer() as seen:
        until(SOON_S, lambda: bool(seen.pictures))
        start_s = time.monotonic()
        assert seen.shows_slate()
        hands.save("slate", seen.newest)
        portrait_s = until(START_S, seen.shows_portrait)
        tell(portrait_s=portrait_s, longest_gap_s=seen.longest_gap_s(start_s))
        assert seen.longest_gap_s(start_s) < PATIENCE_S


def test_a_program_that_stalls_is_covered_by_the_slate(stream):
    with puppet("stalled", *stream) as program, viewer() as seen:
        until(START_S, seen.shows_portrait)
        start_s = time.monotonic()
        program.process.send_signal(signal.SIGSTOP)
        slate_s = until(SOON_S, seen.shows_slate)
        time.sleep(8.0)
        assert seen.shows_slate()
        hands.save("stalled", seen.newest)
        program.process.send_signal(signal.SIGCONT)
        portrait_s = until(SOON_S, seen.shows_portrait)
        tell(slate_s=slate_s, portrait_s=portrait_s, longest_gap_s=seen.longest_gap_s(start_s))
        assert seen.longest_gap_s(start_s) < PATIENCE_S
        assert program.end() == 0


def test_a_killed_program_leaves_the_slate_and_the_next_one_goes_on(virtual_cameras, tmp_path):
    with hands.sender("killed", tmp_path) as killed, hands.sender("next", tmp_path) as following:
        killed.go_on()
        with viewer() as seen:
            until(SOON_S, seen.shows_portrait)
            watchdog = killed.watchdog()
            start_s = time.monotonic()
            killed.end(signal.SIGKILL)
            slate_s = until(SOON_S, seen.shows_slate)
            time.sleep(5.0)
            assert seen.shows_slate() and is_running(watchdog)
            following.go_on()
            portrait_s = until(SOON_S, seen.shows_portrait)
            tell(slate_s=slate_s, portrait_s=portrait_s, longest_gap_s=seen.longest_gap_s(start_s))
            assert "which another puppet has left" in following.path.read_text() and is_running(watchdog)
            assert seen.longest_gap_s(start_s) < PATIENCE_S


def test_nobody_comes_after_a_killed_program_and_the_device_is_closed(virtual_cameras, tmp_path):
    with hands.sender("alone", tmp_path) as killed:
        killed.go_on()
        with viewer() as seen:
            until(SOON_S, seen.shows_portrait)
            watchdog = killed.watchdog()
            killed.end(signal.SIGKILL)
            ended_s = until(SOON_S, lambda: not is_running(watchdog))
            tell(ended_s=ended_s)
            assert seen.shows_slate() and ended_s > 50.0
    open_virtual_camera()


def test_a_killed_watchdog_is_started_again_for_viewers_that_stay(virtual_cameras, tmp_path):
    with hands.sender("watchdog-killed", tmp_path) as program:
        program.go_on()
        with viewer() as seen:
            until(SOON_S, seen.shows_portrait)
            killed, shown = program.watchdog(), len(seen.times_s)
            os.kill(killed, signal.SIGKILL)
            portrait_s = until(SOON_S, lambda: len(seen.times_s) > shown + 20 and seen.shows_portrait())
            tell(portrait_s=portrait_s)
            assert program.watchdog() != killed and "was started again" in program.path.read_text()


def test_when_both_are_killed_the_next_program_mends_the_device_for_viewers_that_stay(virtual_cameras, tmp_path):
    with hands.sender("both-killed", tmp_path) as killed, hands.sender("next-of-both", tmp_path) as following:
        killed.go_on()
        with viewer() as seen:
            until(SOON_S, seen.shows_portrait)
            watchdog = killed.watchdog()
            killed.process.send_signal(signal.SIGSTOP)  # or it starts another
            os.kill(watchdog, signal.SIGKILL)
            killed.end(signal.SIGKILL)
            time.sleep(2.0)
            shown = len(seen.times_s)
            following.go_on()
            portrait_s = until(SOON_S, lambda: len(seen.times_s) > shown + 20 and seen.shows_portrait())
            tell(portrait_s=portrait_s)


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
