"""The pose graph: FaceMesh landmarks in, pose vector and alignment square out; a torch module that becomes pose.onnx.

    c, s  = mean and root mean square of the rigid landmarks          (place and size)
    R     = polar(Σ x_i t_iᵀ)                                          (rigid landmarks x on the template t, Procrustes)
    h     = Rᵀ (x − c) / s                                             (the face in its own frame)
    p_g   = W z + V silu(U z),  z = bend(whiten([h_g, angles(R)]))     (one small network for each group of entries)

Each group sees only the landmarks of its own part of the face, so that a mouth cannot blink. The orthogonal factor
comes from the Newton–Schulz iteration Y ← ½ Y (3 − YᵀY): multiplications only, so that any runtime can do it. Run the
graph in float32: landmarks are pixels.

Source: Kabsch, "A solution for the best rotation to relate two sets of vectors", Acta Cryst. A32, 1976; Higham,
"Functions of Matrices", SIAM 2008, chapter 8 (Newton–Schulz).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from export.to_onnx import save_graph, trace

LANDMARKS = 478
RIGID = (
    6, 8, 9, 10, 21, 33, 54, 67, 103, 109, 127, 133, 151, 162, 168, 195, 197, 234, 251, 263, 284, 297, 332, 338,
    356, 362, 389, 454,
)  # fmt: skip
"""Forehead, temples, bridge of the nose and corners of the eyes."""

_STEPS = 16
_ANGLE_UNIT_DEG = 20.0
_LIMIT = 4.0
"""Whitened components are bent beyond this: a face unlike all samples must not be extrapolated."""
_DEGREES = 180.0 / np.pi


class HeadFrame(nn.Module):
    """Takes place, size and rotation off a face.

    Args:
        template: A frontal face; its rigid landmarks are what faces are turned onto.
    """

    rigid: Tensor
    template: Tensor

    def __init__(self, template: Float32[np.ndarray, "478 3"]) -> None:
        super().__init__()
        rigid = template[list(RIGID)] - template[list(RIGID)].mean(0)
        self.register_buffer("rigid", torch.tensor(RIGID))
        self.register_buffer("template", torch.from_numpy(rigid.astype(np.float32)))

    def forward(
        self, landmarks: Float[Tensor, "n 478 3"]
    ) -> tuple[Float[Tensor, "n 478 3"], Float[Tensor, "n 3"], Float[Tensor, "n 3"], Float[Tensor, "n 1"]]:
        """The face in its own frame; yaw, pitch, roll in degrees; centre and size in pixels."""
        rigid = landmarks[:, self.rigid]
        centre = rigid.mean(1)
        size = ((rigid - centre[:, None]) ** 2).sum(2).mean(1, keepdim=True).sqrt()
        face = (landmarks - centre[:, None]) / size[:, :, None]
        rotation = _polar(face[:, self.rigid].transpose(1, 2) @ self.template)
        return face @ rotation, _angles(rotation), centre, size


def _polar(matrix: Float[Tensor, "n 3 3"]) -> Float[Tensor, "n 3 3"]:
    """The rotation nearest to each matrix."""
    y = matrix / (matrix**2).sum((1, 2), keepdim=True).sqrt()
    for _ in range(_STEPS):
        y = 1.5 * y - 0.5 * (y @ (y.transpose(1, 2) @ y))
    return y


def _angles(rotation: Float[Tensor, "n 3 3"]) -> Float[Tensor, "n 3"]:
    """Yaw, pitch and roll in degrees of R = Rz(roll) · Ry(yaw) · Rx(pitch), all within a quarter turn."""
    yaw = torch.asin(-rotation[:, 2, 0])
    pitch = torch.atan(rotation[:, 2, 1] / rotation[:, 2, 2])
    roll = torch.atan(rotation[:, 1, 0] / rotation[:, 0, 0])
    return torch.stack([yaw, pitch, roll], 1) * _DEGREES


class Reader(nn.Module):
    """Reads a few numbers from some landmarks of a face in its own frame.

    Args:
        points: Which landmarks.
        mean: Mean of the features over the samples.
        whiten: From features to whitened components.
        unit: Unit of each output: the network works in these.
        hidden: Width of the nonlinear part.
    """

    points: Tensor
    mean: Tensor
    whiten: Tensor
    unit: Tensor

    def __init__(
        self,
        points: Sequence[int],
        mean: Float[Tensor, "features"],
        whiten: Float[Tensor, "features components"],
        unit: Float[Tensor, "outputs"],
        hidden: int,
    ) -> None:
        super().__init__()
        self.register_buffer("points", torch.tensor(list(points)))
        self.register_buffer("mean", mean)
        self.register_buffer("whiten", whiten)
        self.register_buffer("unit", unit)
        components, outputs = whiten.shape[1], len(unit)
        self.linear = nn.Linear(components, outputs)
        # The nonlinear part starts at zero.
        last = nn.Linear(hidden, outputs)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.bend = nn.Sequential(nn.Linear(components, hidden), nn.SiLU(), last)

    def forward(self, features: Float[Tensor, "*batch features"]) -> Float[Tensor, "*batch outputs"]:
        """The numbers, in their own units."""
        z = _LIMIT * torch.tanh((features - self.mean) @ self.whiten / _LIMIT)
        numbers: Tensor = (self.linear(z) + self.bend(z)) * self.unit
        return numbers


def mean_reader(readers: Sequence[Reader]) -> Reader:
    """One reader that says the mean of what several say, which see the same landmarks in the same units."""
    weights = [reader.state_dict() for reader in readers]

    def joined(name: str, axis: int) -> Tensor:
        return torch.cat([each[name] for each in weights], axis)

    def mean(name: str) -> Tensor:
        return torch.stack([each[name] for each in weights]).mean(0)

    first, hidden = readers[0], joined("bend.0.bias", 0)
    out = Reader(first.points.tolist(), first.mean, first.whiten, first.unit, len(hidden))
    own = {name: mean(name) for name in ("linear.weight", "linear.bias", "bend.2.bias")}
    own |= {"bend.0.weight": joined("bend.0.weight", 0), "bend.0.bias": hidden}
    own["bend.2.weight"] = joined("bend.2.weight", 1) / len(readers)
    out.load_state_dict(weights[0] | own)
    return out


def face_features(
    face: Float[Tensor, "n 478 3"], angles_deg: Float[Tensor, "n 3"], points: Tensor
) -> Float[Tensor, "n features"]:
    """Some landmarks of a face in its own frame, and the head's angles, in a row."""
    return torch.cat([face[:, points].flatten(1), angles_deg / _ANGLE_UNIT_DEG], 1)


