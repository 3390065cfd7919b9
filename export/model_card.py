"""How well a bundle's generator paints people it never saw, by what they look like: for `docs/model-card.md`.

    python export/model_card.py --data pool --sheet docs/model-card.jpg

Each row is a part of the pool's held-out heads, rendered as the truth: people by skin tone, hair and what they wear,
pictures by how far the head turns and what the face does. The measures are those of `export.generator_gates`. The
sheet shows eight more people, whom no pool holds, in seven poses and expressions each, nothing chosen by hand.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float32, Float64, UInt8
from PIL import Image
from scipy.special import ndtr

from export.generator_gates import measure, paint, shrink
from export.head_factors import IDENTITY_MODES, NAMES, PLAIN, Z_DIM, with_amounts
from export.head_pool import HeadBatch, HeadPool
from export.judge import MEASURES, watch
from export.render_heads import REGIONS
from export.training import write_atomic
from puppet.bundle import builtin_bundle_path, load_bundle
from puppet.networks.firm import firm
from puppet.networks.stylegan2 import Generator
from puppet.pose_space import BUILTIN
from puppet.preset_tuning import load_generator

PEOPLE, SHEET_SEED = 8, (2026, 8192)
"""Of the sheet; no other stream of random numbers begins with this seed."""

SHEET_POSES: tuple[dict[str, float], ...] = (
    {}, {"yaw": -30.0}, {"yaw": 30.0, "gaze_yaw": 0.5}, {"pitch": 18.0, "roll": 12.0}, {"jaw_open": 1.0},
    {"smile_left": 1.0, "smile_right": 1.0}, {"blink_left": 1.0, "blink_right": 1.0},
)  # fmt: skip

FEWEST = 20
"""Pictures; a smaller part is not scored."""

Pictures = UInt8[np.ndarray, "pictures r r 4"]
Part = tuple[str, Bool[np.ndarray, "pictures"]]


def parts(batch: HeadBatch) -> Iterator[Part]:
    """Names of parts of the pictures, in the batch's order, and which pictures they are; parts may overlap."""
    poses = batch.p.shape[1]
    u = np.repeat(ndtr(batch.z[:, IDENTITY_MODES : IDENTITY_MODES + len(NAMES)]), poses, 0)
    p = batch.p.reshape(len(u), -1)

    def amount(name: str) -> Float32[np.ndarray, "pictures"]:
        values: Float32[np.ndarray, "pictures"] = u[:, NAMES.index(name)]
        return values

    def pose(name: str) -> Float32[np.ndarray, "pictures"]:
        values: Float32[np.ndarray, "pictures"] = p[:, BUILTIN.index(name)]
        return values

    tone, length, yaw = amount("skin_tone"), amount("hair_length"), np.abs(pose("yaw"))
    closed = np.minimum(pose("blink_left"), pose("blink_right"))
    yield "all", np.ones(len(u), bool)
    yield "skin: darker third", tone < 1 / 3
    yield "skin: middle third", (tone >= 1 / 3) & (tone <= 2 / 3)
    yield "skin: lighter third", tone > 2 / 3
    yield "hair: shorter third", length < 1 / 3
    yield "hair: longer third", length > 2 / 3
    yield "hair: lighter third", amount("hair_melanin") > 2 / 3
    yield "skin texture at random", amount("texture_amount") > 0.85
    yield "turned by less than 10°", yaw < 10
    yield "turned by 10° to 25°", (yaw >= 10) & (yaw < 25)
    yield "turned further", yaw >= 25
    yield "mouth open by more than half", pose("jaw_open") > 0.5
    yield "eyes closed by more than 0.8", closed > 0.8


def painted(generator: Generator, batch: HeadBatch) -> Pictures:
    """What the generator paints of held-out heads, as it is shipped, averaged down to their size.

    Args:
        generator: Any.
        batch: As large as it paints, or smaller by a power of two.
    """
    poses, r = batch.p.shape[1], batch.rgba.shape[2]
    p = batch.p.reshape(-1, batch.p.shape[2])
    full = paint(generator, np.repeat(batch.z, poses, 0), p, generator.layout.resolution, torch.float32, firm)
    return shrink(full, r)


