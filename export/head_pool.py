"""Reads a pool of rendered heads (export.dataset), which may grow meanwhile."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from jaxtyping import Float32, Int64, UInt8

from export.head_factors import IDENTITY_MODES, NAMES
from export.ranks import Ranks
from puppet.pose_space import BUILTIN

SHARD_IDENTITIES = 250
POSES = 4
"""Pictures of each identity."""


@dataclass(frozen=True, eq=False)
class HeadBatch:
    """Pictures of some identities in some poses, with exact labels.

    Attributes:
        rgba: Colour over mid grey and coverage, uint8.
        regions: Codes of `render_heads.REGIONS`.
        z: Latent code of each identity; on other days of its first picture.
        p: Pose vector of each picture, builtin's order and units.
    """

    rgba: UInt8[np.ndarray, "identities poses r r 4"]
    regions: UInt8[np.ndarray, "identities poses r r"]
    z: Float32[np.ndarray, "identities z_dim"]
    p: Float32[np.ndarray, "identities poses pose_dim"]

    def only(self, which: Int64[np.ndarray, "identities"]) -> HeadBatch:
        """One pose of each identity, by its number."""
        rows = np.arange(len(self.z)), which
        rgba, regions, p = (values[rows][:, None] for values in (self.rgba, self.regions, self.p))
        return HeadBatch(rgba, regions, self.z, p)

    def own(self, ranks: Ranks) -> HeadBatch:
        """The identities of this process."""
        rows = ranks.rows(len(self.z))
        return HeadBatch(self.rgba[rows], self.regions[rows], self.z[rows], self.p[rows])


class HeadPool:
    """Reads a pool folder; pictures stay on disk (memory-mapped) until they are sampled.

    Raises:
        ValueError: A shard is damaged, or not of the same kind as the first.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._shards: list[dict[str, np.ndarray]] = []
        self.refresh()

    def refresh(self, most: float = math.inf) -> int:
        """Take in shards that were added since.

        Args:
            most: Shards to have.

        Returns:
            How many there are.

        Raises:
            ValueError: One is damaged, or not of the same kind as the first.
        """
        while len(self._shards) < most and (shard := shard_folder(self._folder, len(self._shards))).is_dir():
            arrays = _read_shard(shard)
            if self._shards and arrays["rgba"].shape[2:] != self._shards[0]["rgba"].shape[2:]:
                raise ValueError(f"expected pictures as large as those of the first shard in {shard}; use another pool")
            if self._shards and len(arrays["z"]) != SHARD_IDENTITIES:
                raise ValueError(
                    f"expected {SHARD_IDENTITIES} identities in {shard}, got {len(arrays['z'])}; remove it"
                )
            self._shards.append(arrays)
        return len(self._shards)

    def __len__(self) -> int:
        """Identities that may be sampled."""
        return max(0, len(self._shards) - 1) * SHARD_IDENTITIES

    def sample(self, rng: np.random.Generator, identities: int, poses: int) -> HeadBatch:
        """Random identities, each in `poses` different poses; fresh arrays.

        Raises:
            ValueError: The pool has no shard to sample from yet, or fewer poses an identity.
        """
        if not len(self) or poses > POSES:
            raise ValueError(f"expected a pool with two shards or more and at most {POSES} poses, got {self._folder}")
        where = [
            (self._shards[1 + int(i) // SHARD_IDENTITIES], int(i) % SHARD_IDENTITIES, rng.permutation(POSES)[:poses])
            for i in rng.integers(0, len(self), identities)
        ]
        return HeadBatch(
            rgba=np.stack([shard["rgba"][i, which] for shard, i, which in where]),
            regions=np.stack([shard["regions"][i, which] for shard, i, which in where]),
            z=np.stack([shard["z"][i] for shard, i, _ in where]),
            p=np.stack([shard["p"][i, which] for shard, i, which in where]),
        )

    def held_out(self) -> HeadBatch:
        """The first shard, which `sample` never gives.

        Raises:
            ValueError: The pool is empty.
        """
        if not self._shards:
            raise ValueError(f"expected a pool of rendered heads, got the empty folder {self._folder}")
        return HeadBatch(**{name: np.asarray(values) for name, values in self._shards[0].items()})


def shard_folder(pool: Path, number: int) -> Path:
    """Where a shard lies, once it is whole."""
    return pool / f"shard_{number:05d}"


def _read_shard(shard: Path) -> dict[str, np.ndarray]:
    """The arrays of a shard, memory-mapped.

    Raises:
        ValueError: It is damaged or was rendered by another version.
    """
    names = ("rgba", "regions", "z", "p")
    try:
        arrays = {n: np.load(shard / f"{n}.npy", mmap_mode="r", allow_pickle=False) for n in names}
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(f"{shard} is damaged ({error}); remove it, and render it again") from error
    rgba, regions, z = (arrays[n] for n in names[:3])
    people, edge = len(z), rgba.shape[2] if rgba.ndim == 5 else 0
    expected = {"rgba": (people, POSES, edge, edge, 4), "regions": (people, POSES, edge, edge)}
    expected |= {"z": (people, z.shape[-1]), "p": (people, POSES, BUILTIN.dim)}
    wrong = [n for n in names if arrays[n].shape != expected[n]]
    if wrong or z.shape[1] < IDENTITY_MODES + len(NAMES) or rgba.dtype != np.uint8 or regions.dtype != np.uint8:
        shapes = ", ".join(f"{n} {arrays[n].dtype}{list(arrays[n].shape)}" for n in names)
        raise ValueError(f"{shard} is no shard of export/dataset.py as it is now ({shapes}); render the pool again")
    return arrays


class Pool(Protocol):
    """Where pictures come from; see `HeadPool`."""

    def __len__(self) -> int: ...

    def refresh(self, most: float = math.inf) -> int:
        """Notice new shards."""

    def sample(self, rng: np.random.Generator, identities: int, poses: int) -> HeadBatch:
        """A random batch."""

    def held_out(self) -> HeadBatch:
        """Identities that `sample` never returns."""


def refresh(pool: Pool, ranks: Ranks) -> None:
    """Let the pool of every process take in the shards that the first one finds.

    Raises:
        TrainingError: They do not see the same.
    """
    (found,) = ranks.most([pool.refresh() if ranks.first else 0])
    pool.refresh(found)
    ranks.check_same("pool", len(pool))
