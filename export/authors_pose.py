"""The authors' pose vector p: read off DECA's coefficients, scaled, and moved for training.

    Δp̃_i = a_i (p_t − p_s)_i,   a_i = 12 / (upper − lower)

VoxCeleb's p is yaw, pitch, roll, the jaw's turn about its axis, and eleven expressions of FLAME; FFHQ's faces do not
roll, so it has one expression more. The ranges are the authors': the angles' are set, the others were measured on 2,000
generated pictures. Values beyond them are not clipped.

Source: Bounareli, Argyriou, Tzimiropoulos, BMVC 2022, arXiv:2202.00046, section 3.1, as released.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from export.rotations import Order, head_angles_deg, head_axis_angle
from puppet.networks.deca import FaceCoefficients
from puppet.pose_space import SCALED_RANGE, PoseSpace

ANGLES = ("yaw", "pitch", "roll")
JAW = "jaw"
EXPRESSION = "exp_"
"""Start of a name; the number of FLAME's expression follows."""

_ANGLE_LIMITS = {"yaw": 40.0, "pitch": 20.0, "roll": 20.0}


def _space(angles: tuple[str, ...], measured: tuple[tuple[float, float], ...]) -> PoseSpace:
    """A pose space of some angles, the jaw, and expressions from the first on."""
    names = (*angles, JAW, *(f"{EXPRESSION}{i:02}" for i in range(len(measured) - 1)))
    ranges = [(-_ANGLE_LIMITS[name], _ANGLE_LIMITS[name]) for name in angles] + list(measured)
    lower, upper = np.array(ranges, np.float32).T.copy()
    return PoseSpace(names, lower, upper, np.zeros(len(names), np.float32))


VOXCELEB = _space(
    ANGLES,
    (
        (-0.11169847846031189, 0.19479338824748993),
        (-0.9968752861022949, 2.3540308475494385),
        (-0.9558461308479309, 1.6016768217086792),
        (-0.2513495981693268, 0.6300631761550903),
        (-0.3255189061164856, 1.6557607650756836),
        (-1.8895974159240723, 1.3332788944244385),
        (-1.3506605625152588, 1.2258248329162598),
        (-1.1249886751174927, 1.052120327949524),
        (-1.6779751777648926, 0.9289817810058594),
        (-0.9170559644699097, 1.0866150856018066),
        (-0.7737163305282593, 1.8717907667160034),
        (-1.6655000448226929, 0.8243483901023865),
    ),
)
"""Of the released direction matrix; k = 15."""

FFHQ = _space(
    ANGLES[:2],
    (
        (-0.07054586708545685, 0.24340760707855225),
        (-1.1691298, 3.6460547),
        (-1.1616682, 1.8393904),
        (-0.2662376, 0.5003354),
        (-0.5655866, 1.3908943),
        (-1.6653086, 1.6466118),
        (-1.4325171, 1.1277468),
        (-1.0907060, 1.2641155),
        (-1.8446381, 0.6157387),
        (-1.2562018, 0.9579008),
        (-0.8388957, 1.4292562),
        (-1.7976358, 0.8100604),
        (-1.3200748, 1.4847142),
    ),
)
"""For training on a generator of FFHQ; k = 15."""


def pose_vector(face: FaceCoefficients, space: PoseSpace) -> Float[Tensor, "batch pose_dim"]:
    """The pose of each face: angles in degrees, the jaw in radians, expressions as they are."""
    angles = head_angles_deg(face.pose[:, :3])

    def entry(name: str) -> Float[Tensor, "batch"]:
        if name in ANGLES:
            return angles[:, ANGLES.index(name)]
        return face.pose[:, 3] if name == JAW else face.expression[:, _number(name)]

    return torch.stack([entry(name) for name in space.names], 1)


def _number(name: str) -> int:
    return int(name.removeprefix(EXPRESSION))


def scaled(p: Float[Tensor, "batch pose_dim"], space: PoseSpace) -> Float[Tensor, "batch pose_dim"]:
    """p̃, without a clip."""
    lower, upper = torch.from_numpy(space.lower).to(p.device), torch.from_numpy(space.upper).to(p.device)
    return SCALED_RANGE * (2.0 * p - lower - upper) / (upper - lower)


def full_change(
    p_s: Float[Tensor, "batch pose_dim"], p_t: Float[Tensor, "batch pose_dim"], space: PoseSpace
) -> Float[Tensor, "batch pose_dim"]:
    """Δp̃ that takes the source to the target's pose: at run time, and for the first half of a batch in training."""
    return scaled(p_t, space) - scaled(p_s, space)


def single_change(
    p_s: Float[Tensor, "batch pose_dim"],
    which: Int64[np.ndarray, "batch"],
    destination: Float[np.ndarray, "batch"],
    space: PoseSpace,
) -> Float[Tensor, "batch pose_dim"]:
    """Δp̃ of the second half in training: one entry moves, to a place and not by an amount.

    Args:
        p_s: The sources' poses.
        which: The entry that moves, for each source.
        destination: Where to, in [−6, 6]; the authors draw it uniformly.
        space: Of p.
    """
    change = torch.zeros_like(p_s)
    rows = np.arange(len(p_s))
    change[rows, which] = torch.from_numpy(destination).to(p_s) - scaled(p_s, space)[rows, which]
    return change


def single_truth(
    face: FaceCoefficients,
    which: Int64[np.ndarray, "batch"],
    destination: Float[np.ndarray, "batch"],
    space: PoseSpace,
    order: Order,
) -> FaceCoefficients:
    """The coefficients that `single_change` should lead to: the source's, one entry of the pose replaced.

    Args:
        face: The sources' coefficients.
        which: As there.
        destination: As there.
        space: Of p.
        order: "authors" disturbs the other angles of a rolled head, by up to 18°; "exact" does not.
    """
    pose, expression = face.pose.clone(), face.expression.clone()
    angles = head_angles_deg(pose[:, :3])
    for row, (entry, goal) in enumerate(zip(which, destination, strict=True)):
        name, (low, high) = space.names[entry], (float(space.lower[entry]), float(space.upper[entry]))
        value = low + (goal / SCALED_RANGE + 1.0) / 2.0 * (high - low)
        if name in ANGLES:
            angles[row, ANGLES.index(name)] = value
            pose[row, :3] = head_axis_angle(angles[row : row + 1], order)[0]
        elif name == JAW:
            pose[row, 3] = value
        else:
            expression[row, _number(name)] = value
    return replace(face, pose=pose, expression=expression)
