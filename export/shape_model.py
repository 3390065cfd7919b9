"""Linear three-dimensional shape model of a head, and the named directions of the built-in pose vector.

    s = s̄ + S_i p_i + S_e p_e

Source: paper, Eq. 1 (arXiv:2202.00046). Data: ICT-FaceKit light (USC Institute for Creative Technologies, MIT).
ICT's axes are x to the subject's left, y up, z out of the face, unit about 1 cm; everything here keeps them.
`CAMERA_FROM_HEAD` turns them into the camera frame (x right, y down, z away) of a subject that faces the camera.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from jaxtyping import Float32, Int32, UInt8

from export.head_factors import IDENTITY_MODES
from puppet.pose_space import BUILTIN, rotation_of

CAMERA_FROM_HEAD = np.diag([1.0, -1.0, -1.0]).astype(np.float32)
"""x stays, y and z change sign: a half turn about x."""

Shapes = dict[str, float]


def _both(name: str, weight: float = 1.0) -> Shapes:
    return {f"{name}_L": weight, f"{name}_R": weight}


DIRECTIONS: dict[str, tuple[Shapes, Shapes]] = {
    # Pose entry: shapes of its positive side, shapes of its negative side (signed entries only).
    "jaw_open": ({"jawOpen": 1.0}, {}),
    "smile_left": ({"mouthSmile_L": 1.0, "cheekSquint_L": 0.4}, {}),
    "smile_right": ({"mouthSmile_R": 1.0, "cheekSquint_R": 0.4}, {}),
    "pucker": ({"mouthPucker": 1.0, "mouthFunnel": 0.3}, {}),
    "frown": (_both("mouthFrown"), {}),
    "brow_raise": (_both("browInnerUp") | _both("browOuterUp"), {}),
    "brow_lower": (_both("browDown"), {}),
    "blink_left": ({"eyeBlink_L": 1.0}, {}),
    "blink_right": ({"eyeBlink_R": 1.0}, {}),
    "mouth_shift": ({"mouthRight": 1.0}, {"mouthLeft": 1.0}),
    "gaze_yaw": ({"eyeLookOut_R": 1.0, "eyeLookIn_L": 1.0}, {"eyeLookIn_R": 1.0, "eyeLookOut_L": 1.0}),
    "gaze_pitch": (_both("eyeLookDown"), _both("eyeLookUp")),
}
"""The one table of expression directions. mouth_shift and gaze follow yaw and pitch: positive is the subject's right
and down."""

LANDMARKS = 68

_MAKE_IT = "make it from the public release with `python export/shape_model_obj.py ICT-FaceKit/FaceXModel {}`"

_ANGLES = 3
assert tuple(DIRECTIONS) == BUILTIN.names[_ANGLES:]


@dataclass(frozen=True, eq=False)
class ShapeModel:
    """s = s̄ + S_i p_i + S_e p_e with named expression directions.

    Attributes:
        mean: s̄, [vertices, 3].
        identity: S_i, one offset field for a coefficient of 1; coefficients are N(0, 1).
        positive: Offset field of each entry of p_e at +1.
        negative: Offset field of each entry of p_e at −1; zero for one-sided entries.
        others: Offset fields of the expressions that p_e has no entry for, at 1.
        other_names: ICT's names of these.
        triangles: Vertex indices, counter-clockwise seen from outside.
        material: Index into `material_names`, one a triangle.
        material_names: ICT's material names.
        landmarks68: Vertex indices in Multi-PIE order.
    """

    mean: Float32[np.ndarray, "vertices 3"]
    identity: Float32[np.ndarray, "modes vertices 3"]
    positive: Float32[np.ndarray, "expressions vertices 3"]
    negative: Float32[np.ndarray, "expressions vertices 3"]
    others: Float32[np.ndarray, "others vertices 3"]
    other_names: tuple[str, ...]
    triangles: Int32[np.ndarray, "triangles 3"]
    material: UInt8[np.ndarray, "triangles"]
    material_names: tuple[str, ...]
    landmarks68: Int32[np.ndarray, "68"]

    def person(self, p_i: Float32[np.ndarray, "modes"]) -> Float32[np.ndarray, "vertices 3"]:
        """s̄ + S_i p_i: a neutral head; fewer coefficients than modes are allowed."""
        person: np.ndarray = self.mean + np.tensordot(p_i, self.identity[: len(p_i)], 1).astype(np.float32)
        return person

    def expression(self, p: Float32[np.ndarray, "pose_dim"]) -> Float32[np.ndarray, "vertices 3"]:
        """S_e p_e of a pose vector in builtin's order; signed entries use the field of their side."""
        p_e = p[_ANGLES:]
        offset: np.ndarray = np.tensordot(np.maximum(p_e, 0), self.positive, 1).astype(np.float32)
        offset += np.tensordot(np.maximum(-p_e, 0), self.negative, 1)
        return offset

    def material_index(self, name: str) -> int:
        """Position of a material; raises ValueError for an unknown name."""
        return self.material_names.index(name)


