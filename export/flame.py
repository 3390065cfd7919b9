"""FLAME: a head of 5,023 vertices from coefficients, posed by linear blend skinning, seen by DECA's camera.

    T(β, ψ, θ) = v̄ + S β + E ψ + P (R(θ) − I)                       shape, expression, and what joints pull along
    v          = Σ_j ω_j (R_j T + t_j)                              over the five joints' transforms in the world
    pixel      = 112 · (s (x + t_x), −s (y + t_y), −s z) + 112      in a frame of 224

Only head and jaw turn here; neck and eyes are at rest. The model's arrays are the user's own: FLAME and DECA are for
non-commercial research and may not be passed on.

Source: Li, Bolkart, Black, Li, Romero, "Learning a Model of Facial Shape and Expression from 4D Scans", ACM TOG 2017,
Eqs. 1 to 4; contour landmarks as in Feng et al., "Learning an Animatable Detailed 3D Face Model from In-The-Wild
Images", ACM TOG 2021, arXiv:2012.04012.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from export.rotations import rotation_matrix
from puppet.networks.deca import FaceCoefficients

FIRST_EXPRESSION = 300
"""Columns of `shapedirs` before it are shapes."""

JOINTS, HEAD, JAW = 5, 0, 2
CONTOUR_LIMIT = 39
"""Degrees of turn to either side for which contour landmarks are listed: 0 to 39, then −1 to −39."""

HALF_FRAME = 112.0
CAMERA = (8.0, 0.0, 0.0)
"""Scale and translation under which the losses compare two faces: 896 px a metre, where they stand is left out."""


@dataclass(frozen=True, slots=True, eq=False)
class PosedFace:
    """A head in pixels of DECA's frame.

    Attributes:
        landmarks: The 68 of iBUG as the picture shows them: the contour follows the turn of the head.
        fixed_landmarks: The same with a contour that stays on its vertices.
        vertices: All of them.
    """

    landmarks: Float[Tensor, "batch 68 2"]
    fixed_landmarks: Float[Tensor, "batch 68 3"]
    vertices: Float[Tensor, "batch vertices 3"]


class Flame(nn.Module):
    """The model, differentiable in all coefficients."""

    template: Tensor
    basis: Tensor
    pose_basis: Tensor
    joint_regressor: Tensor
    skinning: Tensor
    triangles: Tensor
    contour: Tensor
    contour_weights: Tensor
    inner: Tensor
    inner_weights: Tensor
    fixed: Tensor
    fixed_weights: Tensor

    def __init__(
        self, model: Mapping[str, np.ndarray], embedding: Mapping[str, np.ndarray], *, shapes: int, expressions: int
    ) -> None:
        """Take what is needed from the arrays of `generic_model` and `landmark_embedding`, by their names there.

        Args:
            model: `v_template`, `shapedirs`, `posedirs`, `J_regressor` (dense), `weights`, `kintree_table`, `f`.
            embedding: `static_`, `dynamic_` and `full_`, each `lmk_faces_idx` and `lmk_bary_coords`.
            shapes: Shape coefficients that will be given.
            expressions: Expression coefficients that will be given.
        """
        super().__init__()
        columns = [*range(shapes), *range(FIRST_EXPRESSION, FIRST_EXPRESSION + expressions)]
        self.parents = [int(parent) for parent in model["kintree_table"][0][1:]]
        """Of every joint but the first."""
        for name, values in (
            ("template", model["v_template"]),
            ("basis", model["shapedirs"][:, :, columns]),
            ("pose_basis", model["posedirs"]),
            ("joint_regressor", model["J_regressor"]),
            ("skinning", model["weights"]),
            ("contour_weights", embedding["dynamic_lmk_bary_coords"]),
            ("inner_weights", embedding["static_lmk_bary_coords"]),
            ("fixed_weights", embedding["full_lmk_bary_coords"][0]),
        ):
            self.register_buffer(name, torch.from_numpy(np.array(values, np.float32)))
        for name, values in (
            ("triangles", model["f"]),
            ("contour", embedding["dynamic_lmk_faces_idx"]),
            ("inner", embedding["static_lmk_faces_idx"]),
            ("fixed", embedding["full_lmk_faces_idx"][0]),
        ):
            self.register_buffer(name, torch.from_numpy(np.array(values, np.int64)))

    def forward(self, face: FaceCoefficients, camera: tuple[float, float, float] = CAMERA) -> PosedFace:
        """The posed head.

        Args:
            face: Shape, expression and pose are looked at.
            camera: Scale, translation to the right and upwards.
        """
        head = rotation_matrix(face.pose[:, :3])
        vertices = self._vertices(torch.cat([face.shape, face.expression], 1), head, rotation_matrix(face.pose[:, 3:]))
        turn = _contour_row(head)
        contour = self._on(vertices, self.contour[turn], self.contour_weights[turn])
        inner = self._on(vertices, self.inner.expand(len(turn), -1), self.inner_weights.expand(len(turn), -1, -1))
        fixed = self._on(vertices, self.fixed.expand(len(turn), -1), self.fixed_weights.expand(len(turn), -1, -1))
        landmarks = _project(torch.cat([contour, inner], 1), camera)[..., :2]
        return PosedFace(landmarks, _project(fixed, camera), _project(vertices, camera))

    def _vertices(self, coefficients: Tensor, head: Tensor, jaw: Tensor) -> Float[Tensor, "batch vertices 3"]:
        """The head in metres."""
        shaped = self.template + torch.einsum("bl,vkl->bvk", coefficients, self.basis)
        joints = self.joint_regressor @ shaped
        rotations = [torch.eye(3, device=head.device).expand_as(head)] * JOINTS
        rotations[HEAD], rotations[JAW] = head, jaw
        bent = torch.stack(rotations[1:], 1) - torch.eye(3, device=head.device)
        posed = shaped + torch.einsum("bl,vkl->bvk", bent.flatten(1), self.pose_basis)

        # The transforms of joints in the world, each about where it lies.
        turned, places = [head], [joints[:, 0]]
        for joint, parent in enumerate(self.parents, start=1):
            turned.append(turned[parent] @ rotations[joint])
            bone = (joints[:, joint] - joints[:, parent])[..., None]
            places.append((turned[parent] @ bone)[..., 0] + places[parent])
        R, t = torch.stack(turned, 1), torch.stack(places, 1)
        t = t - (R @ joints[..., None])[..., 0]

        skinned: Tensor = torch.einsum("vj,bjkl,bvl->bvk", self.skinning, R, posed) + self.skinning @ t
        return skinned

    def _on(
        self, vertices: Tensor, triangles: Int[Tensor, "batch points"], weights: Float[Tensor, "batch points 3"]
    ) -> Float[Tensor, "batch points 3"]:
        """Points on triangles."""
        rows = torch.arange(len(vertices), device=vertices.device)[:, None, None]
        corners = vertices[rows, self.triangles[triangles]]
        return torch.einsum("bpc,bpck->bpk", weights, corners)


def _contour_row(head: Float[Tensor, "batch 3 3"]) -> Int[Tensor, "batch"]:
    """Which list of contour landmarks belongs to a head's turn."""
    turn = torch.atan2(-head[:, 2, 0], head[:, :2, 0].norm(dim=1)) * (180.0 / math.pi)
    degrees = turn.clamp(-CONTOUR_LIMIT, CONTOUR_LIMIT).round().long()
    return torch.where(degrees < 0, CONTOUR_LIMIT - degrees, degrees)


def _project(points: Float[Tensor, "batch points 3"], camera: tuple[float, float, float]) -> Tensor:
    scale, x, y = camera
    moved = F.pad(points.new_tensor([x, y]), (0, 1)) + points
    return HALF_FRAME * scale * moved * points.new_tensor([1.0, -1.0, -1.0]) + HALF_FRAME
