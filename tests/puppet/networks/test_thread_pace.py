"""Choosing between half of the cores and all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from puppet.networks import thread_pace
from puppet.networks.thread_pace import KEPT, TRIED, ThreadPace


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("fastest", [2, 4])
def test_the_faster_number_is_kept_and_both_are_tried_again(monkeypatch: pytest.MonkeyPatch, fastest: int) -> None:
    now = 0.0
    monkeypatch.setattr(thread_pace, "monotonic", lambda: now)
    pace, used = ThreadPace(cores=4), []
    for step in range(2 * (2 * TRIED + KEPT)):
        with pace.step():
            assert torch.get_num_threads() == pace.threads
            used.append(pace.threads)
            now += 0.1 if pace.threads == fastest else 0.3
            if step == 0:
                now += 60  # the first step of all warms up
    period = 2 * TRIED + KEPT
    assert set(used[: 2 * TRIED]) == {2, 4}
    for start in (0, period):
        assert set(used[start + 2 * TRIED : start + period]) == {fastest}


def test_one_core_is_one_thread() -> None:
    pace = ThreadPace(cores=1)
    for _ in range(2 * KEPT):
        with pace.step():
            assert pace.threads == 1
