"""Which directions drive better, the trained A or the generator's own pose basis P: measured on held-out heads.

P is the oracle: the generator was trained with w = m(z) + P p̃ on exact labels. Both are scored in two ways, because P
takes part in w_s: moved from another pose, w_s + D (p̃_t − p̃_s), and from the pose-free code, m(z) + D p̃_t, which
is how a bundle drives. The truth is the renderer's picture of the same head in the target pose.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float32
from safetensors.torch import save_file
from torch import Tensor

from export.generator_gates import measure, shrink
from export.generator_state import TrainedGenerator
from export.head_pool import HeadBatch
from export.render_heads import REGIONS
from export.training import write_atomic
from puppet.networks.shape_regressor import ShapeRegressor
from puppet.networks.speed import fast_dtype
from puppet.pose_space import BUILTIN

CHUNK = 25

POSES = "builtin"
"""The pose that moves codes, in the file of directions."""

_ANGLES = 3


@dataclass(frozen=True, slots=True)
class Score:
    """How well a pose was reached.

    Attributes:
        angles_deg: Mean absolute error of yaw, pitch and roll as Net3D reads them.
        expression: The same of the other entries, in ranges of width 12.
        face_psnr: Against the truth, dB.
        eyes_psnr, mouth_psnr: The same in their regions.
    """

    angles_deg: float
    expression: float
    face_psnr: float
    eyes_psnr: float
    mouth_psnr: float


@dataclass(frozen=True, slots=True, eq=False)
class Directions:
    """A matrix for p̃ of the pose space, and perhaps a bias."""

    A: Float[Tensor, "rows w_dim pose_dim"]
    bias: Float[Tensor, "rows w_dim"] | None = None

    def move(
        self, ws: Float[Tensor, "batch num_ws w_dim"], change: Float[Tensor, "batch pose_dim"]
    ) -> Float[Tensor, "batch num_ws w_dim"]:
        """Add A Δp̃ + b to the rows that the matrix has."""
        shift = torch.einsum("rwk,bk->brw", self.A, change)
        if self.bias is not None:
            shift = shift + self.bias
        rows = len(self.A)
        return torch.cat([ws[:, :rows] + shift, ws[:, rows:]], 1)


class Scorer:
    """Drives held-out heads from their first pose to their second.

    Args:
        trained: The generator.
        net3d: Reads the poses that were reached.
        held_out: Heads with at least two poses each.
    """

    def __init__(self, trained: TrainedGenerator, net3d: ShapeRegressor, held_out: HeadBatch) -> None:
        self._trained = trained
        self._net3d = net3d
        self._device = trained.generator.pose_basis.device
        self._z = torch.from_numpy(held_out.z.copy()).to(self._device)
        scaled = BUILTIN.scale(held_out.p[:, :2]).astype(np.float32)
        self._p_s, self._p_t = (torch.from_numpy(scaled[:, i]).to(self._device) for i in (0, 1))
        self._p = held_out.p[:, 1]
        self._rgba = held_out.rgba[:, 1]
        self._regions = held_out.regions[:, 1]

    def moved(self, by: Directions) -> Score:
        """From w_s, the code of the first pose, by A (p̃_t − p̃_s) + b."""
        ws = self._trained.generator.codes(self._z, self._p_s)
        return self._score(by.move(ws, self._p_t - self._p_s))

    def from_code(self, by: Directions) -> Score:
        """From m(z), by A p̃_t + b."""
        ws = self._trained.generator.codes(self._z, torch.zeros_like(self._p_t))
        return self._score(by.move(ws, self._p_t))

    def truth(self) -> Score:
        """Net3D on the renderer's own pictures: the error that is Net3D's. PSNR is infinite and given as NaN."""
        rgb = torch.from_numpy(self._rgba[..., :3].copy()).permute(0, 3, 1, 2).float() / 255
        angles, expression = self._pose_error(self._read(rgb.to(self._device)))
        return Score(angles, expression, np.nan, np.nan, np.nan)

    @torch.inference_mode()
    def _score(self, ws: Tensor) -> Score:
        size, resolution = self._net3d.resolution, min(self._trained.resolution, self._rgba.shape[2])
        read, painted = [], []
        for part in torch.split(ws, CHUNK):
            read.append(self._read(self._trained.paint(part, size)))
            rgb = self._trained.paint(part, resolution).permute(0, 2, 3, 1)
            painted.append((255 * rgb).round().clamp(0, 255).byte().cpu().numpy())
        truth = shrink(self._rgba, resolution)[..., :3]
        gates = measure(np.concatenate(painted), truth, self._regions, REGIONS)
        angles, expression = self._pose_error(np.concatenate(read))
        return Score(angles, expression, gates.face_psnr, gates.eyes_psnr, gates.mouth_psnr)

    def _read(self, rgb: Float[Tensor, "batch 3 r r"]) -> Float32[np.ndarray, "batch pose_dim"]:
        with torch.inference_mode():
            parts = [
                self._net3d.coefficients(part, fast_dtype(self._device)).p_scaled for part in torch.split(rgb, CHUNK)
            ]
            read: np.ndarray = torch.cat(parts).cpu().numpy()
        return read

    def _pose_error(self, read: Float32[np.ndarray, "batch pose_dim"]) -> tuple[float, float]:
        degrees = np.abs(BUILTIN.unscale(read) - self._p)[:, :_ANGLES]
        scaled = np.abs(read - self._p_t.cpu().numpy())[:, _ANGLES:]
        return float(degrees.mean()), float(scaled.mean())


def cosines(
    A: Float[Tensor, "rows w_dim pose_dim"], P: Float[Tensor, "rows w_dim pose_dim"]
) -> Float32[np.ndarray, "pose_dim"]:
    """Cosine between the columns of A and P, all rows together; 0 for a column of zeros."""
    a, b = A.flatten(0, 1), P.flatten(0, 1)
    cosine: np.ndarray = ((a * b).sum(0) / (a.norm(dim=0) * b.norm(dim=0)).clamp(min=1e-12)).cpu().numpy()
    return cosine


def write_directions(path: Path, directions: Directions, chosen: str, scores: Mapping[str, Score]) -> None:
    """Write `directions.safetensors` as a bundle takes it; metadata: which it is, its pose, all scores."""
    tensors = {"A": directions.A.detach().float().cpu().contiguous()}
    if directions.bias is not None:
        tensors["bias"] = directions.bias.detach().float().cpu().contiguous()
    values = {name: asdict(score) for name, score in scores.items()}
    metadata = {"pose": POSES, "directions": chosen, "scores": json.dumps(values)}
    write_atomic(path, lambda partial: save_file(tensors, partial, metadata))
