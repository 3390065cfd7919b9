"""The drawn mesh: the shape model cut down to what is visible, with hair and shoulders, and what z makes of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Int32, UInt8

from export import shading
from export.eyes import Eyes
from export.hair import ROWS, HairGrid, hair_grid, hair_surface, is_bald
from export.head_factors import IDENTITY_MODES, Factors
from export.look import look_of, shadow_blur_cm
from export.mouth import Mouth, cavity_triangles
from export.rasteriser import ambient_occlusion
from export.shape_model import ShapeModel
from export.shoulders import shoulders
from export.skin import beard_mask, brow_coordinates, inside_polygon, skin_albedo
from puppet.pose_space import BUILTIN

CANVAS_CM = 27.0
"""Height of the canvas in the plane of the face."""

_MATERIALS = {
    "M_Face": shading.SKIN,
    "M_BackHead": shading.SKIN,
    "M_GumsTongue": shading.GUMS,
    "M_Teeth": shading.TEETH,
    "M_ScleraLeft": shading.EYE_LEFT,
    "M_ScleraRight": shading.EYE_RIGHT,
    "M_EyeLashes": shading.LASH,
}

_CASTERS = (shading.SKIN, shading.HAIR)


@dataclass(frozen=True, eq=False)
class Person:
    """Everything about a head that its pose does not change.

    Attributes:
        factors: What z says.
        neutral: Head vertices in ICT's axes, cm, without expression.
        triangles: What is drawn of `HeadMesh.triangles`.
        material: Codes of `shading`, one a triangle.
        attributes: Values of `shading.ATTRIBUTES` at every point.
        occlusion: How much of the sky every point sees; eye balls and mouth see what the expression leaves open.
        fray: Raggedness of hair ends, see `Raster.draw`.
        worn: Points behind the shoulders': the hair's, cm.
        casters: The triangles that throw shadows.
        palette: Rows of `shading.PALETTE`, linear RGB.
        look: Light, and the surfaces' numbers.
        blur_cm: Half width of a shadow's edge.
        distance_cm: From the viewer to the plane of the face.
    """

    factors: Factors
    neutral: Float32[np.ndarray, "vertices 3"]
    triangles: Int32[np.ndarray, "triangles 3"]
    material: UInt8[np.ndarray, "triangles"]
    attributes: Float32[np.ndarray, "points attributes"]
    occlusion: Float32[np.ndarray, "points"]
    fray: Float32[np.ndarray, "points"]
    worn: Float32[np.ndarray, "worn 3"]
    casters: Int32[np.ndarray, "casters 3"]
    palette: Float32[np.ndarray, "5 3"]
    look: shading.Look
    blur_cm: float
    distance_cm: float


class HeadMesh:
    """Vertices and triangles of head, shoulders and hair, and their static attributes.

    Attributes:
        triangles: Solid parts, shoulders, lashes, hair, in this order; the last two are two-sided.
        material: Codes of `shading`, one a triangle.
        torso: Shoulders, [points, 3]; they come after the head's vertices, before the hair's.
        first_two_sided: Index into `triangles`.
        points: Vertices in all.
        mean: The mean head's vertices in ICT's axes, cm; they come first.
        head_points: How many they are.
        mouth, eyes: Where light depends on the expression.
    """

    def __init__(self, shape: ShapeModel) -> None:
        code = np.full(len(shape.material_names), -1)
        for name, value in _MATERIALS.items():
            if name in shape.material_names:
                code[shape.material_index(name)] = value
        made_of = np.where(cavity_triangles(shape), shading.CAVITY, code[shape.material])
        kept = made_of >= 0
        # Two-sided lashes come last.
        order = np.argsort(made_of[kept] == shading.LASH, kind="stable")
        triangles, material = shape.triangles[kept][order], made_of[kept][order].astype(np.uint8)
        used = np.unique(triangles)
        compact = np.full(len(shape.mean), -1, np.int32)
        compact[used] = np.arange(len(used), dtype=np.int32)
        head = compact[triangles]

        self.mean = np.ascontiguousarray(shape.mean[used])
        self.head_points = len(self.mean)
        self._landmarks = compact[shape.landmarks68]
        modes = shape.identity[:IDENTITY_MODES, used]
        self._identity = np.ascontiguousarray(modes.reshape(len(modes), -1))
        fields = [np.ascontiguousarray(field[:, used]) for field in (shape.positive, shape.negative)]
        self.mouth = Mouth(self.mean, head, material, self._landmarks)
        self.mouth.set_teeth(self.mean, fields[0][BUILTIN.index("jaw_open") - 3])
        self.eyes = Eyes(self.mean, head, material, self._landmarks)
        self._sides = [field.reshape(len(field), -1) for field in fields]

        self.torso, torso_triangles = shoulders()
        skin = np.unique(head[material == shading.SKIN]).astype(np.int32)
        self._grid: HairGrid = hair_grid(self.mean, skin)
        lashes = int((material == shading.LASH).sum())
        first_torso, first_hair = len(self.mean), len(self.mean) + len(self.torso)
        solid = len(head) - lashes
        parts = [head[:solid], torso_triangles + first_torso, head[solid:], self._grid.triangles + first_hair]
        codes = [
            material[:solid],
            np.full(len(torso_triangles), shading.CLOTH, np.uint8),
            material[solid:],
            np.full(len(self._grid.triangles), shading.HAIR, np.uint8),
        ]
        self.triangles: Int32[np.ndarray, "triangles 3"] = np.ascontiguousarray(np.concatenate(parts), np.int32)
        self.material = np.concatenate(codes)
        self.first_two_sided = solid + len(torso_triangles)
        self._first_hair = self.first_two_sided + lashes
        self._base_attributes = self._static_attributes()
        self.points = len(self._base_attributes)
        self._occlusion = np.ones(self.points, np.float32)
        occluders = np.ascontiguousarray(head[np.isin(material, (shading.SKIN, shading.GUMS, shading.CAVITY))])
        self._occlusion[: self.head_points] = 0.15 + 0.85 * ambient_occlusion(self.mean, occluders)
        self._beard = beard_mask(self.mean)

    def _static_attributes(self) -> Float32[np.ndarray, "points attributes"]:
        count, torso, columns = len(self.mean), len(self.torso), len(self._grid.phi)
        out = np.zeros((count + torso + columns * ROWS, len(shading.ATTRIBUTES)), np.float32)
        out[:count, :3] = self.mean
        out[count : count + torso, :3] = self.torso
        marks = self.mean[self._landmarks]
        out[:count, 3] = inside_polygon(marks[48:60, :2], self.mean[:, :2])
        out[:count, 4:6] = brow_coordinates(marks, self.mean)
        out[:count, 6] = self.eyes.reach(self.mean)
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
        attributes[: len(neutral), 7:10] = skin_albedo(self.mean, self._beard, factors)
        hair, end = hair_surface(self._grid, factors, neutral)
        fray = np.zeros(len(attributes), np.float32)
        fray[-len(end) :] = end
        lashes, cut = self.eyes.lash_fray(factors.amount["lashes"])
        fray[lashes] = cut
        drawn = self._first_hair if is_bald(factors) else len(self.triangles)
        palette = np.stack([factors.hair, factors.brow, factors.iris, factors.lips, factors.cloth]).astype(np.float32)
        fov = math.radians(25 + 50 * factors.amount["lens"] ** 2)
        return Person(
            factors,
            neutral,
            self.triangles[:drawn],
            self.material[:drawn],
            attributes,
            self._occlusion,
            fray,
            hair,
            self.triangles[:drawn][np.isin(self.material[:drawn], _CASTERS)],
            palette,
            look_of(factors),
            shadow_blur_cm(factors),
            CANVAS_CM / 2 / math.tan(fov / 2),
        )

    def expression(self, p: Float32[np.ndarray, "pose_dim"]) -> Float32[np.ndarray, "vertices 3"]:
        """S_e p_e over the head's vertices, and the eye balls turned by the gaze; entries at rest cost nothing."""
        p_e = p[3:]
        offset = np.zeros(self.mean.size, np.float32)
        for values, fields in zip((p_e, -p_e), self._sides, strict=True):
            for i in np.flatnonzero(values > 0):
                offset += values[i] * fields[i]
        offset = offset.reshape(-1, 3)
        self.eyes.turn(p, offset)
        return offset

    def occlusion(
        self, person: Person, deformed: Float32[np.ndarray, "vertices 3"], out: Float32[np.ndarray, "points"]
    ) -> None:
        """Write how much of the sky every point of a person sees with an expression."""
        out[:] = person.occlusion
        out[self.mouth.vertices] = self.mouth.light(deformed)
        self.eyes.shade(deformed, out)
