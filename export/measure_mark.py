"""Measures the machine-readable mark: `python export/measure_mark.py`.

    portraits in motion ── compositor ──> H.264, 1 Mbit/s ──> as it is, halved, mirrored; all of it, and coded again

A clip has ten seconds: a shipped character moves at random before a plain, dark, busy, or photographed backdrop, 1280 ×
720 at 30 pictures a second. Without the mark the same clips, and video files that are given, must not be recognised,
and with it nor must ten million wrong keys: 1,086 keys that were drawn anew, each in all its 9216 cyclic places.
"""

from __future__ import annotations

import argparse
import io
import math
import statistics
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from time import perf_counter

import av
import cv2
import numpy as np
from jaxtyping import Complex64, Float32, UInt8

from engines import open_engine
from engines.base import Engine
from puppet.bundle import Bundle, builtin_bundle_path, load_bundle
from puppet.compositor import Compositor
from puppet.directions import Directions
from puppet.gallery import characters
from puppet.report import hardware_line
from puppet.settings import DirectionsSettings
from puppet.stills import read_still
from puppet.synthesis import Synthesis
from puppet.values import Moment, PoseVector
from puppet.verify import verify
from puppet.watermark import CELLS_WH, Watermark, draw_key
from puppet.watermark_detector import FALSE_ALARM, WITHIN, Evidence, cells, look

WIDTH, HEIGHT = 1280, 720
RATE, SECONDS = 30, 10
BITS = 1_000_000

STEP = 6
"""One picture of so many is averaged, as `puppet verify` does."""

WAYS = ("H.264 at 1 Mbit/s", "and half size", "and mirrored", "all, and coded again")

WRONG_KEYS = 10_000_000

RGB = UInt8[np.ndarray, "height width 3"]
Grey = UInt8[np.ndarray, "height width"]
Bytes = UInt8[np.ndarray, "..."]
Luma = Float32[np.ndarray, "height width"]


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What was measured on one clip.

    Attributes:
        ways: The evidence in each of `WAYS`.
        unmarked: The evidence of the same clip without the mark.
        psnr_db: Of a marked picture.
        y: The cells of the marked clip, coded, and of the unmarked one.
    """

    ways: Sequence[Evidence]
    unmarked: Evidence
    psnr_db: float
    y: Sequence[Float32[np.ndarray, "72 128"]]


class Filming:
    """Makes clips, each from its number alone."""

    def __init__(self, bundle: Bundle, engine: Engine, pictures: Sequence[Path]) -> None:
        """Take what paints, and the pictures that are cut up for backdrops."""
        self._bundle, self._synthesis = bundle, Synthesis(engine)
        self._people = list(bundle.characters.values())
        self._stills = [read_still(path) for path in pictures]

    def backdrop(self, number: int) -> RGB:
        """Plain, dark, busy, or twice a part of a picture, in turns."""
        rng, kind = np.random.default_rng(number), number % 5
        if kind == 0:
            return np.full((HEIGHT, WIDTH, 3), rng.integers(0, 256, 3), np.uint8)
        if kind == 1:
            return np.full((HEIGHT, WIDTH, 3), rng.integers(0, 24), np.uint8)
        return _busy(rng) if kind == 2 else self._part(rng)

    def paint(self, number: int, step: int = 1) -> Iterator[UInt8[np.ndarray, "r r channels"]]:
        """One in `step` of the portraits of one clip; each is borrowed until the next."""
        bundle, person = self._bundle, self._people[number % len(self._people)]
        space, count = bundle.pose_space, RATE * SECONDS
        usual = DirectionsSettings()
        directions = Directions(bundle.A, bundle.bias, space, code=person.code, p_s=person.p_s, settings=usual)
        keys = np.random.default_rng(number).normal(0.0, 0.12, (count // 10 + 4, space.dim)).astype(np.float32)
        motion = cv2.resize(keys, (space.dim, count), interpolation=cv2.INTER_CUBIC) * (space.upper - space.lower)
        w = np.empty((bundle.num_ws, bundle.w_dim), np.float32)
        for i in range(0, count, step):
            p = np.asarray(space.rest + motion[i], np.float32)
            directions.move(PoseVector(p, space.rest, 1.0, Moment(i, i / RATE, 0.0)), out=w)
            yield self._synthesis.paint(w)

    def marked(self, number: int) -> Iterator[RGB]:
        """The pictures of one clip, as the program sends them."""
        backdrop = self.backdrop(number)
        compositor = Compositor(backdrop, self._bundle.resolution, self._bundle.channels)
        picture = np.empty_like(backdrop)
        for portrait in self.paint(number):
            compositor.compose(portrait, out=picture)
            yield picture

    def unmarked(self, number: int) -> Iterator[RGB]:
        """One in `STEP` pictures of the same motion, put before the backdrop without the compositor."""
        picture, left = self.backdrop(number), (WIDTH - HEIGHT) // 2
        for portrait in self.paint(number, STEP):
            square = np.ascontiguousarray(portrait[..., :3])
            picture[:, left : left + HEIGHT] = cv2.resize(square, (HEIGHT, HEIGHT), interpolation=cv2.INTER_CUBIC)
            yield picture

    def _part(self, rng: np.random.Generator) -> RGB:
        still = self._stills[rng.integers(len(self._stills))]
        height, width = still.shape[:2]
        wide = int(min(width, height * WIDTH / HEIGHT) * rng.uniform(0.5, 1.0))
        high = wide * HEIGHT // WIDTH
        top, left = rng.integers(height - high + 1), rng.integers(width - wide + 1)
        part = np.ascontiguousarray(still[top : top + high, left : left + wide])
        filling: RGB = cv2.resize(part, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA)
        return filling


def _busy(rng: np.random.Generator) -> RGB:
    """Detail of every size, down to single pixels: harder than any photograph."""
    levels = np.full((HEIGHT, WIDTH, 3), rng.uniform(60, 190))
    for octave in range(1, 9):
        grid = rng.normal(0.0, 120 * 0.5**octave, (9 * 2**octave // 2, 16 * 2**octave // 2, 3))
        levels += cv2.resize(grid, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    busy: RGB = levels.clip(0, 255).astype(np.uint8)
    return busy


def coded(pictures: Iterable[RGB], size_wh: tuple[int, int]) -> Iterator[RGB]:
    """Pictures as a call's encoder leaves them: H.264 in one pass, no look ahead, a buffer of one second."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx264", RATE, {"preset": "veryfast", "tune": "zerolatency"})
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = *size_wh, "yuv420p", BITS
        stream.options = {**stream.options, "maxrate": str(BITS), "bufsize": str(BITS)}
        for i, rgb in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
            frame.pts, frame.time_base = i, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    file.seek(0)
    with av.open(file) as container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="rgb24")


