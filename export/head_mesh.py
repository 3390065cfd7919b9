"""The drawn mesh: the shape model cut down to what is visible, with hair and shoulders, and what z makes of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32, Int32
from scipy.spatial import cKDTree

from export import shading
from export.hair import ROWS, HairGrid, hair_grid, hair_surface, hairline, is_bald
from export.head_factors import IDENTITY_MODES, Factors
from export.rasteriser import ambient_occlusion
from export.shape_model import ShapeModel, head_rotation
from puppet.pose_space import BUILTIN
from puppet.smooth_step import smooth_step

CANVAS_CM = 27.0
"""Height of the canvas in the plane of the face."""

GAZE_YAW_DEG, GAZE_PITCH_DEG = 30.0, 22.0
"""How far a gaze of 1 turns the eye balls."""

_MATERIALS = {
    "M_Face": shading.SKIN,
    "M_BackHead": shading.SKIN,
    "M_GumsTongue": shading.GUMS,
    "M_Teeth": shading.TEETH,
    "M_ScleraLeft": shading.EYE_LEFT,
    "M_ScleraRight": shading.EYE_RIGHT,
    "M_EyeLashes": shading.LASH,
}


@dataclass(frozen=True, eq=False)
class Person:
    """Everything about a head that its pose does not change.

    Attributes:
        factors: What z says.
        neutral: Head vertices in ICT's axes, cm, without expression.
        attributes: Values of `shading.ATTRIBUTES` at every point.
        fray: Raggedness of hair ends, see `Raster.draw`.
        hair: Hair points, cm.
        palette: Rows of `shading.PALETTE`, linear RGB.
        distance_cm: From the viewer to the plane of the face.
    """

    factors: Factors
    neutral: Float32[np.ndarray, "vertices 3"]
    attributes: Float32[np.ndarray, "points attributes"]
    fray: Float32[np.ndarray, "points"]
    hair: Float32[np.ndarray, "hair 3"]
    palette: Float32[np.ndarray, "5 3"]
    distance_cm: float


def gaze_rotation(p: Float32[np.ndarray, "pose_dim"]) -> Float32[np.ndarray, "3 3"]:
    """Rotation of the eye balls, in the head's axes; signs as the head's yaw and pitch."""
    angles = np.zeros(BUILTIN.dim, np.float32)
    angles[:2] = p[-2:] * np.array([GAZE_YAW_DEG, GAZE_PITCH_DEG], np.float32)
    return head_rotation(angles)


class HeadMesh:
    """Vertices and triangles of head, shoulders and hair, and their static attributes.

    Attributes:
        triangles: Solid parts, shoulders, lashes, hair, in this order; the last two are two-sided.
        material: Codes of `shading`, one a triangle.
        torso: Shoulders, [points, 3]; they come after the head's vertices, before the hair's.
        first_two_sided, first_hair: Indices into `triangles`.
        points: Vertices in all.
        mean: The mean head's vertices in ICT's axes, cm; they come first.
        head_points: How many they are.
    """

    def __init__(self, shape: ShapeModel) -> None:
        code = np.full(len(shape.material_names), -1)
        for name, value in _MATERIALS.items():
            if name in shape.material_names:
                code[shape.material_index(name)] = value
        kept = code[shape.material] >= 0
        # Two-sided lashes come last.
        order = np.argsort(code[shape.material[kept]] == shading.LASH, kind="stable")
        triangles, material = shape.triangles[kept][order], code[shape.material[kept]][order]
        used = np.unique(triangles)
        compact = np.full(len(shape.mean), -1, np.int32)
        compact[used] = np.arange(len(used), dtype=np.int32)

        self.mean = _round_eyes(np.ascontiguousarray(shape.mean[used]), compact[triangles], material)
        modes = shape.identity[:IDENTITY_MODES, used]
        self._identity = np.ascontiguousarray(modes.reshape(len(modes), -1))
        self._sides = [
            np.ascontiguousarray(field[:, used].reshape(len(field), -1)) for field in (shape.positive, shape.negative)
        ]
        self._landmarks = compact[shape.landmarks68]
        self.torso, torso_triangles = _torso()
        head = compact[triangles]
        skin = np.unique(head[material == shading.SKIN]).astype(np.int32)
        self._grid: HairGrid = hair_grid(self.mean, skin)
        lashes = int((material == shading.LASH).sum())
        first_torso, first_hair = len(self.mean), len(self.mean) + len(self.torso)
        solid = len(head) - lashes
        parts = [head[:solid], torso_triangles + first_torso, head[solid:], self._grid.triangles + first_hair]
        codes = [
            material[:solid],
            [shading.CLOTH] * len(torso_triangles),
            material[solid:],
            [shading.HAIR] * len(self._grid.triangles),
        ]
        self.triangles: Int32[np.ndarray, "triangles 3"] = np.ascontiguousarray(np.concatenate(parts), np.int32)
        self.material = np.concatenate(codes).astype(np.uint8)
        self.first_two_sided = solid + len(torso_triangles)
        self.first_hair = self.first_two_sided + lashes
        self._base_attributes = self._static_attributes(head, material)
        self.points = len(self._base_attributes)
        self.head_points = len(self.mean)
        self._beard = _beard_mask(self.mean)
        self._balls = [
            (ball, self.mean[ball] - ball_centre(self.mean[ball]))
            for eye in (shading.EYE_LEFT, shading.EYE_RIGHT)
            if len(ball := np.unique(head[material == eye]))
        ]

    def _static_attributes(self, head: np.ndarray, material: np.ndarray) -> Float32[np.ndarray, "points attributes"]:
        count, torso, columns = len(self.mean), len(self.torso), len(self._grid.phi)
        out = np.zeros((count + torso + columns * ROWS, len(shading.ATTRIBUTES)), np.float32)
        out[:count, :3] = self.mean
        out[count : count + torso, :3] = self.torso
        out[count : count + torso, 3] = 1
        occluders = np.ascontiguousarray(head[np.isin(material, (shading.SKIN, shading.GUMS))], np.int32)
        out[:count, 3] = 0.15 + 0.85 * ambient_occlusion(self.mean, occluders)
        marks = self.mean[self._landmarks]
        out[:count, 4] = _inside_polygon(marks[48:60, :2], self.mean[:, :2])
        out[:count, 5:7] = _brow_coordinates(marks, self.mean)
        for side, eye in ((1.0, shading.EYE_LEFT), (-1.0, shading.EYE_RIGHT)):
            ball = np.unique(head[material == eye])
            if len(ball):
                middle = self.mean[ball].mean(0)
                out[ball, 7] = np.hypot(self.mean[ball, 0] - middle[0] - 0.10 * side, self.mean[ball, 1] - middle[1])
        out[count + torso :, 0] = np.repeat(self._grid.phi, ROWS)
        out[count + torso :, 1] = np.tile(np.linspace(0, 1, ROWS, dtype=np.float32), columns)
        return out

    def person(self, factors: Factors) -> Person:
        """The neutral head, hair and colours of these factors."""
        modes = self._identity[: len(factors.identity)]
        neutral = self.mean + (factors.identity[: len(modes)] @ modes).reshape(-1, 3)
        # Heads differ in shape, not in place and size: centre and scale by the 68 landmarks.
        marks, mean_marks = neutral[self._landmarks], self.mean[self._landmarks]
        size = np.linalg.norm(mean_marks - mean_marks.mean(0)) / np.linalg.norm(marks - marks.mean(0))
        neutral = ((neutral - marks.mean(0)) * size + mean_marks.mean(0)).astype(np.float32)
        attributes = self._base_attributes.copy()
        attributes[: len(neutral), 8:11] = self._skin_albedo(factors)
        hair, end = hair_surface(self._grid, factors, neutral)
        fray = np.zeros(len(attributes), np.float32)
        fray[-len(end) :] = end
        palette = np.stack([factors.hair, factors.brow, factors.iris, factors.lips, factors.cloth]).astype(np.float32)
        fov = math.radians(25 + 50 * factors.amount["lens"] ** 2)
        return Person(factors, neutral, attributes, fray, hair, palette, CANVAS_CM / 2 / math.tan(fov / 2))

    def expression(self, p: Float32[np.ndarray, "pose_dim"]) -> Float32[np.ndarray, "vertices 3"]:
        """S_e p_e over the head's vertices, and the eye balls turned by the gaze; entries at rest cost nothing."""
        p_e = p[3:]
        offset = np.zeros(self.mean.size, np.float32)
        for values, fields in zip((p_e, -p_e), self._sides, strict=True):
            for i in np.flatnonzero(values > 0):
                offset += values[i] * fields[i]
        offset = offset.reshape(-1, 3)
        turn: np.ndarray = gaze_rotation(p) - np.eye(3, dtype=np.float32)
        for ball, from_centre in self._balls:
            # The shapes of a gaze move only the lids.
            offset[ball] += from_centre @ turn.T
        return offset

    def _skin_albedo(self, factors: Factors) -> Float32[np.ndarray, "vertices 3"]:
        x, y, z = self.mean.T
        albedo = np.tile(factors.skin, (len(x), 1))
        cheek = np.exp(-(((np.abs(x) - 4.3) / 2.2) ** 2) - ((y + 0.8) / 1.9) ** 2) * (z > 4)
        nose = np.exp(-((x / 1.6) ** 2) - ((y - 0.2) / 1.5) ** 2) * (z > 10)
        socket = np.exp(-(((np.abs(x) - 3.1) / 1.8) ** 2) - ((y - 3.4) / 1.4) ** 2) * (z > 6)
        flush = cheek * factors.between("blush", 0.05, 0.40) + nose * factors.between("nose_red", 0.0, 0.35)
        albedo *= 1 - flush[:, None] * np.array([0.0, 0.42, 0.34], np.float32)
        albedo *= 1 - 0.16 * socket[:, None] * np.array([0.7, 1.0, 0.9], np.float32)
        if factors.texture.any():
            wave = [
                np.sin(x * (0.5 + 0.35 * k) + 1.7 * k) * np.cos(y * (0.4 + 0.3 * k) - z * 0.3 + k) for k in range(6)
            ]
            pattern = np.stack(wave, 1) * factors.texture
            albedo *= np.exp(
                0.16 * np.stack([pattern[:, [0, 1]].sum(1), pattern[:, [2, 3]].sum(1), pattern[:, [4, 5]].sum(1)], 1)
            )
        beard = 0.85 * factors.above("beard", 0.3) * self._beard
        albedo += beard[:, None] * (np.minimum(0.6 * factors.hair, 0.7 * factors.skin) - albedo)
        # Hair roots on the scalp; shaved heads keep a shadow of them.
        line = hairline(factors, np.arctan2(x, z + 0.6))
        roots = smooth_step(0.0, 1.3, y - line) * (0.5 if is_bald(factors) else 0.9)
        ear = (np.abs(x) > 7.3) & (y < 5.5) & (z < 4)
        roots = np.where(ear, 0, roots)
        albedo += roots[:, None] * (0.8 * factors.hair - albedo)
        return albedo.astype(np.float32)


