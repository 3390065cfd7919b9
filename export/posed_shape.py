"""The paper's shape losses: the 3D shape model in torch, posed, and how far two shapes are apart.

    s     = s̄ + S_i p_i + S_e p_e                                           (Eq. 1), turned by R(p_θ)
    L_sh  = mean |S_r − S_gt|
    L_eye = mean over P_eye of |d(S_r(i), S_r(j)) − d(S_gt(i), S_gt(j))|     (Eq. 5), L_mouth alike over P_mouth

Shapes of both sides stand in one frame: no translation, one scale (`PIXELS_PER_CM`). Norms are means over vertices or
pairs, so that the weights do not depend on how many there are.

Source: paper, section 3.1 (arXiv:2202.00046); the landmark pairs and the scale (a frame of 224 px, 896 px a metre) are
those of the authors' code.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from export.eyes import GAZE_PITCH_DEG, GAZE_YAW_DEG, ball_centre
from export.shape_model import CAMERA_FROM_HEAD, ShapeModel
from puppet.pose_space import BUILTIN, SCALED_RANGE

PIXELS_PER_CM = 8.96
EYE_PAIRS = ((36, 39), (37, 41), (38, 40), (42, 45), (43, 47), (44, 46))
MOUTH_PAIRS = ((48, 54), (49, 59), (50, 58), (51, 57), (52, 56), (53, 55), (60, 64), (61, 67), (62, 66), (63, 65))
"""Places in the 68 landmarks: lids and corners of the eyes; outer and inner lips."""

FACE_VERTICES, EYE_VERTICES = 400, 40
_ANGLES = 3


class PosedShape(nn.Module):
    """Eq. 1, the eyes' and the head's rotation, for some of the vertices, differentiable in all coefficients.

    The vertices are the 68 landmarks, then a spread over the face, then the front of each eye (without it, no gaze).
    """

    mean: Tensor
    identity: Tensor
    positive: Tensor
    negative: Tensor
    from_centre: Tensor
    axes: Tensor
    centre: Tensor
    half_range: Tensor
    gaze_deg: Tensor

    def __init__(self, shape: ShapeModel, modes: int) -> None:
        """Cut the shape model down.

        Args:
            shape: The shape model; copied.
            modes: Identity coefficients that will be given.
        """
        super().__init__()
        face = _spread(_vertices(shape, "M_Face"), FACE_VERTICES)
        eyes = [name for name in ("M_ScleraLeft", "M_ScleraRight") if name in shape.material_names]
        balls = [_vertices(shape, name) for name in eyes]
        fronts = [_spread(ball[shape.mean[ball, 2] > shape.mean[ball, 2].mean()], EYE_VERTICES) for ball in balls]
        chosen = np.concatenate([shape.landmarks68, face, *fronts])
        radii = [shape.mean[front] - ball_centre(shape.mean[ball]) for front, ball in zip(fronts, balls, strict=True)]
        from_centre = np.concatenate([np.zeros((len(shape.landmarks68) + len(face), 3), np.float32), *radii])
        for name, field in (
            ("mean", shape.mean[chosen]),
            ("identity", shape.identity[:modes, chosen].reshape(modes, -1)),
            ("positive", shape.positive[:, chosen].reshape(len(shape.positive), -1)),
            ("negative", shape.negative[:, chosen].reshape(len(shape.negative), -1)),
            ("from_centre", from_centre),
            ("axes", CAMERA_FROM_HEAD),
            ("centre", (BUILTIN.upper + BUILTIN.lower) / 2),
            ("half_range", (BUILTIN.upper - BUILTIN.lower) / 2),
            ("gaze_deg", np.array([GAZE_YAW_DEG, GAZE_PITCH_DEG])),
        ):
            self.register_buffer(name, torch.from_numpy(np.ascontiguousarray(field, np.float32)))

    def forward(
        self, p_i: Float[Tensor, "batch modes"], p_scaled: Float[Tensor, "batch pose_dim"]
    ) -> Float[Tensor, "batch chosen 3"]:
        """Posed vertices in pixels; the first 68 are the landmarks."""
        p = p_scaled / SCALED_RANGE * self.half_range + self.centre
        p_e = p[:, _ANGLES:]
        offset = p_i @ self.identity + p_e.clamp(min=0) @ self.positive + (-p_e).clamp(min=0) @ self.negative
        s = self.mean + offset.reshape(len(p), -1, 3)
        gaze = self._rotation(F.pad(p[:, -2:] * self.gaze_deg, (0, 1)))
        s = s + self.from_centre @ gaze.transpose(1, 2) - self.from_centre
        posed: Tensor = PIXELS_PER_CM * s @ self._rotation(p[:, :_ANGLES]).transpose(1, 2)
        return posed

    def _rotation(self, degrees: Float[Tensor, "batch 3"]) -> Float[Tensor, "batch 3 3"]:
        """R = Rz(roll) · Ry(yaw) · Rx(pitch) in the head's axes; see `shape_model.head_rotation`."""
        yaw, pitch, roll = (degrees * (math.pi / 180)).unbind(1)
        zero, one = torch.zeros_like(yaw), torch.ones_like(yaw)

        def matrix(*entries: Tensor) -> Tensor:
            return torch.stack(entries, 1).reshape(-1, 3, 3)

        rx = matrix(one, zero, zero, zero, pitch.cos(), -pitch.sin(), zero, pitch.sin(), pitch.cos())
        ry = matrix(yaw.cos(), zero, yaw.sin(), zero, one, zero, -yaw.sin(), zero, yaw.cos())
        rz = matrix(roll.cos(), -roll.sin(), zero, roll.sin(), roll.cos(), zero, zero, zero, one)
        turned: Tensor = self.axes.T @ rz @ ry @ rx @ self.axes
        return turned


