"""Animates the example portrait with the example clip, and shows five moments of it side by side.

`python export/demo.py --out out` writes out/demo.mp4, out/demo.json and out/demo.png (driver, portrait, output). Any
portrait and clip may take the examples' place: `--source me.png --camera clip.mp4`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import av
import cv2
import numpy as np
from jaxtyping import UInt8

import puppet
from puppet.cli import main as run_puppet
from puppet.stills import read_still

EXAMPLES = Path(puppet.__file__).parent / "examples"
MOMENTS = (0.18, 0.31, 0.6, 0.78, 0.84)
"""Where in the clip the five moments lie, as shares of its length."""

TILE_PX = 240


def moments(clip: Path, shares: Sequence[float]) -> list[UInt8[np.ndarray, "h w 3"]]:
    """RGB frames at these shares of a clip's length."""
    with av.open(str(clip)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return [frames[min(int(share * len(frames)), len(frames) - 1)] for share in shares]


def tile(rgb: UInt8[np.ndarray, "h w 3"]) -> UInt8[np.ndarray, "tile tile 3"]:
    """The middle square of a picture, `TILE_PX` wide."""
    height, width = rgb.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = rgb[top : top + side, left : left + side]
    return np.asarray(cv2.resize(square, (TILE_PX, TILE_PX), interpolation=cv2.INTER_AREA))


def contact_sheet(source: Path, driver: Path, output: Path) -> UInt8[np.ndarray, "h w 3"]:
    """Three rows (driver, portrait, output), a column for each moment, RGB."""
    portrait = tile(read_still(source))
    rows = [
        [tile(frame) for frame in moments(driver, MOMENTS)],
        [portrait] * len(MOMENTS),
        [tile(frame) for frame in moments(output, MOMENTS)],
    ]
    return np.vstack([np.hstack(row) for row in rows])


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; the exit code is the program's own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for demo.mp4, demo.json and demo.png")
    parser.add_argument("--source", type=Path, default=EXAMPLES / "portrait.png", help="default: the example portrait")
    parser.add_argument("--camera", type=Path, default=EXAMPLES / "driver.mp4", help="default: the example clip")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    film, report, sheet = (options.out / f"demo.{suffix}" for suffix in ("mp4", "json", "png"))
    inputs = ["--source", str(options.source), "--camera", str(options.camera), "--every-frame", "--headless"]
    code = run_puppet([*inputs, "--output", str(film), "--report", str(report)])
    if code == 0:
        cv2.imwrite(str(sheet), contact_sheet(options.source, options.camera, film)[..., ::-1])
        print(f"{film}: the portrait, moved\n{sheet}: driver, portrait and output at five moments\n{report}: timing")
    return code


if __name__ == "__main__":
    raise SystemExit(main())
