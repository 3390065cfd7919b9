"""Stage 4: the driver's pose moves the portrait's code.

    relative    w = c + A · clip(p̃_0 + Δ + g ⊙ (p̃_d − p̃_n)) + b
    absolute    w = c + A · clip(p̃_d + Δ) + b
    nobody      w = c + A · clip(p̃_s + Δ + breath) + b

c = w_s − A p̃_s is the portrait's pose-free code, p̃ the scaled pose, clip a soft limit to the pose space's ranges, g the
gains, p_n the driver's neutral, Δ what the user adds by hand and b the bundle's optional bias. p_0 is p_s with a shut
jaw: a driver's lips that close shut those of a portrait that laughs. As the driver goes, both fade to the third: rest.

What the portrait's detail moves by is what A moves of that, A⁺A (p̃ − p̃_s): with A = 0 all of it stands still.

Source: Bounareli, Argyriou, Tzimiropoulos, "Finding Directions in GAN's Latent Space for Neural Face Reenactment",
BMVC 2022, arXiv:2202.00046, Eq. 2: w = w_s + A (p_d − p_s).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from puppet.breathing import Breathing
from puppet.groups import blinks
from puppet.motion import motion_of, with_shut_jaw
from puppet.pose_space import PoseSpace
from puppet.settings import DirectionsSettings
from puppet.values import PoseVector


class Directions:
    """Moves one avatar's code."""

    def __init__(
        self,
        A: Float32[np.ndarray, "moved w_dim pose_dim"],
        bias: Float32[np.ndarray, "moved w_dim"] | None,
        space: PoseSpace,
        *,
        code: Float32[np.ndarray, "num_ws w_dim"],
        p_s: Float32[np.ndarray, "pose_dim"],
        settings: DirectionsSettings,
    ) -> None:
        """Compose the stage.

        Args:
            A: The bundle's directions: row r, applied to p̃, moves row r of the code.
            bias: Added to the moved rows, where the bundle has one.
            space: The bundle's pose space.
            code: c, the avatar's pose-free code.
            p_s: The portrait's own pose, in the units of the pose space.
            settings: Relative or absolute, the gains, and the offset; entries that the space lacks do not count.
        """
        self._A = A
        self._space = space
        self._base = code.copy()
        if bias is not None:
            self._base[: len(bias)] += bias
        offset = dict(settings.offset)
        self._offset = np.array([offset.get(name, 0.0) for name in space.names], np.float32)
        self._p_s = p_s + self._offset
        self._gains = settings.gains.per_entry(space)
        self._p_0 = with_shut_jaw(p_s, space, min(settings.gains.mouth, 1.0)) + self._offset
        self._blinks = blinks(space)
        self._breathing = Breathing(space, settings.breathing)
        self._absolute = settings.motion == "absolute"
        self._shift = np.empty(A.shape[:2], np.float32)
        self._own = space.scale(space.soft_clip(p_s))
        gram = np.einsum("rwi,rwj->ij", A, A, dtype=np.float64)
        self._reached = (np.linalg.pinv(gram, hermitian=True) @ gram).astype(np.float32)

    def move(self, p: PoseVector, out: Float32[np.ndarray, "num_ws w_dim"]) -> Float32[np.ndarray, "pose_dim"]:
        """Write the moved code w into `out`; return the pose that it has, as far as A moves it there from p_s."""
        wanted = (
            p.p + self._offset if self._absolute else self._p_0 + self._gains * motion_of(p, self._space, self._blinks)
        )
        rest = self._p_s + self._breathing.at(p.moment.time_s)
        scaled = self._space.scale(self._space.soft_clip(rest + p.presence * (wanted - rest)))
        np.matmul(self._A, scaled, out=self._shift)
        np.copyto(out, self._base)
        out[: len(self._shift)] += self._shift
        return self._space.unscale(self._own + self._reached @ (scaled - self._own))
