import threading

import numpy as np
import pytest

from puppet.handoff import Handoff


def test_newest_wins_and_losses_are_counted():
    handoff = Handoff(lambda: None)
    for value in (1, 2, 3):
        handoff.put(value)
    assert handoff.take() == 3
    assert handoff.lost == 2


def test_close_gives_what_is_waiting_and_then_the_end():
    handoff = Handoff(lambda: None)
    handoff.put(1)
    handoff.close()
    handoff.put(2)
    assert (handoff.take(), handoff.take(), handoff.take()) == (1, None, None)
    assert handoff.lost == 1


def test_close_wakes_a_waiting_reader_and_a_waiting_writer():
    empty, full = Handoff(lambda: None), Handoff(lambda: None, lossless=True)
    full.put(1)
    threads = [threading.Thread(target=empty.take), threading.Thread(target=full.put, args=(2,))]
    for thread in threads:
        thread.start()
    empty.close()
    full.close()
    for thread in threads:
        thread.join(5)
    assert not any(thread.is_alive() for thread in threads)


@pytest.mark.parametrize("lossless", [False, True])
def test_two_threads_never_share_a_buffer(lossless):
    count = 2000
    handoff = Handoff(lambda: np.zeros(256, np.int64), lossless=lossless)
    got = []

    def write():
        for value in range(1, count + 1):
            handoff.buffer[:] = value
            handoff.put((value, handoff.buffer))
        handoff.close()

    def read():
        while (taken := handoff.take()) is not None:
            value, buffer = taken
            got.append((value, buffer.min(), buffer.max()))

    threads = [threading.Thread(target=write), threading.Thread(target=read)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert all(value == low == high for value, low, high in got)
    assert [value for value, _, _ in got] == sorted(value for value, _, _ in got)
    assert len(got) + handoff.lost == count
    assert got[-1][0] == count
    assert not lossless or handoff.lost == 0


def test_patience_ends_without_a_value_and_keeps_the_readers_buffer():
    handoff = Handoff(lambda: np.zeros(1))
    handoff.buffer[:] = 5
    handoff.put(handoff.buffer)
    held = handoff.take(0.0)
    assert handoff.take(0.0) is None and handoff.take(0.01) is None
    assert held[0] == 5 and not handoff.ended
    handoff.put(handoff.buffer)
    handoff.close()
    assert not handoff.ended
    assert handoff.take(0.0) is not None
    assert handoff.ended and handoff.take() is None
