"""The drawn mesh: the shape model cut down to what is visible, with shoulders, and what z makes of it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from jaxtyping import Float32

from export import shading
from export.beard import beard_density, beard_grid, beard_shell, has_shell
from export.eyes import Eyes
from export.eyewear import glasses
from export.hair import hair_grid, hair_shell, is_bald
from export.head_factors import IDENTITY_MODES, Factors
from export.headwear import hat, headphones
from export.look import look_of, shadow_blur_cm
from export.mouth import Mouth, cavity_triangles
from export.person import Drawn, Person, dress
from export.rasteriser import ambient_occlusion
from export.shape_model import ShapeModel
from export.shoulders import shoulders
from export.skin import brow_coordinates, inside_polygon, skin_albedo
from export.worn import MOST_POINTS, Worn, wears_glasses, wears_hat, wears_headphones
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


class HeadMesh:
    """Vertices and triangles of head and shoulders, and their static attributes.

    Attributes:
        torso: Shoulders, [points, 3]; they come after the head's vertices, before what is worn.
        first_two_sided: Index of the first triangle that is drawn from both sides: lashes, then all that is worn.
        most_points: No person has more.
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
        self._others = np.ascontiguousarray(shape.others[:, used].reshape(len(shape.others), -1))

        skin = head[material == shading.SKIN]
        self._hair = hair_grid(self.mean, np.unique(skin).astype(np.int32))
        self._beard = beard_grid(self.mean, skin)
        self.torso, torso = shoulders()
        solid = len(head) - int((material == shading.LASH).sum())
        self.first_two_sided = solid + len(torso)
        count = self.head_points + len(self.torso)
        self.most_points = count + len(self._beard.vertices) + MOST_POINTS
        occlusion = np.ones(count, np.float32)
        occluders = np.ascontiguousarray(head[np.isin(material, (shading.SKIN, shading.GUMS, shading.CAVITY))])
        occlusion[: self.head_points] = 0.15 + 0.85 * ambient_occlusion(self.mean, occluders)
        self._bare = Drawn(
            np.concatenate([head[:solid], torso + self.head_points, head[solid:]]).astype(np.int32),
            np.concatenate([material[:solid], np.full(len(torso), shading.CLOTH, np.uint8), material[solid:]]),
            self._static_attributes(),
            occlusion,
            np.zeros(count, np.float32),
            np.zeros((0, 3), np.float32),
        )

    def _static_attributes(self) -> Float32[np.ndarray, "points attributes"]:
        count = self.head_points
        out = np.zeros((count + len(self.torso), len(shading.ATTRIBUTES)), np.float32)
        out[:count, :3], out[count:, :3] = self.mean, self.torso
        marks = self.mean[self._landmarks]
        out[:count, 3] = inside_polygon(marks[48:60, :2], self.mean[:, :2])
        out[:count, 4:6] = brow_coordinates(marks, self.mean)
        out[:count, 6] = self.eyes.reach(self.mean)
        return out

    def person(self, factors: Factors) -> Person:
        """The neutral head, hair, colours and things of these factors."""
        modes = self._identity[: len(factors.identity)]
        neutral = self.mean + (factors.identity[: len(modes)] @ modes).reshape(-1, 3)
        # Heads differ in shape, not in place and size: centre and scale by the 68 landmarks.
        marks, mean_marks = neutral[self._landmarks], self.mean[self._landmarks]
        size = np.linalg.norm(mean_marks - mean_marks.mean(0)) / np.linalg.norm(marks - marks.mean(0))
        neutral = ((neutral - marks.mean(0)) * size + mean_marks.mean(0)).astype(np.float32)

        drawn = dress(self._bare, self._things(factors, neutral))
        assert len(drawn.fray) <= self.most_points
        density = beard_density(self._beard, factors)
        drawn.attributes[: self.head_points, 7:10] = skin_albedo(self.mean, density, factors)
        casters, skin = drawn.casters()
        lashes, cut = self.eyes.lash_fray(factors.amount["lashes"])
        drawn.fray[lashes] = cut
        palette = np.stack([factors.hair, factors.brow, factors.iris, factors.lips, factors.cloth]).astype(np.float32)
        fov = math.radians(25 + 50 * factors.amount["lens"] ** 2)
        return Person(
            factors=factors,
            neutral=neutral,
            triangles=drawn.triangles,
            material=drawn.material,
            attributes=drawn.attributes,
            occlusion=drawn.occlusion,
            fray=drawn.fray,
            worn=drawn.worn,
            beard=self._beard.vertices if has_shell(factors) else np.zeros(0, np.int32),
            casters=casters,
            skin_casters=skin,
            palette=palette,
            look=look_of(factors),
            blur_cm=shadow_blur_cm(factors),
            distance_cm=CANVAS_CM / 2 / math.tan(fov / 2),
        )

    def _things(self, factors: Factors, neutral: Float32[np.ndarray, "vertices 3"]) -> list[Worn]:
        """Beard (first, as `Person.beard` says), hair, and what is worn."""
        things = []
        if has_shell(factors):
            things.append(beard_shell(self._beard, factors, neutral, self._bare.attributes))
        hair = np.zeros((0, 3), np.float32)
        if not is_bald(factors):
            things.append(hair_shell(self._hair, factors, neutral))
            hair = things[-1].points
        if wears_hat(factors):
            things.append(hat(self._hair, factors, neutral))
        if wears_headphones(factors):
            things.append(headphones(factors, neutral, hair))
        if wears_glasses(factors):
            things.append(glasses(factors, neutral[self._landmarks]))
        return things

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

    def grimacing(self, person: Person, q: Float32[np.ndarray, "others"]) -> Person:
        """The person, who makes a face of shapes that p has no entry for, besides whatever p says."""
        return replace(person, neutral=person.neutral + (q @ self._others).reshape(-1, 3))

    def occlusion(
        self, person: Person, deformed: Float32[np.ndarray, "vertices 3"], out: Float32[np.ndarray, "points"]
    ) -> None:
        """Write how much of the sky every point of a person sees with an expression."""
        out[:] = person.occlusion
        out[self.mouth.vertices] = self.mouth.light(deformed)
        self.eyes.shade(deformed, out)
