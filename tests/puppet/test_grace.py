import logging

import cv2
import pytest

from engines.base import EngineRunError
from puppet import grace as grace_module
from puppet.errors import StageError
from puppet.grace import Grace


@pytest.fixture
def clock(monkeypatch):
    """A clock that the test sets."""

    class Clock:
        now_s = 100.0

    monkeypatch.setattr(grace_module, "perf_counter", lambda: Clock.now_s)
    return Clock


def fail(grace, error):
    with grace:
        raise error


@pytest.mark.parametrize("error", [EngineRunError("a"), MemoryError(), RuntimeError(), ValueError(), cv2.error("a")])
def test_what_runtimes_raise_is_borne_until_it_lasts(clock, error):
    grace = Grace("the generator", bears=True)
    fail(grace, error)
    assert grace.failed and not grace.noticed and grace.count == 1
    clock.now_s += 0.3
    fail(grace, error)
    assert grace.noticed
    clock.now_s += 5.0
    with pytest.raises(StageError, match=r"^the generator has failed for 5 s \(.+\); start puppet again$"):
        fail(grace, error)


def test_one_success_begins_anew(clock):
    grace = Grace("the generator", bears=True)
    for _ in range(20):
        fail(grace, RuntimeError("a"))
        clock.now_s += 4.0
        with grace:
            pass
        assert not grace.failed and not grace.noticed
    assert grace.count == 20


@pytest.mark.parametrize("error", [KeyError("a"), AttributeError("a"), KeyboardInterrupt()])
def test_mistakes_and_interrupts_are_not_borne(error):
    with pytest.raises(type(error)):
        fail(Grace("the generator", bears=True), error)


def test_without_grace_every_failure_goes_on_its_way():
    with pytest.raises(EngineRunError, match="out of memory"):
        fail(Grace("the generator", bears=False), EngineRunError("out of memory"))


def test_failures_are_logged_now_and_then(clock, caplog):
    caplog.set_level(logging.INFO, "puppet")
    grace = Grace("the face tracker", bears=True)
    for _ in range(300):
        fail(grace, RuntimeError("lost\nagain"))
        with grace:
            clock.now_s += 0.0625
    assert caplog.messages == [
        "the face tracker failed (lost again), 1 in all",
        "the face tracker failed (lost again), 161 in all",
    ]
