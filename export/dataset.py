"""The training pool: rendered heads on disk, in shards that a renderer adds while trainers already read.

`python export/dataset.py --shape-model FOLDER --out POOL --identities 30000` renders; a second call goes on where the
first stopped. A shard is a folder of plain .npy arrays, written under a temporary name and renamed; it depends on its
number alone, so a pool is the same wherever it is rendered. Shard 0 is held out and never sampled.

With `--other-days` every picture of a person has its own light, lens, clothes, glasses and headwear: for networks that
recognise people. With `--bare` nobody wears glasses, a hat or headphones. With `--beards` every second person that is
not held out has a long beard: for the generator, which is slow to learn what is large, dark and rare (one head in seven
has one, and half of the error on faces was in them).
"""

from __future__ import annotations

import argparse
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from jaxtyping import Float32, Int64, UInt8

from export.beard import bearded
from export.head_factors import IDENTITY_MODES, NAMES, VARYING
from export.pose_sampling import sample_poses
from export.ranks import Ranks
from export.render_heads import Z_DIM, HeadRenderer
from export.shape_model import load_shape_model
from export.worn import bare
from puppet.pose_space import BUILTIN

SHARD_IDENTITIES = 250
POSES = 4
_SEED = 220200046


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
        while len(self._shards) < most and (shard := self._folder / f"shard_{len(self._shards):05d}").is_dir():
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


def write_shard(
    folder: Path,
    number: int,
    renderer: HeadRenderer,
    *,
    other_days: bool = False,
    without_things: bool = False,
    beards: bool = False,
) -> None:
    """Render one shard and move it into place.

    Args:
        folder: The pool.
        number: The shard's.
        renderer: Paints the heads.
        other_days: Draw the entries `VARYING` of z anew for every picture.
        without_things: Nobody wears glasses, a hat or headphones.
        beards: Every second person has a long beard; not in shard 0.
    """
    resolution = renderer.resolution
    rng = np.random.default_rng([_SEED, number])
    z = rng.standard_normal((SHARD_IDENTITIES, Z_DIM)).astype(np.float32)
    if without_things:
        z = bare(z)
    if beards and number:
        z[::2] = bearded(z[::2])
    p = sample_poses(rng, SHARD_IDENTITIES * POSES).reshape(SHARD_IDENTITIES, POSES, -1)
    rgba = np.empty((SHARD_IDENTITIES, POSES, resolution, resolution, 4), np.uint8)
    regions = np.empty(rgba.shape[:-1], np.uint8)
    for i in range(SHARD_IDENTITIES):
        person = renderer.person(z[i])
        for j in range(POSES):
            if other_days and j:
                other = _another_day(rng, z[i])
                person = renderer.person(bare(other) if without_things else other)
            picture = renderer.paint(person, p[i, j])
            rgba[i, j], regions[i, j] = picture.rgba, picture.regions
    partial = folder / f".partial_{number:05d}"
    partial.mkdir(parents=True, exist_ok=True)
    for name, values in (("rgba", rgba), ("regions", regions), ("z", z), ("p", p)):
        np.save(partial / f"{name}.npy", values, allow_pickle=False)
    partial.rename(folder / f"shard_{number:05d}")


def _another_day(rng: np.random.Generator, z: Float32[np.ndarray, "z_dim"]) -> Float32[np.ndarray, "z_dim"]:
    return np.where(VARYING, rng.standard_normal(Z_DIM), z).astype(np.float32)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape-model", type=Path, required=True, help="folder with ict_facekit.npz")
    parser.add_argument("--out", type=Path, required=True, help="folder of the pool")
    parser.add_argument("--identities", type=int, default=30_000, help="default: %(default)s")
    parser.add_argument("--resolution", type=int, default=128, help="default: %(default)s")
    parser.add_argument("--budget", type=float, default=float("inf"), help="seconds after which to stop")
    parser.add_argument(
        "--other-days", action="store_true", help="light, lens, clothes and what is worn differ within a person"
    )
    parser.add_argument("--bare", action="store_true", help="no glasses, hats or headphones (default: all of them)")
    parser.add_argument("--beards", action="store_true", help="every second person has a long beard")
    options = parser.parse_args()
    renderer = HeadRenderer(load_shape_model(options.shape_model), options.resolution)
    start = time.monotonic()
    for number in range(-(-options.identities // SHARD_IDENTITIES)):
        if (options.out / f"shard_{number:05d}").is_dir():
            continue
        if time.monotonic() - start > options.budget:
            break
        began = time.monotonic()
        write_shard(
            options.out, number, renderer,
            other_days=options.other_days, without_things=options.bare, beards=options.beards,
        )  # fmt: skip
        took = time.monotonic() - began
        print(f"shard {number}: {1000 * took / SHARD_IDENTITIES / POSES:.1f} ms a picture", flush=True)


if __name__ == "__main__":
    main()
