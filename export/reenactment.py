"""Reenacts pictures with a generator, its encoder and a direction matrix, as the paper does and as the program does.

w_r = w_inv + A (p̃_d − p̃_s)          the paper (Eq. 2): poses of source and driver by Net3D
w_r = c + A p̃_d                        the program (`--motion absolute`): the driver's pose by FaceMesh's landmarks,
                                       or by Net3D too, which then says nothing of the source
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from export.direction_samples import Heads
from export.direction_scores import Directions
from export.generator_state import TrainedGenerator
from export.inverted import Inverter
from export.regression import CHUNK
from puppet.networks.perceptual import perceptual
from puppet.networks.pivotal_tuning import PAPER, PivotalTuner

Pictures = UInt8[np.ndarray, "n r r 3"]


class Reenactor:
    """A generator, its encoder, and Net3D.

    Args:
        heads: The generator and Net3D.
        inverter: The encoder.
    """

    def __init__(self, heads: Heads, inverter: Inverter) -> None:
        self.heads = heads
        self.inverter = inverter

    def moved(
        self, by: Directions, source: Pictures, driver: Pictures, trained: TrainedGenerator | None = None
    ) -> Pictures:
        """Every source in its driver's pose, by Eq. 2.

        Args:
            by: A.
            source: Who.
            driver: In whose pose.
            trained: Paints, in place of the generator.
        """

        def codes(which: slice) -> Tensor:
            s, d = self.heads.signals(source[which]), self.heads.signals(driver[which])
            change = self.heads.look(d).p_scaled - self.heads.look(s).p_scaled
            return by.move(self.inverter.codes(s), change)

        return self._painted(codes, len(source), source.shape[1], trained)

    def driven(self, by: Directions, source: Pictures, p_scaled: Float[np.ndarray, "n pose_dim"]) -> Pictures:
        """Every source in a given pose, from its pose-free code."""

        def codes(which: slice) -> Tensor:
            c = self.inverter.codes_at_rest(self.heads.signals(source[which]))
            return by.move(c, torch.from_numpy(p_scaled[which]).float().to(self.heads.device))

        return self._painted(codes, len(source), source.shape[1])

    def poses(self, driver: Pictures) -> Float[np.ndarray, "n pose_dim"]:
        """p̃ of every driver, by Net3D."""
        parts = [driver[start : start + CHUNK] for start in range(0, len(driver), CHUNK)]
        with torch.no_grad():
            return np.concatenate([self.heads.look(self.heads.signals(part)).p_scaled.cpu().numpy() for part in parts])

    def generated(self, ws: Float[Tensor, "n num_ws w_dim"], size: int) -> Pictures:
        """What the generator paints from codes."""
        return self._painted(lambda which: ws[which], len(ws), size)

    def _painted(
        self, codes: Callable[[slice], Tensor], count: int, size: int, trained: TrainedGenerator | None = None
    ) -> Pictures:
        painter, painted = trained or self.heads.trained, []
        with torch.no_grad():
            for start in range(0, count, CHUNK):
                rgb = painter.paint(codes(slice(start, start + CHUNK)), size).permute(0, 2, 3, 1)
                painted.append((255 * rgb).round().clamp(0, 255).byte().cpu().numpy())
        return np.concatenate(painted)

    def tuned(self, source: UInt8[np.ndarray, "r r 4"], steps: int) -> TrainedGenerator:
        """A copy of the generator, optimised on one picture as the paper names it (`pivotal_tuning.PAPER`).

        Args:
            source: Colours over mid grey and coverage; brought to the size that the generator paints.
            steps: Of Adam, at most.
        """
        heads, trained = self.heads, self.heads.trained
        pivot = self.inverter.codes(heads.signals(source[None, ..., :3]))
        channels = trained.generator.layout.img_channels
        size = (trained.generator.layout.resolution,) * 2
        truth = 2 * heads.signals(source[None, ..., :channels]) - 1
        if truth.shape[2:] != size:
            truth = F.interpolate(truth, size, mode="bicubic", antialias=True).clamp(-1, 1)
        likeness = perceptual(None, heads.device)
        preset = replace(PAPER, steps=steps)
        tuner = PivotalTuner(trained.generator.synthesis, preset, likeness.distance, heads.dtype)
        for _ in range(preset.steps):
            if tuner.step(pivot, truth, heads.codes(1)).perceptual <= preset.enough:
                break
        generator = copy.deepcopy(trained.generator)
        generator.synthesis = tuner.synthesis.requires_grad_(False)
        return replace(trained, generator=generator)