def grey(rgb: RGB) -> Grey:
    """The luma."""
    levels: Grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    return levels


def halved(picture: Bytes) -> Bytes:
    """At half the size."""
    small: Bytes = cv2.resize(picture, (WIDTH // 2, HEIGHT // 2), interpolation=cv2.INTER_AREA)
    return small


def mirrored(picture: Bytes) -> Bytes:
    """Left and right swapped."""
    return np.ascontiguousarray(picture[:, ::-1])


def average(pictures: Iterable[Grey]) -> Luma:
    """Their mean."""
    mean: Luma = np.mean(list(pictures), axis=0, dtype=np.float32)
    return mean


def watch(filming: Filming, number: int) -> Seen:
    """Measure one clip."""
    call: list[Grey] = []

    def tile() -> Iterator[RGB]:
        for i, rgb in enumerate(coded(filming.marked(number), (WIDTH, HEIGHT))):
            if i % STEP == 0:
                call.append(grey(rgb))
            yield mirrored(halved(rgb))

    again = [grey(rgb) for rgb in islice(coded(tile(), (WIDTH // 2, HEIGHT // 2)), 0, None, STEP)]
    unmarked = average(map(grey, filming.unmarked(number)))
    ways = [call, map(halved, call), map(mirrored, call), again]
    before = next(filming.unmarked(number)).copy()
    after = before.copy()
    Watermark(filming.backdrop(number)).put(after)
    error = float(np.square(after.astype(np.float32) - before).mean())
    return Seen(
        ways=[look(average(pictures)) for pictures in ways],
        unmarked=look(unmarked),
        psnr_db=10 * math.log10(255**2 / error),
        y=[cells(average(call), WITHIN[0]), cells(unmarked, WITHIN[0])],
    )


def wrong_keys() -> Complex64[np.ndarray, "count 72 65"]:
    """The spectra of keys that nothing was marked with."""
    count = math.ceil(WRONG_KEYS / (CELLS_WH[0] * CELLS_WH[1]))
    keys = np.stack([draw_key(b"wrong %d" % i) for i in range(count)])
    return np.conj(np.fft.rfft2(keys)).astype(np.complex64)


def agreements(
    y: Float32[np.ndarray, "72 128"], spectra: Complex64[np.ndarray, "count 72 65"]
) -> Iterator[Float32[np.ndarray, "some 72 128"]]:
    """Z of every wrong key in every place."""
    spectrum = np.fft.rfft2(y / max(float(np.linalg.norm(y)), 1e-9)).astype(np.complex64)
    for some in np.array_split(spectra, 20):
        yield np.fft.irfft2(spectrum * some, s=y.shape).astype(np.float32)


def put_ms(backdrop: RGB) -> float:
    """Median time of marking one picture."""
    watermark, picture, times_s = Watermark(backdrop), backdrop.copy(), []
    for _ in range(500):
        begun_s = perf_counter()
        watermark.put(picture)
        times_s.append(perf_counter() - begun_s)
    return 1000 * statistics.median(times_s)


def print_clips(seen: Sequence[Seen]) -> None:
    """How many clips were recognised in each way, and how clearly."""
    for i, way in enumerate(WAYS):
        found = sum(clip.ways[i].found for clip in seen)
        z = [clip.ways[i].z for clip in seen]
        share = f"{found} of {len(seen)} recognised ({found / len(seen):.1%})"
        print(f"{way:<24} {share}; z from {min(z):.1f}, median {statistics.median(z):.1f}")
    alarms, z = sum(clip.unmarked.found for clip in seen), [clip.unmarked.z for clip in seen]
    print(f"{'the same, not marked':<24} {alarms} of {len(seen)} recognised; z to {max(z):.1f}")
    print(f"{'needed':<24} z = {seen[0].unmarked.needed:.1f}, for one false alarm in {1 / FALSE_ALARM:,.0f}")
    decibels = [clip.psnr_db for clip in seen]
    print(f"{'PSNR':<24} from {min(decibels):.1f} dB, median {statistics.median(decibels):.1f} dB")


def print_wrong_keys(seen: Sequence[Seen]) -> None:
    """How many wrong keys are taken for the right one, in marked and unmarked clips."""
    spectra = wrong_keys()
    needed = math.sqrt(2 * math.log(1 / FALSE_ALARM))
    for name, which in (("marked", 0), ("not marked", 1)):
        count = alarms = 0
        highest = 0.0
        for clip in seen:
            for z in agreements(clip.y[which], spectra):
                count, alarms = count + z.size, alarms + int((z >= needed).sum())
                highest = max(highest, float(z.max()))
        keys = f"{alarms} of {count:,} recognised ({count // len(seen):,} on each clip)"
        print(f"{'wrong keys, ' + name:<24} {keys}; z to {highest:.2f}, needed {needed:.2f}")


def main(arguments: list[str] | None = None) -> None:
    """Film, code, look, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=100, metavar="N", help="clips to film (default: %(default)d)")
    parser.add_argument("--pictures", type=Path, nargs="*", metavar="FILE",
                        help="pictures whose parts are backdrops (default: the characters' portraits)")  # fmt: skip
    parser.add_argument("--unmarked", type=Path, nargs="*", default=[], metavar="FILE",
                        help="files that must not be recognised")  # fmt: skip
    options = parser.parse_args(arguments)
    cv2.setNumThreads(1)
    print(hardware_line())
    bundle = load_bundle(builtin_bundle_path())
    pictures = options.pictures or [entry.picture for entry in characters()]
    with closing(open_engine(bundle.synthesis_path)) as engine:
        filming = Filming(bundle, engine, pictures)
        seen = []
        for number in range(options.clips):
            seen.append(watch(filming, number))
            print(f"\r{number + 1} of {options.clips} clips", end="", flush=True)
        print("\r", end="")
        print_clips(seen)
        print(f"{'marking a picture':<24} {put_ms(filming.backdrop(3)):.2f} ms, median")
    print_wrong_keys(seen)
    for path in options.unmarked:
        verdict = verify(path)
        found = "RECOGNISED" if verdict.marked else "not recognised"
        print(f"{path.name:<24} {found}; z {verdict.evidence.z:.1f}, needed {verdict.evidence.needed:.1f}")


if __name__ == "__main__":
    main()