def _vertices(shape: ShapeModel, material: str) -> Int64[np.ndarray, "vertices"]:
    inside = shape.material == shape.material_index(material)
    vertices: np.ndarray = np.unique(shape.triangles[inside]).astype(np.int64)
    return vertices


def _spread(vertices: Int64[np.ndarray, "vertices"], most: int) -> Int64[np.ndarray, "chosen"]:
    """At most so many of them, evenly by number."""
    places = np.linspace(0, len(vertices) - 1, min(most, len(vertices))).astype(np.int64)
    return np.asarray(vertices[places])


def shape_loss(s_r: Float[Tensor, "batch chosen axes"], s_gt: Float[Tensor, "batch chosen axes"]) -> Float[Tensor, ""]:
    """L_sh in pixels."""
    return (s_r - s_gt).abs().mean()


def pair_loss(
    s_r: Float[Tensor, "batch chosen 3"], s_gt: Float[Tensor, "batch chosen 3"], pairs: tuple[tuple[int, int], ...]
) -> Float[Tensor, ""]:
    """L_eye or L_mouth in pixels.

    Args:
        s_r: Shape of the reenacted picture.
        s_gt: The wanted shape.
        pairs: `EYE_PAIRS` or `MOUTH_PAIRS`.
    """
    i, j = (torch.tensor(side, device=s_r.device) for side in zip(*pairs, strict=True))

    def distance(s: Tensor) -> Tensor:
        # The root of 0 has no gradient.
        return ((s[:, i] - s[:, j]).square().sum(2) + 1e-6).sqrt()

    return (distance(s_r) - distance(s_gt)).abs().mean()


def axis_pair_loss(
    r: Float[Tensor, "batch 68 2"], gt: Float[Tensor, "batch 68 2"], pairs: tuple[tuple[int, int], ...]
) -> Float[Tensor, ""]:
    """L_eye or L_mouth as the authors' code has it: on projected landmarks, and |Δx| and |Δy| of a pair on their own.

    Args:
        r: Landmarks of the reenacted picture, in pixels.
        gt: The wanted ones.
        pairs: `EYE_PAIRS` or `MOUTH_PAIRS`.
    """
    i, j = (torch.tensor(side, device=r.device) for side in zip(*pairs, strict=True))
    return ((r[:, i] - r[:, j]).abs() - (gt[:, i] - gt[:, j]).abs()).abs().mean()
