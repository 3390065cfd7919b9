"""What a run did, in numbers, as JSON: frames, drops, time in each stage, and the machine it ran on."""

from __future__ import annotations

import json
import os
import platform
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from puppet.errors import SinkError
from puppet.partial import write_whole
from puppet.resources import Resources, cores
from puppet.values import Status


@dataclass(frozen=True, slots=True)
class Report:
    """The numbers of one finished run.

    Attributes:
        status: The pipeline's last snapshot.
        every_frame: Whether frames came as fast as they could be used: only then there is a capacity, and only
            otherwise a latency.
        engines: Name of the runtime behind each graph.
        bundle: Name and version of the model.
        version: Version of this program.
        hardware: See `hardware_line`.
        resources: What the run took of the machine.
    """

    status: Status
    every_frame: bool
    engines: dict[str, str]
    bundle: str
    version: str
    hardware: str
    resources: Resources

    @property
    def capacity_fps(self) -> float | None:
        """Pictures a second under --every-frame."""
        if not self.every_frame or self.status.elapsed_s == 0:
            return None
        return self.status.pictures_out / self.status.elapsed_s

    def to_json(self) -> str:
        """As JSON text; times in milliseconds unless the key says seconds, pictures by state, changes of state."""
        status = self.status
        sinks = [asdict(sink) for sink in status.sinks]
        for sink in sinks:
            sink["first_unix_s"] = _unix_s(sink.pop("first_s"))
            if self.every_frame:
                del sink["latency"]
        values = {
            "frames_in": status.frames_in,
            "frames_out": status.pictures_out,
            "dropped": status.dropped,
            "left_out": status.left_out,
            "faces_lost": status.faces_lost,
            "failures": status.failures,
            "states": {state.value: count for state, count in status.pictures.items()},
            "changes": [
                {"time_s": change.time_s, "state": change.condition.state.value, "reason": change.condition.reason}
                for change in status.changes
            ],
            "elapsed_s": status.elapsed_s,
            "capacity_fps": self.capacity_fps,
            "stages": {span.name: {"median_ms": span.median_ms, "p95_ms": span.p95_ms} for span in status.stages},
            "sinks": sinks,
            "resources": asdict(self.resources) | {"cpu_share": self.resources.cpu_share},
            "engines": self.engines,
            "bundle": self.bundle,
            "version": self.version,
            "hardware": self.hardware,
        }
        return json.dumps(_rounded(values), indent=1) + "\n"

    def to_line(self) -> str:
        """As one sentence."""
        status = self.status
        speed = f", {self.capacity_fps:.1f} a second" if self.capacity_fps else ""
        left_out = f" ({status.left_out} left out: the machine was busy)" if status.left_out else ""
        return (
            f"{status.frames_in} frames in, {status.pictures_out} pictures out{speed}; "
            f"{status.dropped} dropped{left_out}, {status.faces_lost} without a face"
        )


def check_report(path: Path) -> None:
    """Find out early whether a report can be written.

    Raises:
        SinkError: There is no such folder, or it is read-only.
    """
    if path.is_dir() or not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise SinkError(f"the report {path} cannot be written there; choose a file in a folder of yours")


def write_report(text: str, path: Path) -> None:
    """Write a report's JSON text into a file, completely or not at all.

    Raises:
        SinkError: The file cannot be written.
    """
    try:
        write_whole(path, text.encode())
    except OSError as error:
        raise SinkError(f"the report {path} cannot be written ({error.strerror}); choose another place") from error


def hardware_line() -> str:
    """Processor, cores this process may use, and system: 'AMD EPYC, 2 cores, Linux x86_64'."""
    return f"{_processor()}, {cores()} cores, {platform.system()} {platform.machine()}"


def _unix_s(moment_s: float) -> float | None:
    """The time of day, in seconds since 1970, of a moment on this process's own clock; None for no moment."""
    return time.time() - (time.perf_counter() - moment_s) if moment_s else None


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown processor"


def _rounded(value: object) -> object:
    """The same JSON value with floats of three decimals."""
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_rounded(inner) for inner in value]
    return round(value, 3) if isinstance(value, float) else value
