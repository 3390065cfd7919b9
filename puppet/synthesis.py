"""Stage 5: W+ code -> portrait, through an Engine.

The bundle's synthesis graph takes `w` [1, num_ws, w_dim] and returns `rgba` [1, r, r, 4] uint8 over mid grey:
rgb = 255 (α(2c − 1) + 1)/2 for a colour c and an opacity α, both in [0, 1].
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, UInt8

from engines.base import Engine, EngineRunError


class Synthesis:
    """Paints portraits."""

    def __init__(self, engine: Engine) -> None:
        """Take the engine that runs the graph; its owner closes it."""
        self._engine = engine

    def paint(self, w: Float32[np.ndarray, "num_ws w_dim"]) -> UInt8[np.ndarray, "r r 4"]:
        """The portrait of a code, RGBA over grey; borrowed until the next call.

        Raises:
            EngineRunError: The engine failed, or painted nothing: what is no number becomes 0 in every channel, while
                a portrait over grey has no such pixel.
        """
        if not np.isfinite(w).all():
            raise EngineRunError("the generator was given a code that is no number; try another --engine")
        rgba: UInt8[np.ndarray, "r r 4"] = self._engine.run({"w": w[None]})["rgba"][0]
        if not rgba.any():
            raise EngineRunError("the generator painted nothing; try another --engine")
        return rgba
