"""Everything around the face of a portrait as a closed shell in space: hair, ears, skull, neck and shoulders.

Nothing is known of their depth, so the shell is a blown-up silhouette: at its edge it is as deep as the head's pivot,
and from there it bulges to both sides as a circle does. At the face's outline it meets the face. The back is a skull's:
it ends at the height of the mouth, behind which the neck is.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32

from puppet.cutout import MARGIN, Cutout, crop_px
from puppet.face_topology import CHIN, FOREHEAD, MESH_POINTS, OVAL, UPPER_LIP
from puppet.mesh_raster import Window, draw
from puppet.smooth_step import smooth_step

CELLS = 80
"""Cells of the shell along each side of the picture."""

FRONT, BACK, RIM = 0.33, 0.27, 0.30
"""In sides of the crop: how far the shell bulges to the front and to the back, and how far inside the edge it does."""

FLATTER_NECK, NO_BACK = 0.45, 0.85
"""By how much the front is flatter below the chin, and the back below the nose."""

DEEP_PX, EDGE_BLUR = 128, 1 / 80
BESIDE, EXPRESSIVE = 0.13, 0.10
"""So far beside its outline the shell follows the face's depth, and its expression."""

BEHIND = 0.03
"""The shell lies so far behind the face where both are."""

INSIDE = 0.88
"""There is no shell within so much of the face's outline: an open mouth would show it."""

SOLID, FAINT = 0.5, 0.03
"""The matte from which on there is a back, and a front."""

EARS = (0.05, 0.24)
"""Width and height, in sides of the crop: what sticks out of the silhouette and is smaller, an ear, has no back."""

NECK_FROM, NECK_TO = 0.85, 1.11
"""Where the neck begins to stay behind the head, and where nothing moves: as in the heads that the model knows."""

SHOULDER_FROM, SHOULDER_TO = 0.17, 0.34
"""The same to both sides of the chin, below it."""


@dataclass(frozen=True, slots=True, eq=False)
class Shell:
    """Front and back share their places in the picture.

    Attributes:
        front: Points in sides of the crop, z as for landmarks.
        back: The same places behind the head.
        front_triangles: Of points of the front.
        back_triangles: Of points of the back.
        follow: How much of the head's turn each point takes part in.
        expression: How much it follows each landmark.
    """

    front: Float64[np.ndarray, "points 3"]
    back: Float64[np.ndarray, "points 3"]
    front_triangles: Int32[np.ndarray, "fronts 3"]
    back_triangles: Int32[np.ndarray, "backs 3"]
    follow: Float64[np.ndarray, "points"]
    expression: Float32[np.ndarray, "points 468"]


def build_shell(cutout: Cutout, triangles: Int32[np.ndarray, "852 3"], pivot_z: float) -> Shell:
    """The shell of a portrait.

    Args:
        cutout: The portrait.
        triangles: The face's.
        pivot_z: Depth of the head's pivot.
    """
    across = np.linspace(-MARGIN, 1 + MARGIN, CELLS + 1)
    xy = np.stack(np.meshgrid(across, across), -1).reshape(-1, 2)
    face, outline = cutout.points, cutout.points[list(OVAL)]
    away = np.linalg.norm(xy[:, None] - outline[None, :, :2], axis=2)
    bulge = _bulge(cutout)
    front = pivot_z - bulge(xy)
    step = outline[:, 2] - (pivot_z - bulge(outline[:, :2]))
    near = 1 / (away**2 + 1e-4) ** 1.5
    beside = away.min(1)
    front += (near @ step) / near.sum(1) * np.exp(-((beside / BESIDE) ** 2))
    inside = _within(outline[:, :2], xy)
    depth, known = _face_depth(face, triangles, xy)
    front = np.where(inside & known, depth + BEHIND, front)
    nose, brows = face[UPPER_LIP, 1], face[FOREHEAD, 1]
    back = pivot_z + bulge(xy) * (BACK / FRONT) * (1 - NO_BACK * smooth_step(brows, nose, xy[:, 1]))
    nearest = 1 / (((xy[:, None] - face[None, :MESH_POINTS, :2]) ** 2).sum(2) + 1e-5) ** 2
    fading = np.where(inside, 1, np.exp(-((beside / EXPRESSIVE) ** 2)))
    cells = _cells()
    matte = cutout.at(cutout.matte, xy)
    middle = outline[:, :2].mean(0)
    deep = _within(middle + INSIDE * (outline[:, :2] - middle), xy)
    return Shell(
        front=np.column_stack([xy, front]),
        back=np.column_stack([xy, back]),
        front_triangles=cells[(matte > FAINT)[cells].any(1) & ~deep[cells].all(1)],
        back_triangles=cells[(matte > SOLID)[cells].any(1)],
        follow=follows(xy, face[CHIN]),
        expression=(nearest / nearest.sum(1, keepdims=True) * fading[:, None]).astype(np.float32),
    )


