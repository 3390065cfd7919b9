"""Measures how FaceMesh's landmarks move with a head's pose, as face_motion.safetensors.

`python export/face_motion.py --shape-model FOLDER --out FOLDER` paints heads with their lips a little open, so that
both lips can be told apart, looks at them with FaceMesh, and finds for each landmark the point of the shape model that
it stands on. What the landmarks move is then what the shape model's points move, exactly. (What FaceMesh itself sees of
an expression is less, a third of a dropped chin for example, since it knows only usual faces.)

The inside of an open mouth comes with it, from one of the heads, darker towards the palate as in a room's light.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float32, Int64, UInt8
from safetensors.numpy import save

from export.facemesh_samples import RESOLUTION
from export.head_factors import PLAIN, Z_DIM, with_amounts
from export.head_mesh import CANVAS_CM
from export.render_heads import CANVAS_Y_CM, PIVOT_CM, HeadRenderer
from export.shape_model import CAMERA_FROM_HEAD, load_shape_model
from puppet.bundle import FACE_MOTION
from puppet.face_motion import DISPLACEMENT, INTERIOR, INTERIOR_PX, PIVOT, SKIN
from puppet.face_topology import CHEEKS, INNER_LIPS, LIP_CORNER, LIP_TOP, MESH_POINTS, POINTS
from puppet.partial import write_whole
from puppet.pose_space import BUILTIN
from puppet.pull_push import continued
from puppet.tracker import PortraitTracker

PARTED = {"jaw_open": 0.3}
"""The expression in which landmarks are looked for."""

OPEN = {"jaw_open": 0.8, "smile_left": 0.7, "smile_right": 0.7}
"""The one in which the mouth is looked into: a smile draws the lip from the teeth, else hardly any is left of them."""

LIP = 0.05
"""FaceMesh sees the edge of a rendered head's lips so far outside of it, in widths of the mouth."""

FAR_PX = 12.0
"""A vertex that is further from a landmark than this, or hidden, on one of the heads, is simply far."""

_GREY, _WALL = 127.5, 200.0
_SEED = 2026
_ANGLES = 3


@dataclass(frozen=True, eq=False)
class Looked:
    """A painted head, and what FaceMesh says of it.

    Attributes:
        rgb: The picture.
        landmarks_px: Its landmarks.
    """

    rgb: UInt8[np.ndarray, "r r 3"]
    landmarks_px: Float32[np.ndarray, "478 2"]


class Looker:
    """Paints heads and looks at them."""

    def __init__(self, renderer: HeadRenderer, tracker: PortraitTracker) -> None:
        """Take what paints and what looks."""
        self.renderer, self._tracker = renderer, tracker

    def look(self, z: Float32[np.ndarray, "z_dim"], expression: Mapping[str, float]) -> Looked | None:
        """Paint the head that z describes, with nothing before its face; None where no face is seen."""
        p = BUILTIN.pose(**expression)
        rgba = self.renderer.paint(self.renderer.person(with_amounts(z, PLAIN)), p).rgba.astype(np.float32)
        wall = (1 - rgba[..., 3:] / 255) * (_WALL - _GREY)
        rgb = np.clip(rgba[..., :3] + wall, 0, 255).astype(np.uint8)
        face = self._tracker.find(rgb)
        return None if face is None else Looked(rgb, face.landmarks_px[:, :2])


def standing_points(looker: Looker, people: int) -> Int64[np.ndarray, "478"]:
    """For each landmark the head's vertex that lies nearest to it, on the mean of many heads."""
    rng = np.random.default_rng(_SEED)
    far = np.zeros((POINTS, looker.renderer.mesh.head_points), np.float32)
    for _ in range(people):
        looked = looker.look(rng.standard_normal(Z_DIM).astype(np.float32), PARTED)
        if looked is None:
            continue
        vertices, shown_px = looker.renderer.visible()
        away = np.linalg.norm(looked.landmarks_px[:, None] - shown_px[None], axis=2)
        one = np.full_like(far, FAR_PX)
        one[:, vertices] = np.minimum(away, FAR_PX)
        far += one
    return np.asarray(far.argmin(1))