class PoseGraph(nn.Module):
    """From landmarks to the pose vector and the alignment square.

    Args:
        frame: Takes place, size and rotation off.
        readers: One for each group of entries of p.
        entries: Which entries each of them reads.
        square: Reads centre x, centre y (from the rigid landmarks' centre) and side, in sizes of the face.
    """

    order: Tensor

    def __init__(
        self, frame: HeadFrame, readers: Sequence[Reader], entries: Sequence[Sequence[int]], square: Reader
    ) -> None:
        super().__init__()
        self.frame, self.square = frame, square
        self.readers = nn.ModuleList(readers)
        order = np.argsort([entry for group in entries for entry in group])
        self.register_buffer("order", torch.from_numpy(order))

    def forward(self, landmarks: Float[Tensor, "n 478 3"]) -> tuple[Float[Tensor, "n k"], Float[Tensor, "n 3"]]:
        """Pose in its own units; centre x, centre y and side in pixels."""
        face, angles_deg, centre, size = self.frame(landmarks)
        read = [reader(face_features(face, angles_deg, reader.points)) for reader in self.readers]  # type: ignore[arg-type]
        p = torch.cat(read, 1)[:, self.order]
        square = self.square(face_features(face, angles_deg, self.square.points)) * size
        return p, torch.cat([centre[:, :2] + square[:, :2], square[:, 2:]], 1)


def write_pose_graph(graph: PoseGraph, path: Path) -> None:
    """Write pose.onnx: `landmarks` [1, 478, 3] → `p` [1, k], `crop` [1, 3]; one file, weights inside."""
    example = torch.randn(1, LANDMARKS, 3, generator=torch.Generator().manual_seed(0)) * 50
    save_graph(trace(graph, {"landmarks": example}, ["p", "crop"]), path)
