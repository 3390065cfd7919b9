"""FaceMesh's landmarks: which triangles they span, and which of them surround eyes and mouth.

Left and right are the subject's. Numbers are those of MediaPipe's canonical face model.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Int32

POINTS = 478
MESH_POINTS = 468
"""Landmarks of the face itself; the others are the irises'."""

OVAL = (
    10, 109, 67, 103, 54, 21, 162, 127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148,
    152, 377, 400, 378, 379, 365, 397, 288, 361, 323, 454, 356, 389, 251, 284, 332, 297, 338,
)  # fmt: skip
"""The face's outline."""

RIGHT_EYE = (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7)
LEFT_EYE = (263, 466, 388, 387, 386, 385, 384, 398, 362, 382, 381, 380, 374, 373, 390, 249)
"""An eye's opening: outer corner, upper lid, inner corner, lower lid."""

RIGHT_IRIS, LEFT_IRIS = 468, 473
"""Centres of the irises."""

INNER_LIPS = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95)
"""The mouth's opening: right corner, upper lip, left corner, lower lip."""

OUTER_LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
"""The lips' edge: right corner, lower lip, left corner, upper lip."""

LIP_TOP, LIP_CORNER = 5, 10
"""Places in `INNER_LIPS`: the middle of the upper lip, and the left corner."""

CHIN, FOREHEAD, UPPER_LIP = 152, 9, 164
"""The chin's tip, between the brows, and below the nose."""

ABOVE_BROWS = (10, 67, 107, 336, 297)
"""The forehead, from the outline down to the brows."""

CHEEKS = (50, 280, 205, 425)

_LIDS = {*RIGHT_EYE[1:8], *RIGHT_EYE[9:], *LEFT_EYE[1:8], *LEFT_EYE[9:]}
SHAPE = tuple(sorted(set(range(MESH_POINTS)) - _LIDS - {*INNER_LIPS, *OUTER_LIPS}))
"""What tells a person's shape: all but lids and lips, which blink and speak."""

_FALSE = {(49, 64, 129), (279, 294, 358)}
"""Three edges each, and no triangle: they enclose others beside the nostrils."""

_NOSTRILS = {48: 278, 59: 289, 64: 294, 75: 305, 219: 439, 240: 460}
"""Pairs beside the nostrils, where triangles are not the same on both sides."""


def opposite(opening: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
    """Upper and lower point, facing each other, of an eye's or the mouth's opening, without its corners."""
    half = len(opening) // 2
    return tuple(zip(opening[1:half], opening[:half:-1], strict=True))


def face_triangles() -> Int32[np.ndarray, "852 3"]:
    """The triangles of the face; eyes and mouth are open."""
    from puppet.mediapipe_solutions import face_mesh_connections

    edges = face_mesh_connections.FACEMESH_TESSELATION
    beside: dict[int, set[int]] = {}
    for a, b in edges:
        beside.setdefault(a, set()).add(b)
        beside.setdefault(b, set()).add(a)
    found = {tuple(sorted((a, b, c))) for a, b in edges for c in beside[a] & beside[b]}
    return np.array(sorted(found - _FALSE), np.int32)


def other_side() -> Int32[np.ndarray, "478"]:
    """For each landmark the one in its place on the face's other side: triangle by triangle, from the outline on."""
    across: dict[frozenset[int], list[int]] = {}
    for triangle in face_triangles().tolist():
        for corner in triangle:
            across.setdefault(frozenset(triangle) - {corner}, []).append(corner)
    irises = {right: right + LEFT_IRIS - RIGHT_IRIS for right in range(RIGHT_IRIS, LEFT_IRIS)}
    other = dict(zip(OVAL, (OVAL[0], *OVAL[:0:-1]), strict=True)) | _NOSTRILS | irises
    other |= {left: right for right, left in other.items()}
    edges, done = [frozenset(edge) for edge in zip(OVAL, (*OVAL[1:], OVAL[0]), strict=True)], set[frozenset[int]]()
    while edges:
        edge = edges.pop()
        here, there = across[edge], across.get(frozenset(other[point] for point in edge), [])
        new, left = ([point for point in points if point not in other] for points in (here, there))
        if edge in done or len(here) != len(there):
            continue
        done.add(edge)
        if len(new) == len(left) == 1:
            other[new[0]], other[left[0]] = left[0], new[0]
        edges += [frozenset((point, end)) for point in here if point in other for end in edge]
    return np.array([other[point] for point in range(POINTS)], np.int32)
