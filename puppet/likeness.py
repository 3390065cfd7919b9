"""How alike a portrait and its avatar are: the cosine of what the bundle's identity network sees in both.

The graph takes `picture` [1, r, r, 3], an aligned crop, and returns `identity` [1, d] of unit length.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8

from engines.base import Engine
from puppet.alignment import as_seen_by


@dataclass(frozen=True, slots=True)
class Scale:
    """What the cosines of one identity network mean.

    Attributes:
        strangers: Mean cosine of two people.
        same: Mean cosine of one person in another pose and light.
    """

    strangers: float
    same: float

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Scale:
        """Read `{"strangers": …, "same": …}`.

        Raises:
            ValueError: It is not two cosines in this order.
        """
        strangers, same = values["strangers"], values["same"]
        numbers = all(isinstance(value, (int, float)) for value in (strangers, same))
        if not numbers or not -1 <= strangers < same <= 1:
            raise ValueError(f"identity needs cosines with strangers below same, not {strangers!r} and {same!r}")
        return cls(float(strangers), float(same))


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike an avatar is to its portrait.

    Attributes:
        similarity: Cosine, −1 to 1.
        strangers: Mean cosine of strangers in the same network.
    """

    similarity: float
    strangers: float

    def __str__(self) -> str:
        """As the user reads it."""
        return f"similarity {self.similarity:.2f}; strangers score about {self.strangers:.1f}"


def similarity(engine: Engine, first: UInt8[np.ndarray, "r r 3"], second: UInt8[np.ndarray, "r r 3"]) -> float:
    """The cosine of two aligned pictures.

    Args:
        engine: Runs the bundle's identity graph.
        first: Of any size.
        second: The other picture.

    Raises:
        BundleError: The graph reads no picture.
        EngineRunError: The engine failed.
    """
    one, other = (_identity(engine, picture) for picture in (first, second))
    return float(one @ other)


def _identity(engine: Engine, picture: UInt8[np.ndarray, "r r 3"]) -> Float32[np.ndarray, "d"]:
    identity: Float32[np.ndarray, "d"] = engine.run({"picture": as_seen_by(engine, picture)})["identity"][0]
    return identity.copy()