def motion(renderer: HeadRenderer, points: Int64[np.ndarray, "478"]) -> dict[str, np.ndarray]:
    """Displacements and pivot, in sides of the canvas.

    Args:
        renderer: Whose heads.
        points: The vertices that the landmarks stand on.
    """
    displacement = np.zeros((BUILTIN.dim, POINTS, 3), np.float32)
    for entry in range(_ANGLES, BUILTIN.dim):
        p = BUILTIN.rest.copy()
        p[entry] = 1
        displacement[entry] = renderer.mesh.expression(p)[points] @ CAMERA_FROM_HEAD.T / CANVAS_CM
    depth_cm = renderer.mesh.mean[points[:MESH_POINTS], 2].mean() - PIVOT_CM[2]
    pivot_cm = np.array([PIVOT_CM[0], CANVAS_Y_CM - PIVOT_CM[1], depth_cm], np.float32)
    pivot = pivot_cm / np.float32(CANVAS_CM) + np.array((0.5, 0.5, 0), np.float32)
    return {DISPLACEMENT: displacement.astype(np.float16), PIVOT: pivot}


def mouth_interior(looked: Looked) -> dict[str, np.ndarray]:
    """The inside of a mouth below the edge of its upper lip, as a square picture, and the colour of the skin around.

    What the open mouth does not show of the square goes on in the colours that it shows.
    """
    ring = looked.landmarks_px[list(INNER_LIPS)]
    width = np.linalg.norm(ring[LIP_CORNER] - ring[0])
    place = np.arange(INTERIOR_PX) / (INTERIOR_PX - 1)
    middle_x, top = ring[LIP_TOP]
    x, y = np.meshgrid(middle_x + (place - 0.5) * width, top + (place + LIP) * width)
    x, y = x.astype(np.float32), y.astype(np.float32)
    inside = np.zeros(looked.rgb.shape[:2], np.uint8)
    cv2.fillPoly(inside, [ring.round().astype(np.int32)], 1)
    inside = cv2.erode(inside, np.ones((2 * round(LIP * width) + 1,) * 2, np.uint8)).astype(np.float32)
    known = (cv2.remap(inside, x, y, cv2.INTER_LINEAR) > 0.99).astype(np.float32)
    columns, rows = looked.landmarks_px[list(CHEEKS)].astype(int).T
    return {
        INTERIOR: continued(cv2.remap(looked.rgb, x, y, cv2.INTER_LINEAR), known).round().astype(np.uint8),
        SKIN: looked.rgb[rows, columns].mean(0).astype(np.float32),
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape-model", type=Path, required=True, help="folder with ict_facekit.npz")
    parser.add_argument("--out", type=Path, required=True, help=f"folder for {FACE_MOTION}")
    parser.add_argument("--people", type=int, default=60, help="heads that are looked at (default: %(default)s)")
    options = parser.parse_args()
    renderer = HeadRenderer(load_shape_model(options.shape_model), RESOLUTION)
    with closing(PortraitTracker()) as tracker:
        looker = Looker(renderer, tracker)
        points = standing_points(looker, options.people)
        rng = np.random.default_rng(_SEED)
        mouths = (looker.look(rng.standard_normal(Z_DIM).astype(np.float32), OPEN) for _ in range(options.people))
        mouth = mouth_interior(next(looked for looked in mouths if looked is not None))
    tensors = motion(renderer, points) | mouth
    path = options.out / FACE_MOTION
    write_whole(path, save({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}))
    print(f"{path}: {path.stat().st_size / 1e3:.0f} kB, pivot {tensors[PIVOT].round(3).tolist()}")
    for name, field in zip(BUILTIN.names, tensors[DISPLACEMENT].astype(np.float32), strict=True):
        print(f"{name:12} moves landmarks by up to {np.linalg.norm(field, axis=1).max() * CANVAS_CM:.2f} cm")


if __name__ == "__main__":
    main()