def head_rotation(p: Float32[np.ndarray, "pose_dim"]) -> Float32[np.ndarray, "3 3"]:
    """R = Rz(roll) · Ry(yaw) · Rx(pitch) of a pose vector, turned into the head's axes (x left, y up, z out)."""
    R = rotation_of(*(float(angle) for angle in p[:_ANGLES]))
    return np.asarray(CAMERA_FROM_HEAD.T @ R @ CAMERA_FROM_HEAD, np.float32)


def load_shape_model(folder: Path) -> ShapeModel:
    """Read `ict_facekit.npz` (the converted release) from a folder.

    Raises:
        FileNotFoundError: The file is not there; the text says how to make it from the public OBJ release.
        ValueError: It is damaged, or something else.
    """
    path = folder / "ict_facekit.npz"
    if not path.is_file():
        raise FileNotFoundError(f"expected the shape model {path}; {_MAKE_IT.format(path)}")
    try:
        model = _read(path)
    except (OSError, ValueError, KeyError, BadZipFile) as error:
        raise ValueError(f"{path} is no shape model, or damaged ({error}); {_MAKE_IT.format(path)}") from error
    return model


def _read(path: Path) -> ShapeModel:
    with np.load(path, allow_pickle=False) as data:
        names = [str(name) for name in data["expression_names"]]
        fields = data["expression"].astype(np.float32)
        named = {name for sides in DIRECTIONS.values() for side in sides for name in side}
        others = [i for i, name in enumerate(names) if name not in named]
        model = ShapeModel(
            mean=data["mean"].astype(np.float32),
            identity=data["identity"].astype(np.float32),
            positive=_blend([side[0] for side in DIRECTIONS.values()], names, fields),
            negative=_blend([side[1] for side in DIRECTIONS.values()], names, fields),
            others=fields[others],
            other_names=tuple(names[i] for i in others),
            triangles=data["triangles"].astype(np.int32),
            material=data["triangle_material"].astype(np.uint8),
            material_names=tuple(str(name) for name in data["material_names"]),
            landmarks68=data["landmarks68"].astype(np.int32),
        )
    vertices = len(model.mean)
    fitting = (
        len(model.identity) >= IDENTITY_MODES
        and all(len(field) == vertices for field in (*model.identity, *model.positive, *model.negative, *model.others))
        and all(0 <= corners.min() <= corners.max() < vertices for corners in (model.triangles, model.landmarks68))
        and len(model.material) == len(model.triangles)
        and len(model.landmarks68) == LANDMARKS
    )
    if not fitting:
        raise ValueError(f"vertices, {IDENTITY_MODES} modes or {LANDMARKS} landmarks do not fit together")
    return model


def _blend(sides: list[Shapes], names: list[str], fields: Float32[np.ndarray, "shapes vertices 3"]) -> np.ndarray:
    weights = np.zeros((len(sides), len(names)), np.float32)
    for row, shapes in enumerate(sides):
        for name, weight in shapes.items():
            weights[row, names.index(name)] = weight
    blended: np.ndarray = np.tensordot(weights, fields, 1).astype(np.float32)
    return blended


