"""How good the generator is on identities it never saw: numbers (gates) and a sheet to look at.

PSNR is that of the mean squared error of all pixels of a region over all pictures, colours over grey in [0, 1].
Sharpness is the energy of the Laplacian of luminance in a region, relative to the truth's; the truth blurred with
σ = 1 px is measured beside it, so that an averaged face cannot pass for a sharp one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float32, UInt8
from PIL import Image
from torch import Tensor

from export.head_pool import HeadBatch
from export.render_heads import REGIONS
from export.training import write_atomic
from puppet.networks.stylegan2 import Generator
from puppet.pose_space import BUILTIN

FACE_REGIONS = ("skin", "brows", "mouth", "eyes")
BLUR_SIGMA_PX = 1.0
CHUNK = 32
"""Pictures painted at a time."""

SCORED_POSES = 2
SHEET_IDENTITIES = 6

SHEET_POSES: tuple[dict[str, float], ...] = (
    {}, {"yaw": -30.0}, {"yaw": 30.0}, {"pitch": -20.0}, {"pitch": 20.0}, {"roll": 20.0},
    {"jaw_open": 1.0}, {"smile_left": 1.0, "smile_right": 1.0}, {"blink_left": 1.0, "blink_right": 1.0},
    {"pucker": 1.0}, {"brow_raise": 1.0}, {"gaze_yaw": 1.0},
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Gates:
    """Scores on held-out identities; PSNR in dB, sharpness relative to the truth's (1 is as sharp)."""

    face_psnr: float
    eyes_psnr: float
    mouth_psnr: float
    eyes_sharpness: float
    mouth_sharpness: float
    eyes_sharpness_blurred: float
    mouth_sharpness_blurred: float

    def to_json(self) -> dict[str, float]:
        """Rounded to a thousandth."""
        return {name: round(value, 3) for name, value in asdict(self).items()}


def score(generator: Generator, batch: HeadBatch, resolution: int, dtype: torch.dtype, sheet: Path) -> dict[str, float]:
    """The gates on held-out heads; draws a sheet of the first ones.

    Args:
        generator: What is scored.
        batch: Heads that it never saw.
        resolution: Stage: edge of the pictures compared.
        dtype: Of the generator's features.
        sheet: The picture to write.
    """
    z = np.repeat(batch.z, SCORED_POSES, 0)
    p = batch.p[:, :SCORED_POSES].reshape(len(z), -1)
    truth = shrink(batch.rgba[:, :SCORED_POSES].reshape(len(z), *batch.rgba.shape[2:]), resolution)
    regions = batch.regions[:, :SCORED_POSES].reshape(len(z), *batch.regions.shape[2:])
    gates = measure(paint(generator, z, p, resolution, dtype), truth, regions, REGIONS).to_json()

    shown = slice(0, SHEET_IDENTITIES)
    rgba = batch.rgba[shown]
    small = shrink(rgba.reshape(-1, *rgba.shape[2:]), resolution).reshape(*rgba.shape[:2], resolution, resolution, -1)
    write_sheet(sheet, generator, small, batch.z[shown], batch.p[shown], dtype)
    return gates


def paint(
    generator: Generator,
    z: Float32[np.ndarray, "batch z_dim"],
    p: Float32[np.ndarray, "batch pose_dim"],
    resolution: int,
    dtype: torch.dtype,
    finish: Callable[[Tensor], Tensor] | None = None,
) -> UInt8[np.ndarray, "batch r r channels"]:
    """Pictures of identities z in poses p (own units), uint8 over grey; `finish` is applied before they are rounded."""
    device = generator.pose_basis.device
    pictures = []
    with torch.inference_mode():
        for start in range(0, len(z), CHUNK):
            part = slice(start, start + CHUNK)
            scaled = BUILTIN.scale(p[part]).astype(np.float32)
            ws = generator.codes(torch.from_numpy(z[part]).to(device), torch.from_numpy(scaled).to(device))
            x = generator.synthesis(ws, resolution, dtype)
            x = (finish(x) if finish else x).permute(0, 2, 3, 1)
            pictures.append(((x + 1) * 127.5).round().clamp(0, 255).byte().cpu().numpy())
    return np.concatenate(pictures)


