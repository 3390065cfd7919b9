"""Rotations of the head as FLAME keeps them (axis-angle) and as the authors' pose vector does (yaw, pitch, roll).

    R = Rz(roll) · Ry(−yaw) · Rx(pitch)      x to the right of the picture, y up, z towards the viewer

So yaw > 0 turns to the subject's right and pitch > 0 looks down, as in the built-in pose space; roll > 0 tilts to the
subject's right shoulder, which there is roll < 0.

The authors' training goes back from angles to axis-angle in another order, Ry(−yaw) · Rx(pitch) · Rz(roll), which is
the inverse only without roll; both ways are here.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

Order = Literal["exact", "authors"]
"""How angles become a rotation: the inverse of `head_angles_deg`, or what the authors' training does."""

NO_AXIS = 1e-8
"""Added before the length of an axis is taken, so that there is one; FLAME's own number."""


def rotation_matrix(axis_angle: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3 3"]:
    """The rotation by |v| radians about v (Rodrigues)."""
    angle = (axis_angle + NO_AXIS).norm(dim=-1, keepdim=True)
    x, y, z = (axis_angle / angle).unbind(-1)
    zero = torch.zeros_like(x)
    K = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).unflatten(-1, (3, 3))  # type: ignore[no-untyped-call]
    angle = angle[..., None]
    R: Tensor = torch.eye(3, device=K.device) + angle.sin() * K + (1.0 - angle.cos()) * (K @ K)
    return R


def head_angles_deg(axis_angle: Float[Tensor, "batch 3"]) -> Float[Tensor, "batch 3"]:
    """Yaw, pitch and roll in degrees; meant for less than 90° of yaw."""
    R = rotation_matrix(axis_angle)
    yaw = R[:, 2, 0].clamp(-1.0, 1.0).asin()
    pitch, roll = torch.atan2(R[:, 2, 1], R[:, 2, 2]), torch.atan2(R[:, 1, 0], R[:, 0, 0])
    return torch.stack([yaw, pitch, roll], 1) * (180.0 / math.pi)


def head_axis_angle(angles_deg: Float[Tensor, "batch 3"], order: Order = "exact") -> Float[Tensor, "batch 3"]:
    """The axis-angle of yaw, pitch and roll in degrees.

    Args:
        angles_deg: Each below 90° in amount.
        order: "exact" undoes `head_angles_deg`.
    """
    yaw, pitch, roll = (angles_deg * (math.pi / 180.0)).unbind(1)
    turn, nod, tilt = _quaternion(1, -yaw), _quaternion(0, pitch), _quaternion(2, roll)
    q = _product(tilt, _product(turn, nod)) if order == "exact" else _product(turn, _product(nod, tilt))
    sine = q[:, 1:].norm(dim=1, keepdim=True)
    return F.normalize(q[:, 1:]) * 2.0 * torch.atan2(sine, q[:, :1])


def _quaternion(axis: int, angle: Float[Tensor, "batch"]) -> Float[Tensor, "batch 4"]:
    q = angle.new_zeros(len(angle), 4)
    q[:, 0], q[:, 1 + axis] = (angle / 2).cos(), (angle / 2).sin()
    return q


def _product(a: Float[Tensor, "batch 4"], b: Float[Tensor, "batch 4"]) -> Float[Tensor, "batch 4"]:
    """The rotation b, then a."""
    u, v = a[:, 1:], b[:, 1:]
    real = a[:, :1] * b[:, :1] - (u * v).sum(1, keepdim=True)
    return torch.cat([real, a[:, :1] * v + b[:, :1] * u + torch.linalg.cross(u, v)], 1)
