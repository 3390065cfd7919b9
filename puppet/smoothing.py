"""The one-euro filter: a low-pass whose cutoff follows the speed, smooth at rest and quick in motion.

    x̂ᵢ = α xᵢ + (1 − α) x̂ᵢ₋₁           α = 1 / (1 + τ/Δt),  τ = 1 / (2π f_c)          (Eq. 1, 4, 5)
    f_c = f_min + β |dx̂ᵢ|                dx̂ is the speed, itself low-passed at f_d       (Eq. 7)

Source: Casiez, Roussel, Vogel, "1€ Filter: A Simple Speed-based Low-pass Filter for Noisy Input in Interactive
Systems", CHI 2012, doi:10.1145/2207676.2208639.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32


class OneEuro:
    """Filters a vector; every entry has parameters of its own."""

    def __init__(
        self,
        lowest_hz: Float32[np.ndarray, "n"],
        slope: Float32[np.ndarray, "n"],
        speed_hz: Float32[np.ndarray, "n"],
    ) -> None:
        """Set the parameters.

        Args:
            lowest_hz: f_min, the cutoff at rest: lower is smoother.
            slope: β, how fast the cutoff rises with the speed (1 / unit of x): higher lags less.
            speed_hz: f_d, the cutoff for the speed.
        """
        self._lowest_hz = lowest_hz
        self._slope = slope
        self._speed_hz = speed_hz
        self.reset()

    def reset(self) -> None:
        """Forget the past: the next value passes unchanged."""
        self._x: Float32[np.ndarray, "n"] | None = None
        self._speed = np.zeros_like(self._lowest_hz)
        self._time_s = 0.0

    def smooth(self, x: Float32[np.ndarray, "n"], time_s: float) -> Float32[np.ndarray, "n"]:
        """The filtered value at a time; a time that does not advance returns the last value.

        Args:
            x: The measured value.
            time_s: When it was measured, in seconds.
        """
        if self._x is None:
            self._x, self._time_s = x, time_s
            return x
        step_s = time_s - self._time_s
        if step_s <= 0:
            return self._x
        self._time_s = time_s
        speed = (x - self._x) / step_s
        self._speed += _alpha(self._speed_hz, step_s) * (speed - self._speed)
        cutoff_hz = self._lowest_hz + self._slope * np.abs(self._speed)
        self._x = (self._x + _alpha(cutoff_hz, step_s) * (x - self._x)).astype(np.float32)
        return self._x


def _alpha(cutoff_hz: Float32[np.ndarray, "n"], step_s: float) -> Float32[np.ndarray, "n"]:
    return (1.0 / (1.0 + 1.0 / (2.0 * np.pi * cutoff_hz * step_s))).astype(np.float32)