def table(pictures: Pictures, batch: HeadBatch) -> str:
    """A row of Markdown for each part that has pictures enough."""
    r = batch.rgba.shape[2]
    truth, regions = batch.rgba.reshape(-1, r, r, 4), batch.regions.reshape(-1, r, r)
    lines = [
        "| pictures of | number | face | eyes | mouth | sharpness of eyes, of mouth |",
        "| --- | --: | --: | --: | --: | --: |",
    ]
    for name, which in parts(batch):
        if which.sum() < FEWEST:
            continue
        gates = measure(pictures[which], truth[which], regions[which], REGIONS)
        decibels = " | ".join(f"{value:.1f} dB" for value in (gates.face_psnr, gates.eyes_psnr, gates.mouth_psnr))
        sharp = f"{gates.eyes_sharpness:.2f}, {gates.mouth_sharpness:.2f}"
        lines.append(f"| {name} | {which.sum()} | {decibels} | {sharp} |")
    return "\n".join(lines)


def faces(pictures: Pictures, truth: Pictures) -> str:
    """In how many pictures FaceMesh finds a face, and how well its eyes are as open as the true ones.

    Beside it stands how well those of a mirrored truth are: FaceMesh itself reads no better.
    """
    seen, wanted, mirrored = (_eyes(each) for each in (pictures, truth, truth[:, :, ::-1]))
    share, true_share = (f"{100 * (1 - np.isnan(each).mean()):.1f} %" for each in (seen, wanted))
    agreement = f"R² {_r_squared(seen, wanted):.2f}, mirrored true ones: {_r_squared(mirrored, wanted):.2f}"
    return f"FaceMesh finds {share} of the faces, {true_share} of the true ones; eyes' aspect: {agreement}"


def _r_squared(seen: Float64[np.ndarray, "pictures"], wanted: Float64[np.ndarray, "pictures"]) -> float:
    """Of the pictures in which both were read."""
    both = ~np.isnan(seen) & ~np.isnan(wanted)
    missed = ((seen - wanted)[both] ** 2).sum() / ((wanted[both] - wanted[both].mean()) ** 2).sum()
    return float(1 - missed)


def _eyes(pictures: Pictures) -> Float64[np.ndarray, "pictures"]:
    """Height over width of the eyes as the judge sees them; NaN where it finds no face."""
    return watch(np.ascontiguousarray(pictures[..., :3]), still=True).values[:, MEASURES.index("eye")]


def sheet(generator: Generator, seed: Sequence[int] = SHEET_SEED) -> UInt8[np.ndarray, "height width 3"]:
    """Eight people, drawn at random, a row each, in the poses of `SHEET_POSES`; nothing worn, as the bundle learned."""
    rng = np.random.default_rng(seed)
    p = np.stack([BUILTIN.pose(**pose) for pose in SHEET_POSES])
    rows = []
    for _ in range(PEOPLE):
        z = with_amounts(rng.standard_normal(Z_DIM).astype(np.float32), PLAIN)
        many = np.repeat(z[None], len(p), 0)
        row = paint(generator, many, p, generator.layout.resolution, torch.float32, firm)
        rows.append(np.concatenate(list(row), 1))
    whole: UInt8[np.ndarray, "height width 3"] = np.concatenate(rows)[..., :3]
    return whole


def main(arguments: list[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="pool folder written by export/dataset.py")
    parser.add_argument("--bundle", type=Path, default=builtin_bundle_path(), help="default: the shipped one")
    parser.add_argument("--sheet", type=Path, help="picture file to write")
    options = parser.parse_args(arguments)
    bundle = load_bundle(options.bundle)
    generator = load_generator(bundle)
    if options.sheet:
        picture = Image.fromarray(sheet(generator))
        write_atomic(options.sheet, lambda partial: picture.save(partial, quality=90))
    print(f"{bundle.name} {bundle.version}\n")
    batch = HeadPool(options.data).held_out()
    pictures = painted(generator, batch)
    print(table(pictures, batch))
    print(f"\n{faces(pictures, batch.rgba.reshape(pictures.shape))}")


if __name__ == "__main__":
    main()
