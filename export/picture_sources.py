"""Where StyleGAN2's true pictures come from: any folder of pictures, or a pool of rendered heads."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8
from PIL import Image, UnidentifiedImageError

from export.generator_gates import shrink
from export.head_pool import HeadPool
from puppet.stills import ENDINGS


class PoolPictures:
    """Pictures of a pool: people in random poses, over grey.

    Args:
        folder: The pool.
        resolution: Edge in pixels; divides that of the pool.
    """

    def __init__(self, folder: Path, resolution: int) -> None:
        self._pool = HeadPool(folder)
        self._resolution = resolution

    def sample(self, rng: np.random.Generator, count: int) -> UInt8[np.ndarray, "count r r 3"]:
        """Random pictures; fresh arrays."""
        rgba = self._pool.sample(rng, count, 1).rgba[:, 0]
        return shrink(rgba, self._resolution)[..., :3]


class FolderPictures:
    """Pictures of a folder and the folders in it, their middle squares, kept in memory at the size that is wanted.

    Args:
        folder: With .png, .jpg, .jpeg or .webp.
        resolution: Edge in pixels.

    Raises:
        ValueError: There is no picture, or one cannot be read.
    """

    def __init__(self, folder: Path, resolution: int) -> None:
        paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS)
        if not paths:
            raise ValueError(f"expected a pool or a folder with {', '.join(ENDINGS)}, got {folder}")
        self._pictures = np.stack([_read(path, resolution) for path in paths])

    def sample(self, rng: np.random.Generator, count: int) -> UInt8[np.ndarray, "count r r 3"]:
        """Random pictures; fresh arrays."""
        pictures: np.ndarray = self._pictures[rng.integers(0, len(self._pictures), count)]
        return pictures


def open_pictures(folder: Path, resolution: int) -> PoolPictures | FolderPictures:
    """The pool or the pictures in a folder.

    Raises:
        ValueError: There is neither.
    """
    is_pool = (folder / "shard_00000").is_dir()
    return PoolPictures(folder, resolution) if is_pool else FolderPictures(folder, resolution)


def _read(path: Path, resolution: int) -> UInt8[np.ndarray, "r r 3"]:
    try:
        rgb = np.asarray(Image.open(path).convert("RGB"))
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path} should be a picture, but cannot be read ({error}); remove it") from error
    edge = min(rgb.shape[:2])
    top, left = (rgb.shape[0] - edge) // 2, (rgb.shape[1] - edge) // 2
    square = rgb[top : top + edge, left : left + edge]
    method = cv2.INTER_AREA if edge >= resolution else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(square, (resolution, resolution), interpolation=method), np.uint8)
