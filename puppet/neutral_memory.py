"""The driver's neutral from one start to the next, one file for each camera and model.

    neutrals/KEY.json    {"yaw": 1.5, "pitch": -4.0, …}    in the folder for data; pose numbers and nothing else

KEY is made from the camera's name and the model's hash: how a camera stands decides how a face at rest looks to it, and
another model reads faces differently.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from puppet.partial import write_whole
from puppet.pose_space import PoseSpace

PRIVATE = 0o600

KEY_DIGITS = 20

_LONGEST = 100_000

_log = logging.getLogger(__name__)


class NeutralMemory:
    """Keeps one camera's neutral. What it cannot read, it forgets."""

    def __init__(self, folder: Path, camera: str, bundle_sha256: str, space: PoseSpace) -> None:
        """Name the file; nothing is read or made yet.

        Args:
            folder: The folder for data.
            camera: The camera's name.
            bundle_sha256: Hash of the bundle, whose pose graph reads the faces.
            space: The bundle's pose space.
        """
        key = hashlib.sha256(f"{bundle_sha256} {camera}".encode()).hexdigest()[:KEY_DIGITS]
        self._path = folder / "neutrals" / f"{key}.json"
        self._space = space

    def recall(self) -> Float32[np.ndarray, "pose_dim"] | None:
        """What was kept last, clipped to the pose space; None when there is nothing, or the file is damaged."""
        try:
            with self._path.open(encoding="utf-8") as file:
                values = json.loads(file.read(_LONGEST))
            p = [_number(values[name]) for name in self._space.names]
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
            _log.warning("the neutral in %s is forgotten: it cannot be read (%s)", self._path, error)
            return None
        return np.clip(np.array(p), self._space.lower, self._space.upper).astype(np.float32)

    def keep(self, p: Float32[np.ndarray, "pose_dim"]) -> None:
        """Keep a neutral. A folder that cannot be written only costs the memory: the log says so."""
        values = {name: round(value, 4) for name, value in zip(self._space.names, p.tolist(), strict=True)}
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(self._path, json.dumps(values).encode(), PRIVATE)
        except OSError as error:
            _log.warning("the neutral is not kept: %s", error)


def _number(value: object) -> float:
    """A finite number; raises ValueError for everything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r:.40} is not a finite number")
    return float(value)
