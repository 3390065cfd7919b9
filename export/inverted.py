"""Real pictures for the training of A: whose they are, and their codes w_inv by the encoder (paper, section 3.2).

    w_inv = c + P p̃,      (c, p̃) = E(picture)

The code paints the person in the pose of the picture, as an inverted picture of the paper does. Pictures are rendered
heads of the pool, two poses of one person, or frames of clips: `FOLDER/clip/frame.png`, one person a clip, cut out as
the encoder wants them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from export.generator_state import TrainedGenerator
from export.head_pool import HeadPool
from puppet.alignment import resize
from puppet.errors import PictureError
from puppet.networks.encoder import Encoder, Reading
from puppet.networks.speed import fast_dtype
from puppet.stills import ENDINGS, read_still


class People(Protocol):
    """Where real pictures come from."""

    def pictures(self, rng: np.random.Generator, people: int, poses: int) -> UInt8[np.ndarray, "people poses r r 3"]:
        """Random people, each in `poses` different pictures (1 or 2)."""


class RenderedPeople:
    """The heads of a pool, but for those held out."""

    def __init__(self, pool: HeadPool) -> None:
        self._pool = pool

    def pictures(self, rng: np.random.Generator, people: int, poses: int) -> UInt8[np.ndarray, "people poses r r 3"]:
        """See `People`.

        Raises:
            ValueError: The pool has nothing to sample from.
        """
        pictures: np.ndarray = self._pool.sample(rng, people, poses).rgba[..., :3]
        return pictures


class FilmedPeople:
    """Frames of clips, read when they are drawn.

    Args:
        folder: A folder for each clip, with its frames as pictures.
        resolution: Edge to which frames are brought.

    Raises:
        PictureError: No folder has two frames.
    """

    def __init__(self, folder: Path, resolution: int) -> None:
        clips = [_frames(inside) for inside in sorted(folder.iterdir()) if inside.is_dir()] if folder.is_dir() else []
        self._clips = [frames for frames in clips if len(frames) > 1]
        self._resolution = resolution
        if not self._clips:
            raise PictureError(f"expected folders of at least two frames, one for each clip, in {folder}; got none")

    def pictures(self, rng: np.random.Generator, people: int, poses: int) -> UInt8[np.ndarray, "people poses r r 3"]:
        """See `People`.

        Raises:
            PictureError: A frame cannot be read, or is not square.
        """
        drawn = []
        for clip in rng.integers(0, len(self._clips), people):
            frames = self._clips[clip]
            chosen = rng.permutation(len(frames))[:poses]
            drawn.append(np.stack([self._read(frames[i]) for i in chosen]))
        return np.stack(drawn)

    def _read(self, path: Path) -> UInt8[np.ndarray, "r r 3"]:
        frame = read_still(path)
        height, width = frame.shape[:2]
        if height != width:
            raise PictureError(
                f"expected square frames, as the encoder wants them; {path} has {width} × {height} pixels"
            )
        return resize(frame, self._resolution)


def _frames(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in ENDINGS)


class Inverter:
    """The encoder, in front of a generator.

    Args:
        trained: Whose codes come out.
        encoder: E, frozen.
    """

    def __init__(self, trained: TrainedGenerator, encoder: Encoder) -> None:
        self._generator = trained.generator
        self._encoder = encoder
        self._dtype = fast_dtype(trained.generator.pose_basis.device)

    @property
    def resolution(self) -> int:
        """Edge in pixels of the pictures that are inverted."""
        return self._encoder.resolution

    @torch.no_grad()
    def codes(self, picture: Float[Tensor, "batch 3 r r"]) -> Float[Tensor, "batch num_ws w_dim"]:
        """w_inv of RGB in [0, 1]."""
        seen = self._read(picture)
        return self._generator.posed(seen.c, seen.p_scaled)

    @torch.no_grad()
    def codes_at_rest(self, picture: Float[Tensor, "batch 3 r r"]) -> Float[Tensor, "batch num_ws w_dim"]:
        """The pose-free codes c, from which a bundle drives."""
        return self._read(picture).c

    def _read(self, picture: Tensor) -> Reading:
        return self._encoder.encode(picture, self._generator.mapping, self._generator.layout, self._dtype)
