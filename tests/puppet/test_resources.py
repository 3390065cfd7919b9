import mmap

import numpy as np

from puppet.resources import MB, Meter


def test_memory_and_processor_time_are_those_of_this_process():
    meter = Meter()
    before = meter.read()
    block = np.frombuffer(mmap.mmap(-1, int(200 * MB)), np.uint8)  # from the system, not from what was freed before
    block[::1024] = 1
    while meter.read().cpu_s < 0.05:
        block[::4096] += 1
    after = meter.read()
    assert 0.05 <= after.cpu_s <= after.wall_s * after.cores * 1.5
    assert after.cpu_share == after.cpu_s / (after.wall_s * after.cores)
    if before.steady_mb is not None and after.steady_mb is not None:
        assert after.steady_mb - before.steady_mb > 100
        assert after.steady_mb <= after.peak_mb
    assert after.peak_mb >= before.peak_mb > 10
