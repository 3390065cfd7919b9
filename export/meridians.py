"""Points along the skull's meridians, from the crown down to a height: hair and hats follow the head on them.

Compiled by numba, single-threaded.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np


@nb.njit(cache=True)
def _measure(path, end, arc):
    """Write lengths from the crown into `arc`; the length at which the path has fallen to `end`."""
    stop = -1.0
    for j in range(1, path.shape[0]):
        arc[j] = arc[j - 1] + math.sqrt(((path[j] - path[j - 1]) ** 2).sum())
        if stop < 0 and path[j, 1] <= end:
            share = (path[j - 1, 1] - end) / max(path[j - 1, 1] - path[j, 1], 1e-6)
            stop = arc[j - 1] + min(max(share, 0.0), 1.0) * (arc[j] - arc[j - 1])
    return stop if stop >= 0 else arc[-1]


@nb.njit(cache=True)
def along_meridians(path, end, rows):
    """Points [columns, rows, 3], evenly spaced by arc along `path` [columns, n, 3] to where it falls to `end`."""
    columns, count = path.shape[0], path.shape[1]
    out = np.empty((columns, rows, 3))
    arc = np.zeros(count)
    for i in range(columns):
        stop = _measure(path[i], end[i], arc)
        j = 0
        for row in range(rows):
            at = stop * row / (rows - 1)
            while j < count - 2 and arc[j + 1] < at:
                j += 1
            t = (at - arc[j]) / max(arc[j + 1] - arc[j], 1e-9)
            for k in range(3):
                out[i, row, k] = path[i, j, k] + t * (path[i, j + 1, k] - path[i, j, k])
    return out
