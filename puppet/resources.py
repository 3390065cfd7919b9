"""What this process takes of the machine: memory and processor time."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time

MB = 1e6
"""Bytes in a megabyte."""

_STATUS = Path("/proc/self/status")


@dataclass(frozen=True, slots=True)
class Resources:
    """What the process took while something ran.

    Attributes:
        wall_s: How long it ran, in seconds.
        cpu_s: Processor time of all threads together, in seconds.
        cores: Cores that this process may use.
        steady_mb: Resident memory at the end, in megabytes; None where the system does not tell.
        peak_mb: Most resident memory since the process began.
    """

    wall_s: float
    cpu_s: float
    cores: int
    steady_mb: float | None
    peak_mb: float

    @property
    def cpu_share(self) -> float:
        """Share of the available cores' time, 0 to 1."""
        return self.cpu_s / (self.wall_s * self.cores)


class Meter:
    """Measures from its construction on."""

    def __init__(self) -> None:
        """Start."""
        self._wall_s, self._cpu_s = perf_counter(), process_time()

    def read(self) -> Resources:
        """What was taken so far."""
        cpu_s = process_time() - self._cpu_s  # within the time that passes, not the other way round
        return Resources(perf_counter() - self._wall_s, cpu_s, cores(), *_memory_mb())


def cores() -> int:
    """How many cores this process may use."""
    available = getattr(os, "sched_getaffinity", None)
    return len(available(0)) if available else os.cpu_count() or 1


if sys.platform == "win32":

    def _memory_mb() -> tuple[float | None, float]:
        """Resident memory now, and the most there was."""
        import ctypes

        class Counters(ctypes.Structure):
            """PROCESS_MEMORY_COUNTERS of the Windows API."""

            _fields_ = (
                ("size", ctypes.c_uint32),
                ("page_faults", ctypes.c_uint32),
                ("peak", ctypes.c_size_t),
                ("resident", ctypes.c_size_t),
                ("others", ctypes.c_size_t * 6),
            )

        counters = Counters(size=ctypes.sizeof(Counters))
        kernel = ctypes.WinDLL("kernel32")
        kernel.GetCurrentProcess.restype = ctypes.c_void_p
        kernel.K32GetProcessMemoryInfo.argtypes = (ctypes.c_void_p, ctypes.POINTER(Counters), ctypes.c_uint32)
        kernel.K32GetProcessMemoryInfo(kernel.GetCurrentProcess(), ctypes.byref(counters), counters.size)
        return counters.resident / MB, counters.peak / MB

elif sys.platform == "darwin":

    def _memory_mb() -> tuple[float | None, float]:
        """The most resident memory there was, in bytes; how much there is now, macOS does not tell simply."""
        import resource

        return None, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / MB

else:

    def _memory_mb() -> tuple[float | None, float]:
        """Resident memory now, and the most there was."""
        lines = dict(line.split(":", 1) for line in _STATUS.read_text(encoding="utf-8").splitlines())
        now_mb, peak_mb = (int(lines[key].split()[0]) * 1024 / MB for key in ("VmRSS", "VmHWM"))
        return now_mb, peak_mb