def _inside_polygon(polygon: Float32[np.ndarray, "corners 2"], xy: Float32[np.ndarray, "n 2"]) -> np.ndarray:
    """Signed distance in cm: positive inside."""
    outline = polygon.reshape(-1, 1, 2).astype(np.float32)
    return np.array([cv2.pointPolygonTest(outline, (float(x), float(y)), True) for x, y in xy], np.float32)


def _brow_coordinates(marks: Float32[np.ndarray, "68 3"], xyz: Float32[np.ndarray, "n 3"]) -> np.ndarray:
    """Across (cm, up) and along (0 at the nose, 1 at the temple) of the nearer brow, [n, 2]; far away where z < 4."""
    out = np.tile(np.array([9.0, -1.0], np.float32), (len(xyz), 1))
    for brow in (marks[22:27, :2], marks[17:22, :2][::-1]):
        t = np.linspace(-0.1, 1.15, 60)
        line = np.stack([np.polyval(np.polyfit(np.linspace(0, 1, 5), brow[:, k], 2), t) for k in (0, 1)], 1)
        distance, nearest = cKDTree(line).query(xyz[:, :2])
        up = np.sign(xyz[:, 1] - line[nearest, 1])
        mine = (xyz[:, 2] > 4) & (np.sign(xyz[:, 0]) == np.sign(brow[2, 0])) & (distance < 2.5)
        out[mine, 0] = (up * distance)[mine]
        out[mine, 1] = t[nearest][mine]
    return out


