"""The training pool: rendered heads on disk, in shards that a renderer adds while trainers already read.

    python export/dataset.py --shape-model FOLDER --out POOL --identities 30000

A second call goes on where the first stopped. torchrun starts one on every core. A shard is a folder of plain .npy
arrays, written under a temporary name and renamed; it depends on its number and on what `pool.json` says, so a pool is
the same wherever, and by however many processes, it is rendered. Shard 0 is held out and never sampled
(export.head_pool).

With `--other-days` every picture of a person has its own light, lens, clothes, glasses and headwear: for networks that
recognise people. With `--bare` nobody wears glasses, a hat or headphones. With `--beards 2` every second person that is
not held out has a long beard: for the generator, which is slow to learn what is large, dark and rare (one head in seven
has one, and half of the error on faces was in them). With `--skip` there are other people, beside the same held out,
for a generator that has seen the first ones.
"""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from export.beard import bearded
from export.head_factors import VARYING
from export.head_pool import POSES, SHARD_IDENTITIES, shard_folder
from export.pose_sampling import sample_poses
from export.render_heads import Z_DIM, HeadRenderer
from export.run_folder import open_run
from export.shape_model import load_shape_model
from export.training import Budget, read_json, write_json
from export.worn import bare

CONTENTS = "pool.json"
_SEED = 220200046


@dataclass(frozen=True, slots=True)
class Contents:
    """What the heads of a pool are like, as on the command line.

    Attributes:
        resolution: Side of the pictures in pixels.
        other_days: Whether the entries `VARYING` of z are drawn anew for every picture.
        bare: Whether nobody wears glasses, a hat or headphones.
        beards: Every so many-th person has a long beard, besides those drawn with one; not in shard 0. 0: nobody.
        skip: So many people come before those of shard 1; whole shards.
    """

    resolution: int = 128
    other_days: bool = False
    bare: bool = False
    beards: int = 0
    skip: int = 0

    def __post_init__(self) -> None:
        """Check them.

        Raises:
            ValueError: One is out of range.
        """
        if self.resolution < 1 or self.beards < 0:
            raise ValueError(f"expected --resolution from 1, --beards from 0, got {self.resolution}, {self.beards}")
        if self.skip < 0 or self.skip % SHARD_IDENTITIES:
            raise ValueError(f"expected a multiple of {SHARD_IDENTITIES} people to --skip, got {self.skip}")


def begin(folder: Path, contents: Contents) -> None:
    """Note what a new pool has, or make sure that a pool has it.

    Raises:
        ValueError: It has something else, or does not say what.
        OSError: It cannot be written.
    """
    path, wanted = folder / CONTENTS, asdict(contents)
    if not path.exists():
        if shard_folder(folder, 0).exists():
            raise ValueError(f"expected {path}, which says how the shards beside it were made; choose another --out")
        write_json(path, wanted)
    had = read_json(path, *wanted)
    other = [f"{name} {had[name]} (now {value})" for name, value in wanted.items() if had[name] != value]
    if other:
        raise ValueError(f"expected what {folder} was begun with, {', '.join(other)}; choose another --out")


def write_shard(folder: Path, number: int, renderer: HeadRenderer, contents: Contents, budget: Budget) -> bool:
    """Render one shard and move it into place; False if a signal came before it was whole.

    Args:
        folder: The pool.
        number: The shard's.
        renderer: Paints the heads.
        contents: What they are like.
        budget: Whose signals.

    Raises:
        OSError: It cannot be written; nothing is left of it.
    """
    resolution = renderer.resolution
    rng = np.random.default_rng([_SEED, number + (contents.skip // SHARD_IDENTITIES if number else 0)])
    z = _people(rng, contents, held_out=number == 0)
    p = sample_poses(rng, SHARD_IDENTITIES * POSES).reshape(SHARD_IDENTITIES, POSES, -1)
    rgba = np.empty((SHARD_IDENTITIES, POSES, resolution, resolution, 4), np.uint8)
    regions = np.empty(rgba.shape[:-1], np.uint8)
    for i in range(SHARD_IDENTITIES):
        if budget.stopped:
            return False
        person = renderer.person(z[i])
        for j in range(POSES):
            if contents.other_days and j:
                other = _another_day(rng, z[i])
                person = renderer.person(bare(other) if contents.bare else other)
            picture = renderer.paint(person, p[i, j])
            rgba[i, j], regions[i, j] = picture.rgba, picture.regions
    partial = folder / f".partial_{number:05d}"
    partial.mkdir(exist_ok=True)
    try:
        for name, values in (("rgba", rgba), ("regions", regions), ("z", z), ("p", p)):
            np.save(partial / f"{name}.npy", values, allow_pickle=False)
        partial.rename(shard_folder(folder, number))
    except OSError:
        shutil.rmtree(partial)
        raise
    return True


def _people(rng: np.random.Generator, contents: Contents, *, held_out: bool) -> Float32[np.ndarray, "shard z_dim"]:
    z = rng.standard_normal((SHARD_IDENTITIES, Z_DIM)).astype(np.float32)
    if contents.bare:
        z = bare(z)
    if contents.beards and not held_out:
        z[:: contents.beards] = bearded(z[:: contents.beards])
    return z


def _another_day(rng: np.random.Generator, z: Float32[np.ndarray, "z_dim"]) -> Float32[np.ndarray, "z_dim"]:
    return np.where(VARYING, rng.standard_normal(Z_DIM), z).astype(np.float32)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--shape-model", type=Path, required=True, help="folder with ict_facekit.npz")
    add("--out", type=Path, required=True, help="folder of the pool")
    add("--identities", type=int, default=30_000, help="with those held out (default: %(default)s)")
    add("--resolution", type=int, default=128, help="default: %(default)s")
    add("--budget", type=float, default=float("inf"), metavar="SECONDS", help="after which to stop")
    add("--other-days", action="store_true", help="light, lens, clothes and what is worn differ within a person")
    add("--bare", action="store_true", help="no glasses, hats or headphones (default: all of them)")
    add("--beards", type=int, default=0, metavar="N", help="every N-th person has a long beard (default: as drawn)")
    add("--skip", type=int, default=0, metavar="IDENTITIES", help="other people than the first so many (default: 0)")
    parser.set_defaults(device="cpu", seed=_SEED)
    options = parser.parse_args(arguments)
    with open_run("dataset.py", arguments, options) as run:
        contents = Contents(options.resolution, options.other_days, options.bare, options.beards, options.skip)
        renderer = HeadRenderer(load_shape_model(options.shape_model), contents.resolution)
        run.ranks.alone(lambda: begin(run.folder, contents))
        for number in range(run.ranks.rank, -(-options.identities // SHARD_IDENTITIES), run.ranks.count):
            if not run.budget.running:
                break
            if shard_folder(run.folder, number).is_dir():
                continue
            began_s = time.monotonic()
            if write_shard(run.folder, number, renderer, contents, run.budget):
                took_ms = 1000 * (time.monotonic() - began_s)
                print(f"shard {number}: {took_ms / SHARD_IDENTITIES / POSES:.1f} ms a picture", flush=True)


if __name__ == "__main__":
    main()
