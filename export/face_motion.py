"""Measures how FaceMesh's landmarks move with a head's pose, as face_motion.safetensors.

`python export/face_motion.py --shape-model FOLDER --out FOLDER` paints heads with their lips a little open, so that
both lips can be told apart, looks at them with FaceMesh, and finds for each landmark the point of the shape model that
it stands on. What the landmarks move is then what the shape model's points move, exactly. (What FaceMesh itself sees of
an expression is less, a third of a dropped chin for example, since it knows only usual faces.)

What is seen between opened lips comes with it: both rows of teeth, the tongue and the throat, of the mean head.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8
from safetensors.numpy import save

from export import shading
from export.facemesh_samples import RESOLUTION
from export.head_factors import PLAIN, Z_DIM, with_amounts
from export.head_mesh import CANVAS_CM
from export.mouth import LOWER_CM
from export.person import Person
from export.render_heads import CANVAS_Y_CM, PIVOT_CM, HeadRenderer
from export.shape_model import CAMERA_FROM_HEAD, load_shape_model
from puppet.bundle import FACE_MOTION
from puppet.face_motion import ABOVE_LIP, DISPLACEMENT, DROP, INSIDE_PX, LOWER, PIVOT, SKIN, THROAT, UPPER
from puppet.face_topology import CHEEKS, INNER_LIPS, LIP_CORNER, LIP_TOP, MESH_POINTS, POINTS
from puppet.groups import JAW
from puppet.partial import write_whole
from puppet.pose_space import BUILTIN
from puppet.tracker import PortraitTracker

PARTED = {"jaw_open": 0.3}
"""The expression in which landmarks are looked for."""

OPEN = {"jaw_open": 0.6, "smile_left": 0.5, "smile_right": 0.5}
"""The one in whose light teeth and tongue are painted."""

MOUTH_RESOLUTION = 1536
"""Of the pictures that teeth are cut out of."""

FRONT_CM = 4.0
"""Gums further back are not painted: their edges would be seen."""

FAR_PX = 12.0
"""A vertex that is further from a landmark than this, or hidden, on one of the heads, is simply far."""

LIP = 0.04
"""FaceMesh sees the edge of a rendered head's upper lip so far above it, in widths of the mouth; a photograph's it does
not."""

FINER = 4
"""Teeth are sampled at so many times the size at which they are kept."""

OPAQUE = 255
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


def mouth_inside(renderer: HeadRenderer, points: Int64[np.ndarray, "478"]) -> dict[str, np.ndarray]:
    """Teeth, tongue and throat of the mean head; see puppet.face_motion.FaceMotion.

    Args:
        renderer: Paints large pictures.
        points: The vertices that the landmarks stand on.
    """
    head = renderer.person(with_amounts(np.zeros(Z_DIM, np.float32), PLAIN))
    renderer.paint(head, BUILTIN.rest)
    lips = renderer.places(points[list(INNER_LIPS)])
    p = BUILTIN.pose(**OPEN)
    rgb = renderer.paint(head, p).rgba[..., :3]
    columns, rows = renderer.places(points[list(CHEEKS)]).astype(int).T
    drop_cm = renderer.mesh.expression(BUILTIN.pose(**{JAW: 1.0}))
    is_lower = np.zeros(len(head.attributes), bool)
    is_lower[: len(drop_cm)] = np.linalg.norm(drop_cm, axis=1) > LOWER_CM
    lower, front = (of[head.triangles].all(1) for of in (is_lower, head.attributes[:, 2] > FRONT_CM))
    teeth, gums, throat = (head.material == code for code in (shading.TEETH, shading.GUMS, shading.CAVITY))
    drop = drop_cm[np.unique(head.triangles[teeth & lower])].mean(0) @ CAMERA_FROM_HEAD.T / CANVAS_CM
    dropped_px = np.array([0, OPEN[JAW] * drop[1] * renderer.resolution])
    parts = {UPPER: ((teeth | gums & front) & ~lower, 0), LOWER: ((teeth | gums) & lower, dropped_px)}
    dark = renderer.paint(_only(head, throat), p).rgba
    return {
        **{name: _hung(renderer.paint(_only(head, part), p).rgba, lips + by) for name, (part, by) in parts.items()},
        THROAT: dark[dark[..., 3] == OPAQUE][:, :3].mean(0).astype(np.float32),
        DROP: drop.astype(np.float32),
        SKIN: rgb[rows, columns].mean(0).astype(np.float32),
    }


def _only(person: Person, part: Bool[np.ndarray, "triangles"]) -> Person:
    """Some triangles of a person, in no other's shadow."""
    no_casters = np.zeros((0, 3), np.int32)
    triangles, material = np.ascontiguousarray(person.triangles[part]), person.material[part]
    return replace(person, triangles=triangles, material=material, casters=no_casters, skin_casters=0)


def _hung(rgba: UInt8[np.ndarray, "r r 4"], lips: Float32[np.ndarray, "20 2"]) -> UInt8[np.ndarray, "m m 4"]:
    """What lies around lips that are closed, premultiplied."""
    width = np.linalg.norm(lips[LIP_CORNER] - lips[0])
    x, y = lips[LIP_TOP] - (width / 2, (ABOVE_LIP - LIP) * width)
    px = FINER * INSIDE_PX
    rgba = rgba.astype(np.float32)
    rgba[..., :3] -= (1 - rgba[..., 3:] / OPAQUE) * _GREY
    M = np.array([[width / px, 0, x], [0, width / px, y]])
    cut = cv2.warpAffine(rgba, M, (px, px), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    cut = cv2.resize(cut, (INSIDE_PX, INSIDE_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(np.clip(cut, 0, OPAQUE).round(), np.uint8)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape-model", type=Path, required=True, help="folder with ict_facekit.npz")
    parser.add_argument("--out", type=Path, required=True, help=f"folder for {FACE_MOTION}")
    parser.add_argument("--people", type=int, default=60, help="heads that are looked at (default: %(default)s)")
    options = parser.parse_args()
    shape = load_shape_model(options.shape_model)
    renderer = HeadRenderer(shape, RESOLUTION)
    with closing(PortraitTracker()) as tracker:
        points = standing_points(Looker(renderer, tracker), options.people)
    tensors = motion(renderer, points) | mouth_inside(HeadRenderer(shape, MOUTH_RESOLUTION), points)
    path = options.out / FACE_MOTION
    write_whole(path, save({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}))
    print(f"{path}: {path.stat().st_size / 1e3:.0f} kB, pivot {tensors[PIVOT].round(3).tolist()}")
    for name, field in zip(BUILTIN.names, tensors[DISPLACEMENT].astype(np.float32), strict=True):
        print(f"{name:12} moves landmarks by up to {np.linalg.norm(field, axis=1).max() * CANVAS_CM:.2f} cm")


if __name__ == "__main__":
    main()