def _round_eyes(mean: np.ndarray, head: np.ndarray, material: np.ndarray) -> Float32[np.ndarray, "n 3"]:
    """Flatten the corneas, so that a ball that turns stays behind its lids."""
    for eye in (shading.EYE_LEFT, shading.EYE_RIGHT):
        if len(ball := np.unique(head[material == eye])):
            away = mean[ball] - (centre := ball_centre(mean[ball]))
            radius = np.linalg.norm(away, axis=1, keepdims=True)
            mean[ball] = centre + away * np.minimum(1, np.median(radius) / radius)
    return mean


def ball_centre(ball: Float32[np.ndarray, "n 3"]) -> Float32[np.ndarray, "3"]:
    """Centre of an eye ball: its front bulges, so depth is measured from its back."""
    low, high = ball.min(0), ball.max(0)
    middle = (low + high) / 2
    return np.array([middle[0], middle[1], low[2] + (high[1] - low[1]) / 2], np.float32)


def _beard_mask(mean: Float32[np.ndarray, "vertices 3"]) -> Float32[np.ndarray, "vertices"]:
    x, y, z = mean.T
    jaw = smooth_step(-2.2, -5.0, y + 0.10 * np.abs(x)) * smooth_step(-10.5, -8.0, y) * smooth_step(0.5, 4.5, z)
    moustache = np.exp(-(((y + 1.9) / 0.55) ** 2)) * smooth_step(3.2, 1.8, np.abs(x)) * (z > 9)
    sideburn = (
        smooth_step(5.0, 6.5, np.abs(x)) * smooth_step(2.5, 0.5, y) * smooth_step(-4, -2, y) * smooth_step(2, 4, z)
    )
    around_lips = smooth_step(0.8, 1.3, np.hypot(x / 2.6, (y + 3.45) / 1.15))
    return np.asarray(np.clip(jaw * around_lips + moustache + 0.6 * sideburn, 0, 1), np.float32)


def _torso() -> tuple[Float32[np.ndarray, "points 3"], Int32[np.ndarray, "triangles 3"]]:
    """Shoulders below the shape model's neck: a dome of half-ellipse rings that comes out from under it."""
    angle = np.linspace(0, 2 * math.pi, 49)[:-1]
    rings = []
    for d in np.linspace(0.03, 1, 10):
        width, thick = 22.0 * d**0.6, 7.0 * d**0.5
        height = -12.6 - 1.4 * d - 9.5 * d**3
        rings.append(np.stack([width * np.sin(angle), np.full(48, height), thick * np.cos(angle) - 3.4], 1))
    points = np.concatenate(rings).astype(np.float32)
    i, j = np.meshgrid(np.arange(48), np.arange(9), indexing="ij")
    a, b = (j * 48 + i).ravel(), (j * 48 + (i + 1) % 48).ravel()
    triangles = np.concatenate([np.stack([a, a + 48, b], 1), np.stack([b, a + 48, b + 48], 1)])
    return points, triangles.astype(np.int32)
