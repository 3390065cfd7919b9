"""Renders the example clip and the example portrait: a driver who looks about, nods, blinks, smiles and talks.

`python export/render_clip.py --shape-model FOLDER --output driver.mp4 --portrait portrait.png` makes the two files that
the package ships. Both people come from a seed sequence of their own, [seed, 512], which neither the training pool nor
the FaceMesh samples use, so no network was trained on them. The pose at every frame is known: `pose_at`.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
from jaxtyping import Float32, UInt8
from scipy.interpolate import PchipInterpolator

from export.head_factors import PLAIN, Z_DIM, with_amounts
from export.render_heads import HeadRenderer, Lens
from export.shape_model import load_shape_model
from puppet.pose_space import BUILTIN

RATE = 30
SECONDS = 8.0
WIDTH, HEIGHT = 640, 480
PORTRAIT_PX = 512
DRIVER_SEED, PORTRAIT_SEED = 23, 33
"""The two people of the shipped examples."""
_STREAM = 512
_CRF = "24"

Keys = tuple[tuple[float, float], ...]
"""(time in seconds, value); the entry rests before the first and after the last."""


def _pulses(peak: float, half_width_s: float, *times_s: float) -> Keys:
    """Up to `peak` and back to 0 around each time."""
    return tuple(key for t in times_s for key in ((t - half_width_s, 0.0), (t, peak), (t + half_width_s, 0.0)))


_BLINK = _pulses(1.0, 0.12, 0.55, 2.15, 4.75, 7.75)
_SMILE: Keys = ((5.5, 0.0), (5.9, 0.95), (6.4, 0.95), (6.75, 0.0))

SCRIPT: dict[str, Keys] = {
    "yaw": ((0.8, 0), (1.4, 24), (1.65, 24), (2.5, -24), (2.75, -24), (3.25, 0)),
    "pitch": ((3.1, 0), (3.45, 13), (3.85, -11), (4.2, 8), (4.5, 0)),
    "roll": ((4.3, 0), (4.75, 14), (5.3, -14), (5.75, 0)),
    "jaw_open": ((6.5, 0), (6.7, 0.75), (6.85, 0.1), (7.0, 0.55), (7.15, 0.05), (7.3, 0.65), (7.5, 0)),
    "pucker": _pulses(0.8, 0.12, 6.87, 7.17),
    "smile_left": _SMILE,
    "smile_right": _SMILE,
    "brow_raise": ((3.5, 0), (3.8, 0.9), (4.05, 0.9), (4.3, 0)),
    "brow_lower": _pulses(0.8, 0.3, 5.2),
    "blink_left": _BLINK,
    "blink_right": _BLINK,
    "gaze_yaw": ((0.7, 0), (0.9, 0.7), (1.4, 0.2), (1.75, 0.2), (1.95, -0.7), (2.5, -0.2), (2.8, -0.2), (3.1, 0)),
    "gaze_pitch": ((7.35, 0), (7.5, 0.5), (7.65, 0.5), (7.75, 0)),
}
"""What the driver does, entry by entry; the first half second is neutral."""


def pose_at(time_s: float) -> Float32[np.ndarray, "pose_dim"]:
    """The driver's pose at a time of the clip, builtin's order and units; smooth and without overshoot."""
    p = np.zeros(BUILTIN.dim, np.float32)
    for name, keys in SCRIPT.items():
        times, values = np.array(keys, np.float64).T
        p[BUILTIN.index(name)] = PchipInterpolator(times, values)(np.clip(time_s, times[0], times[-1]))
    return np.clip(p, BUILTIN.lower, BUILTIN.upper)


def lens_at(time_s: float) -> Lens:
    """Where the driver sits in the picture: leaning a little."""
    turn = 2 * math.pi * time_s / SECONDS
    return Lens(0.02 * math.sin(turn), 0.02 + 0.012 * math.sin(2 * turn), 0.62 + 0.02 * math.sin(turn + 1))


def latent(seed: int) -> Float32[np.ndarray, "z_dim"]:
    """Z of an example person, with nothing on; no other part of the workshop draws from this sequence."""
    z = np.random.default_rng([seed, _STREAM]).standard_normal(Z_DIM).astype(np.float32)
    return with_amounts(z, PLAIN)


def over_backdrop(rgba: UInt8[np.ndarray, "r r 4"], wall_rgb: tuple[int, int, int]) -> UInt8[np.ndarray, "r r 3"]:
    """A rendered head in front of a plain wall with a soft fall of light."""
    size = rgba.shape[0]
    y, x = np.mgrid[:size, :size] / size - 0.5
    wall = np.array(wall_rgb, np.float32) * (1.06 - 0.5 * (x**2 + y**2))[..., None].astype(np.float32)
    alpha = rgba[..., 3:].astype(np.float32) / 255
    rgb = rgba[..., :3] + (1 - alpha) * (wall - 127.5)
    picture: UInt8[np.ndarray, "r r 3"] = np.clip(rgb + 0.5, 0, 255).astype(np.uint8)
    return picture


def render_clip(renderer: HeadRenderer, seed: int, rate: int = RATE) -> Iterator[UInt8[np.ndarray, "h w 3"]]:
    """The frames of the driving clip, RGB, three quarters as high as the renderer's square picture."""
    person, size = renderer.person(latent(seed)), renderer.resolution
    margin = (size - size * HEIGHT // WIDTH) // 2
    for i in range(round(SECONDS * rate)):
        head = renderer.paint(person, pose_at(i / rate), lens_at(i / rate))
        yield np.ascontiguousarray(over_backdrop(head.rgba, (178, 186, 190))[margin : size - margin])


def render_portrait(renderer: HeadRenderer, seed: int) -> UInt8[np.ndarray, "r r 3"]:
    """The source portrait, RGB: the example person, a little friendly."""
    p = BUILTIN.pose(smile_left=0.25, smile_right=0.25)
    head = renderer.paint(renderer.person(latent(seed)), p, Lens(0.0, 0.03, 0.9))
    return over_backdrop(head.rgba, (196, 184, 170))


def write_clip(path: Path, frames: Iterator[UInt8[np.ndarray, "h w 3"]], rate: int = RATE) -> None:
    """Write an H.264 mp4."""
    with av.open(str(path), "w") as container:
        stream = None
        for rgb in frames:
            if stream is None:
                stream = container.add_stream("libx264", rate=rate, options={"crf": _CRF, "preset": "slow"})
                stream.height, stream.width = rgb.shape[:2]
                stream.pix_fmt = "yuv420p"
            container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        if stream is not None:
            container.mux(stream.encode())


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape-model", type=Path, required=True, help="folder with ict_facekit.npz")
    parser.add_argument("--output", type=Path, help="driving clip, mp4")
    parser.add_argument("--portrait", type=Path, help="source portrait, png")
    parser.add_argument("--seed", type=int, default=DRIVER_SEED, help="the driver (default: %(default)s)")
    parser.add_argument("--portrait-seed", type=int, default=PORTRAIT_SEED, help="the portrait (default: %(default)s)")
    options = parser.parse_args()
    shape = load_shape_model(options.shape_model)
    if options.portrait:
        rgb = render_portrait(HeadRenderer(shape, PORTRAIT_PX), options.portrait_seed)
        cv2.imwrite(str(options.portrait), rgb[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])
    if options.output:
        write_clip(options.output, render_clip(HeadRenderer(shape, WIDTH), options.seed))


if __name__ == "__main__":
    main()
