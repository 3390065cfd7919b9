"""How fast the program is on this machine: it is run, each time in a fresh process, and its reports are read.

    enrol                              once, so that every run begins with an enrolled avatar
    none, mp4, none, mp4 …             every frame of the clip as fast as it goes: the capacity, into each output
    real time                          latency, drops, memory, and the share of the processor

Runs that are compared alternate, so that whatever else the machine does meets both. Files that were read before are in
the system's cache by then: the time to the first picture is that of a second start.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from puppet.child import Child
from puppet.errors import PuppetError
from puppet.gallery import USUAL
from puppet.looped import write_looped
from puppet.settings import BenchSettings, Settings

EXAMPLE_CLIP = Path(__file__).parent / "examples" / "driver.mp4"
"""The clip that is shipped with the program."""

DONE = 0
"""The program's exit code when all went well."""

LOOK_S = 0.05
"""How often a process is asked whether it has ended."""

Tell = Callable[[str], None]
"""Is told, in a few words, what is measured now."""


@dataclass(frozen=True, slots=True)
class Series:
    """One number of several runs.

    Attributes:
        median: Of the runs.
        runs: In the order of the runs.
    """

    median: float
    runs: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Bench:
    """What was measured.

    Attributes:
        hardware: Processor, cores and system.
        version: Of this program.
        bundle: Name and version of the model.
        engines: The runtime behind each graph, with its precision.
        clip: Name of the clip that drove the portrait.
        clip_s: How long it was played, in seconds.
        size_wh: Width and height of the pictures.
        capacity_fps: For each output, pictures a second under --every-frame.
        first_picture_s: From the start of a process with an enrolled avatar until its first picture was sent.
        real_time: The report of the run in real time.
    """

    hardware: str
    version: str
    bundle: str
    engines: dict[str, str]
    clip: str
    clip_s: float
    size_wh: tuple[int, int]
    capacity_fps: dict[str, Series]
    first_picture_s: Series
    real_time: dict[str, Any]

    def to_json(self) -> str:
        """As JSON text."""
        return json.dumps(asdict(self), indent=1) + "\n"


def measure(settings: Settings, wanted: BenchSettings, tell: Tell) -> Bench:
    """Run the program a few times; everything that it writes is removed again.

    Args:
        settings: Portrait and clip, by default the shipped ones; bundle, engine, and the pictures' size and rate.
        wanted: How long and how often.
        tell: Told what happens.

    Raises:
        PuppetError: A run failed; the text is what it said.
    """
    clip = Path(settings.camera.source or EXAMPLE_CLIP)
    with tempfile.TemporaryDirectory(prefix="puppet-bench-") as name:
        folder = Path(name)
        looped = folder / f"{clip.stem}.mkv"
        write_looped(clip, wanted.seconds, looped)
        program = _Program(settings, folder, looped)
        tell("the portrait is enrolled")
        program.enrol()
        reports: dict[str, list[dict[str, Any]]] = {"none": [], "mp4": []}
        for i in range(wanted.rounds):
            for output, runs in reports.items():
                tell(f"capacity into {output}, {i + 1} of {wanted.rounds}")
                runs.append(program.stream("none" if output == "none" else str(folder / "out.mp4"), "--every-frame"))
        tell(f"{wanted.seconds:g} seconds in real time")
        real_time = program.stream("none")
    starts = [report["first_picture_s"] for report in (*reports["none"], real_time)]
    return Bench(
        hardware=real_time["hardware"],
        version=real_time["version"],
        bundle=real_time["bundle"],
        engines=real_time["engines"],
        clip=clip.name,
        clip_s=wanted.seconds,
        size_wh=settings.compositor.size_wh,
        capacity_fps={output: _series([run["capacity_fps"] for run in runs]) for output, runs in reports.items()},
        first_picture_s=_series(starts),
        real_time=real_time,
    )


class _Program:
    """The program as its user starts it."""

    def __init__(self, settings: Settings, folder: Path, clip: Path) -> None:
        self._folder, self._clip = folder, str(clip)
        self._source = str(settings.source or USUAL)
        self._machine = (
            *("--bundle", str(settings.bundle), "--engine", settings.engine, "--data-dir", str(folder)),
            *("--look", settings.look, *(("--tuning", settings.tuning) if settings.tuning else ())),
        )
        width, height = settings.compositor.size_wh
        self._picture = ("--size", f"{width}x{height}", "--fps", f"{settings.sinks.fps:g}")

    def enrol(self) -> None:
        """Enrol the portrait."""
        run_program("enrol", self._source, *self._machine)

    def stream(self, output: str, *flags: str) -> dict[str, Any]:
        """Play the clip; the report, and `first_picture_s` in it."""
        path = self._folder / "report.json"
        start_s = time.time()
        run_program(
            *("--source", self._source, "--camera", self._clip, "--output", output, *flags),
            *("--headless", "--report", str(path), *self._picture, *self._machine),
        )
        report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        path.unlink()
        return report | {"first_picture_s": report["sinks"][0]["first_unix_s"] - start_s}


def run_program(*arguments: str) -> None:
    """Run the program to its end.

    Raises:
        PuppetError: It failed; the text is what it said.
    """
    child = Child("puppet", *arguments)
    try:
        while child.running:
            time.sleep(LOOK_S)
    finally:
        said = child.end(patience_s=0.0)
    if child.code != DONE:
        raise PuppetError(said.removeprefix("puppet: "))


def _series(runs: list[float]) -> Series:
    return Series(round(median(runs), 3), tuple(round(run, 3) for run in runs))
