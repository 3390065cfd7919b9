"""What the budget is worth on a machine that is busy: the same clip in real time with it and without it, in turns.

    python export/bench_budget.py [--busy 0 1 2 4] [--seconds 20] [--rounds 3]

As many processes as are named keep cores busy meanwhile. The run without the budget has a camera that says it gives so
few frames that none may be left out. See puppet.budget.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import astuple, dataclass, replace
from fractions import Fraction
from pathlib import Path
from statistics import median
from time import perf_counter

import cv2
import numpy as np

from puppet.avatar import Avatar
from puppet.bench import EXAMPLE_CLIP
from puppet.budget import LOWEST_FPS
from puppet.child import Child
from puppet.file_camera import FileCamera
from puppet.gallery import USUAL
from puppet.looped import write_looped
from puppet.parts import Parts
from puppet.report import hardware_line
from puppet.settings import Settings
from puppet.values import Picture, Status

FPS = 30.0

SETTLING_S = 5.0
"""What viewers see before is the start's, with the budget as without it."""

LOAD = "timeit", "--number", "1000000000000", "pass"
"""A module of Python's own that keeps a core busy, and its arguments."""


class Ungoverned(FileCamera):
    """A clip whose rate leaves the budget no step to take."""

    @property
    def rate(self) -> Fraction:
        """The lowest at which a portrait can speak, whatever the file says."""
        return Fraction(LOWEST_FPS)


class Watch:
    """A sink that notes when pictures come, and how old they are."""

    name = "watch"
    carries_transparency = False
    standby_s = None

    def __init__(self) -> None:
        self.sent_s: list[float] = []
        self.late_s: list[float] = []

    def open(self, size_wh: tuple[int, int], rate: Fraction) -> None:
        """Nothing is needed."""

    def send(self, picture: Picture) -> None:
        """Note a picture, once all has settled."""
        now_s = perf_counter()
        if picture.moment.time_s >= SETTLING_S:
            self.sent_s.append(now_s)
            self.late_s.append(now_s - picture.moment.due_s)

    def stand_by(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""

    def abort(self) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What viewers saw of a run.

    Attributes:
        median_ms: Of the time from a frame to its picture's send.
        p95_ms: Of the same.
        fps: Pictures a second.
        spread_ms: Standard deviation of the time between two pictures.
        longest_ms: The longest such time.
        lost: Frames that were overtaken by newer ones.
        left_out: Frames that the budget left out.
    """

    median_ms: float
    p95_ms: float
    fps: float
    spread_ms: float
    longest_ms: float
    lost: float
    left_out: float


def outcome(watch: Watch, status: Status) -> Outcome:
    """What a sink and the last status say."""
    gaps_ms = 1e3 * np.diff(watch.sent_s)
    middle, p95 = np.percentile(1e3 * np.array(watch.late_s), (50, 95))
    seen = middle, p95, 1e3 / gaps_ms.mean(), gaps_ms.std(), gaps_ms.max()
    return Outcome(*map(float, (*seen, status.dropped - status.left_out, status.left_out)))


def middle(outcomes: Sequence[Outcome]) -> Outcome:
    """The median of each number."""
    return Outcome(*(median(column) for column in zip(*map(astuple, outcomes), strict=True)))


@contextmanager
def load(processes: int) -> Iterator[None]:
    """So many processes keep cores busy meanwhile."""
    with ExitStack() as stack:
        for _ in range(processes):
            stack.callback(Child(*LOAD).end, 0.0)
        yield


def play(parts: Parts, settings: Settings, avatar: Avatar, clip: Path, *, governed: bool) -> Outcome:
    """Play the clip in real time, with the budget or without it."""
    watch = Watch()
    kind = FileCamera if governed else Ungoverned
    with closing(kind(clip, real_time=True, fps=FPS)) as camera:
        pipeline = parts.pipeline(settings, camera, parts.scene(settings, avatar), sinks=[watch])
        pipeline.run()
    return outcome(watch, pipeline.status())


def row(busy: int, name: str, seen: Outcome) -> str:
    """One line of the table."""
    return (
        f"{busy:4}  {name:8} {seen.median_ms:7.0f} {seen.p95_ms:7.0f} {seen.fps:10.1f} {seen.spread_ms:9.1f} "
        f"{seen.longest_ms:9.0f} {seen.lost:6.0f} {seen.left_out:9.0f}"
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--busy", type=int, nargs="+", default=[0, 1, 2, 4], metavar="N", help="default: 0 1 2 4")
    parser.add_argument("--seconds", type=float, default=20.0, metavar="S", help="of each run (default: 20)")
    parser.add_argument(
        "--rounds", type=int, default=3, metavar="N", help="runs of each kind, whose median counts (default: 3)"
    )
    options = parser.parse_args(arguments)
    cv2.setNumThreads(1)  # as the program does
    print(
        f"{hardware_line()}; {options.seconds:g} s at {FPS:g} frames a second, the first {SETTLING_S:g} s do not count"
    )
    print("milliseconds; spread: standard deviation of the time between two pictures; gap: the longest such time\n")
    print("busy  budget    median     p95   pictures/s  spread       gap   lost  left out")
    with tempfile.TemporaryDirectory(prefix="puppet-bench-") as name, ExitStack() as stack:
        clip = Path(name) / "clip.mkv"
        write_looped(EXAMPLE_CLIP, options.seconds, clip)
        settings = replace(Settings(), data_dir=Path(name))
        parts = stack.enter_context(closing(Parts(settings)))
        avatar = parts.avatar(USUAL)
        for busy in options.busy:
            outcomes: dict[bool, list[Outcome]] = {True: [], False: []}
            with load(busy):
                for i in range(options.rounds):
                    for governed in (True, False) if i % 2 == 0 else (False, True):
                        outcomes[governed].append(play(parts, settings, avatar, clip, governed=governed))
            for governed, words in ((True, "with"), (False, "without")):
                print(row(busy, words, middle(outcomes[governed])), flush=True)


if __name__ == "__main__":
    main()