def procedural_shape_model() -> ShapeModel:
    """A small egg-shaped head with the landmarks and directions of the real one: for tests where the data is absent.

    It has skin only. Identity modes stretch the egg; expressions are bumps where the real ones act, so signs and sides
    are right and amounts are not.
    """
    latitude, longitude = np.linspace(0, math.pi, 26), np.linspace(-math.pi, math.pi, 41)[:-1]
    theta, phi = (grid.ravel() for grid in np.meshgrid(latitude, longitude, indexing="ij"))
    unit = np.stack([np.sin(theta) * np.sin(phi), np.cos(theta), np.sin(theta) * np.cos(phi)], 1)
    mean = (unit * [7.5, 11.5, 9.5] + [0, 3.0, 1.0]).astype(np.float32)
    row, column = np.meshgrid(np.arange(25), np.arange(40), indexing="ij")
    a, b = (row * 40 + column).ravel(), (row * 40 + (column + 1) % 40).ravel()
    triangles = np.concatenate([np.stack([a, a + 40, b], 1), np.stack([b, a + 40, b + 40], 1)]).astype(np.int32)

    def bump(x: float, y: float, move: tuple[float, float, float]) -> np.ndarray:
        near = np.exp(-(((mean[:, :2] - [x, y]) / 2.0) ** 2).sum(1)) * (mean[:, 2] > 3)
        return np.asarray(near[:, None] * np.array(move), np.float32)

    still = np.zeros_like(mean)
    left, right = bump(2.5, -3.5, (0.8, 1, 0)), bump(-2.5, -3.5, (-0.8, 1, 0))
    positive = [
        bump(0, -6, (0, -2.5, 0)), left, right, bump(0, -3.5, (0, 0, 1.2)), -left - right, bump(0, 6.2, (0, 1, 0)),
        bump(0, 6.2, (0, -0.7, 0)), bump(3.1, 3.8, (0, -0.8, 0)), bump(-3.1, 3.8, (0, -0.8, 0)),
        bump(0, -3.5, (-1.2, 0, 0)), still, still,
    ]  # fmt: skip
    negative = [still] * 9 + [bump(0, -3.5, (1.2, 0, 0)), still, still]
    marks = [(7.2 * math.sin(t), 3.5 - 11.0 * math.cos(t) ** 2) for t in np.linspace(-1.5, 1.5, 17)]
    marks += [(x, 6.2) for x in (-5, -4.2, -3.4, -2.4, -1.4, 1.4, 2.4, 3.4, 4.2, 5)]
    marks += [(0, y) for y in (3.7, 2.6, 1.5, 0.4)] + [(x, -1.2) for x in (-1.2, -0.6, 0, 0.6, 1.2)]
    eye = [(-1.3, 0.0), (-0.5, 0.6), (0.5, 0.6), (1.3, 0.0), (0.5, -0.5), (-0.5, -0.5)]
    marks += [(x + side, y + 3.4) for side in (-3.1, 3.1) for x, y in eye]
    lips = [(2.5 * math.cos(t), -3.5 + 1.0 * math.sin(t)) for t in np.linspace(math.pi, -math.pi, 13)[:-1]]
    lips += [(1.9 * math.cos(t), -3.5 + 0.3 * math.sin(t)) for t in np.linspace(math.pi, -math.pi, 9)[:-1]]
    front = np.where(mean[:, 2] > 0, 0.0, 1e3)
    nearest = [int(np.argmin(((mean[:, :2] - mark) ** 2).sum(1) + front)) for mark in marks + lips]
    stretch = np.stack([unit * axis for axis in np.eye(3)]).astype(np.float32) * np.float32(0.3)
    return ShapeModel(
        mean=mean,
        identity=stretch,
        positive=np.stack(positive),
        negative=np.stack(negative),
        others=np.stack([bump(0, -3.2, (0, 0.8, 0)), bump(0, -3.8, (0, 2, 0)), 0.5 * left, 0.5 * right]),
        other_names=("mouthShrugUpper", "mouthClose", "mouthDimple_L", "mouthDimple_R"),
        triangles=triangles,
        material=np.zeros(len(triangles), np.uint8),
        material_names=("M_Face",),
        landmarks68=np.array(nearest, np.int32),
    )
