"""How long engines take: measured once for half a second, and remembered for each model and machine.

    times/KEY.json    {"openvino": 6.4, …}    milliseconds a run, under the names that a user may ask for

KEY is made from the model's hash and what the machine is and has installed.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np

from engines.base import Engine
from engines.cache import make_private, write_private

MEASURED_S = 0.5
FEWEST = 3
"""Runs of a turn, however short the time."""
TURNS = 2

_LONGEST = 100_000
"""Bytes that a file may have."""


class Times:
    """What one model's engines took on one machine. What cannot be read is measured again."""

    def __init__(self, folder: Path, model: str, machine: str) -> None:
        """Name the file; nothing is read or made yet.

        Args:
            folder: For what can be made again.
            model: The model's hash.
            machine: Processor, GPU, and the versions that speed depends on.
        """
        key = hashlib.sha256(json.dumps([model, machine]).encode()).hexdigest()
        self._path = folder / "times" / f"{key}.json"

    def recall(self) -> dict[str, float]:
        """Milliseconds a run, by engine; empty where nothing was measured, or the file is damaged."""
        try:
            with self._path.open(encoding="utf-8") as file:
                values = json.loads(file.read(_LONGEST))
        except (OSError, ValueError, RecursionError):
            return {}
        if not isinstance(values, dict):
            return {}
        return {name: float(value) for name, value in values.items() if _is_time(value)}

    def keep(self, engine: str, time_ms: float) -> None:
        """Remember a time. A folder that cannot be written only costs the memory."""
        values = self.recall() | {engine: round(time_ms, 6)}
        with suppress(OSError):
            make_private(self._path.parent)
            write_private(self._path, json.dumps(values).encode())


def measure_ms(
    engines: Mapping[str, Engine], inputs: Mapping[str, np.ndarray], seconds: float = MEASURED_S
) -> dict[str, float]:
    """The median time of a run of each engine.

    Args:
        engines: Take turns, so that whatever else the machine does meets all of them. The first run of a turn does not
            count: threads of the one before still look for work then.
        inputs: For each run.
        seconds: For each engine.

    Raises:
        EngineRunError: One of them failed.
    """
    runs_ms: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(TURNS):
        for name, engine in engines.items():
            engine.run(inputs)
            end_s = perf_counter() + seconds / TURNS
            for _ in range(FEWEST):
                runs_ms[name].append(_run_ms(engine, inputs))
            while perf_counter() < end_s:
                runs_ms[name].append(_run_ms(engine, inputs))
    return {name: median(runs) for name, runs in runs_ms.items()}


def _run_ms(engine: Engine, inputs: Mapping[str, np.ndarray]) -> float:
    start_s = perf_counter()
    engine.run(inputs)
    return (perf_counter() - start_s) * 1e3


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value > 0
