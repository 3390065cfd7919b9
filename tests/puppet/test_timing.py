import time

import pytest

from puppet.timing import KEPT, Pace, Span


def test_percentiles_and_count():
    span = Span("tracker")
    for i in range(1, 101):
        span.add(i / 1000)
    snapshot = span.snapshot()
    assert (snapshot.name, snapshot.count) == ("tracker", 100)
    assert snapshot.median_ms == pytest.approx(50.5)
    assert snapshot.p95_ms == pytest.approx(95.05)


def test_old_durations_are_forgotten():
    span = Span("camera")
    for duration_s in (1.0, 0.001):
        for _ in range(KEPT):
            span.add(duration_s)
    assert span.snapshot().p95_ms == pytest.approx(1.0)
    assert span.snapshot().count == 2 * KEPT


def test_a_timed_stage_works_as_before():
    span = Span("pose")

    def stage(a, *, b):
        time.sleep(0.002)
        return a + b

    assert span.timed(stage)(1, b=2) == 3
    assert span.snapshot().median_ms >= 2


def test_an_empty_span_is_zero():
    assert Span("sink").snapshot().median_ms == 0.0


def test_a_pace_is_that_of_the_last_seconds(monkeypatch):
    now_s = [100.0]
    monkeypatch.setattr("puppet.timing.perf_counter", lambda: now_s[0])
    pace = Pace()
    assert pace.per_second() == 0.0
    for hertz in (10, 25):
        for _ in range(hertz * 3):
            now_s[0] += 1 / hertz
            pace.tick()
    assert pace.per_second() == pytest.approx(25.0, rel=0.05)
    now_s[0] += 60
    assert pace.per_second() == 0.0