def follows(xy: Float64[np.ndarray, "n 2"], chin: Float64[np.ndarray, "3"]) -> Float64[np.ndarray, "n"]:
    """How much what is at some places follows the head, 1 to 0: necks less further down, shoulders not at all.

    Args:
        xy: In sides of the crop.
        chin: Where the chin is, likewise.
    """
    head = 1 - smooth_step(NECK_FROM, NECK_TO, xy[:, 1])
    aside = smooth_step(SHOULDER_FROM, SHOULDER_TO, np.abs(xy[:, 0] - chin[0]))
    return np.asarray(head * (1 - aside * smooth_step(chin[1] - 0.08, chin[1] + 0.06, xy[:, 1])))


def back_matte(matte: Float32[np.ndarray, "wide wide"]) -> Float32[np.ndarray, "wide wide"]:
    """How much of each pixel the back shows: the person without ears, which would be seen twice when the head turns.

    Args:
        matte: A cutout's.
    """
    width, height = (2 * round(share * crop_px(len(matte)) / 2) + 1 for share in EARS)
    beyond = cv2.copyMakeBorder(matte, *(height,) * 4, cv2.BORDER_REPLICATE)
    opened = cv2.morphologyEx(beyond, cv2.MORPH_OPEN, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, height)))
    return np.asarray(opened[height:-height, height:-height])


class _bulge:
    """How far the front comes out of the pivot's depth at some places."""

    def __init__(self, cutout: Cutout) -> None:
        """Measure how far every pixel of the person is from the silhouette; below the picture the person goes on."""
        wide = len(cutout.matte)
        solid = cv2.copyMakeBorder((cutout.matte > SOLID).astype(np.uint8), *(wide // 2,) * 4, cv2.BORDER_REPLICATE)
        within = cv2.distanceTransform(solid, cv2.DIST_L2, 5)[wide // 2 : -(wide // 2), wide // 2 : -(wide // 2)]
        side = crop_px(wide)
        self._within = cv2.GaussianBlur(within, (0, 0), EDGE_BLUR * side) / side
        self._cutout = cutout

    def __call__(self, xy: Float64[np.ndarray, "places 2"]) -> Float64[np.ndarray, "places"]:
        chin = self._cutout.points[CHIN, 1]
        most = FRONT * (1 - FLATTER_NECK * smooth_step(chin - 0.05, chin + 0.10, xy[:, 1]))
        inward = 1 - np.minimum(self._cutout.at(self._within, xy) / RIM, 1)
        return np.asarray(most * np.sqrt(1 - inward**2))


def _within(outline: Float64[np.ndarray, "corners 2"], xy: Float64[np.ndarray, "n 2"]) -> Bool[np.ndarray, "n"]:
    polygon = outline.astype(np.float32)
    return np.array([cv2.pointPolygonTest(polygon, (float(x), float(y)), False) >= 0 for x, y in xy])


def _face_depth(
    points: Float64[np.ndarray, "478 3"], triangles: Int32[np.ndarray, "852 3"], xy: Float64[np.ndarray, "n 2"]
) -> tuple[Float64[np.ndarray, "n"], Bool[np.ndarray, "n"]]:
    """Depth of the face at some places, and whether it is there."""
    seen = draw(points.astype(np.float32), triangles, Window.of(DEEP_PX))
    x, y = np.clip((xy * DEEP_PX).astype(int), 0, DEEP_PX - 1).T
    depth = seen.interpolated(points[:, 2:], triangles)[y, x, 0]
    return depth.astype(np.float64), seen.triangle[y, x] >= 0


def _cells() -> Int32[np.ndarray, "triangles 3"]:
    """Two triangles for each cell of the grid."""
    row = CELLS + 1
    corner = np.arange(CELLS * row).reshape(CELLS, row)[:, :-1].ravel()
    upper = np.stack([corner, corner + 1, corner + row], 1)
    lower = np.stack([corner + 1, corner + row + 1, corner + row], 1)
    return np.asarray(np.concatenate([upper, lower]), np.int32)