def shrink(
    pictures: UInt8[np.ndarray, "batch full full channels"], resolution: int
) -> UInt8[np.ndarray, "batch r r channels"]:
    """Averaged down to `resolution`, which divides the edge."""
    edge = pictures.shape[1] // resolution
    blocks = pictures.reshape(len(pictures), resolution, edge, resolution, edge, -1)
    means: np.ndarray = np.rint(blocks.mean((2, 4), dtype=np.float32))
    return means.astype(np.uint8)


def measure(
    painted: UInt8[np.ndarray, "batch r r channels"],
    truth: UInt8[np.ndarray, "batch r r channels"],
    regions: UInt8[np.ndarray, "batch full full"],
    names: Sequence[str],
) -> Gates:
    """The gates of painted pictures.

    Args:
        painted: The generator's pictures.
        truth: The renderer's, in the same order.
        regions: Region codes of the truth; their edge is a multiple of r.
        names: Name of each code.
    """
    masks = {name: _mask(regions, [names.index(name)], truth.shape[1]) for name in ("eyes", "mouth")} | {
        "face": _mask(regions, [names.index(name) for name in FACE_REGIONS], truth.shape[1])
    }
    squared = ((painted[..., :3].astype(np.float32) - truth[..., :3]) / 255.0) ** 2
    psnr = {name: _psnr(squared[mask]) for name, mask in masks.items()}

    size = (0, 0)
    blurred = np.stack([cv2.GaussianBlur(picture, size, BLUR_SIGMA_PX) for picture in truth])
    energy = {name: _energy(pictures) for name, pictures in (("painted", painted), ("truth", truth), ("blur", blurred))}
    sharpness = {
        (what, name): float(energy[what][masks[name]].sum() / max(energy["truth"][masks[name]].sum(), 1e-9))
        for what in ("painted", "blur")
        for name in ("eyes", "mouth")
    }
    return Gates(
        psnr["face"], psnr["eyes"], psnr["mouth"],
        sharpness["painted", "eyes"], sharpness["painted", "mouth"],
        sharpness["blur", "eyes"], sharpness["blur", "mouth"],
    )  # fmt: skip


def _mask(regions: np.ndarray, codes: Sequence[int], resolution: int) -> np.ndarray:
    """Where at least half of a pixel lies in one of the regions."""
    edge = regions.shape[1] // resolution
    inside = np.isin(regions, codes).reshape(len(regions), resolution, edge, resolution, edge)
    return np.asarray(inside.mean((2, 4)) >= 0.5)


def _psnr(squared: np.ndarray) -> float:
    return -10.0 * math.log10(max(float(squared.mean()), 1e-10)) if squared.size else math.nan


def _energy(pictures: np.ndarray) -> np.ndarray:
    """Squared Laplacian of luminance, each pixel."""
    luminance = pictures[..., :3].astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    energy: np.ndarray = np.stack([cv2.Laplacian(picture, cv2.CV_32F) for picture in luminance]) ** 2
    return energy


def write_sheet(
    path: Path,
    generator: Generator,
    truth: UInt8[np.ndarray, "identities poses r r channels"],
    z: Float32[np.ndarray, "identities z_dim"],
    p: Float32[np.ndarray, "identities poses pose_dim"],
    dtype: torch.dtype,
) -> None:
    """Two rows an identity: left the truth above the generator's picture, right twelve fixed poses (`SHEET_POSES`)."""
    resolution = truth.shape[2]
    fixed = np.stack([BUILTIN.pose(**pose) for pose in SHEET_POSES])
    rows = []
    for identity in range(len(z)):
        poses = np.concatenate([p[identity], fixed])
        painted = paint(generator, np.repeat(z[identity][None], len(poses), 0), poses, resolution, dtype)
        same, posed = painted[: len(p[identity])], painted[len(p[identity]) :]
        half = len(posed) // 2
        rows += [np.concatenate([*truth[identity], *posed[:half]], 1), np.concatenate([*same, *posed[half:]], 1)]
    sheet = np.concatenate(rows)[..., :3]
    write_atomic(path, lambda partial: Image.fromarray(sheet).save(partial))
