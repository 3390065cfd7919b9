"""Adversarial sharpening: two patch discriminators push the generator's pictures from soft means to sharp detail.

One sees a quarter of each picture, anywhere, the other an eye or the mouth, enlarged. Both see which pixels belong to
hair, brows, mouth and eyes in the truth, and the condition (z, p̃): there is one right picture, and they know it is
asked for.
They learn alone at first, while the generator waits. Then their gradient at the picture joins that of the
reconstruction loss, shortened to at most its norm, so that the truth stays the master.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from export.adversarial_losses import discriminator_loss, generator_loss, limited, r1_penalty
from export.discriminators import PatchDiscriminator
from export.ranks import ALONE, Ranks
from export.training import TrainingError

MAPPED = ("hair", "brows", "mouth", "eyes")
"""Regions that the discriminators are told."""

BLOCK, DETAIL_GAIN = 4, 4.0
"""What the means of 4 × 4 pixels take away is shown beside the picture, so much stronger: there they differ."""

RATE = 2e-3
BETAS = (0.0, 0.99)
R1_GAMMA = 0.2
LAZY = 16
"""Steps from one R1 penalty to the next."""

SHARE = 1.0
"""Most that the adversarial gradient may have of the reconstruction's, in norm at the picture.

With as much, eyes and mouths became a quarter sharper in 800 steps at 256 px, and came no further from the truth.
With four times as much eyes became half as sharp again in 1,100 more, but outlines got dashes, and noses lines.
"""

WARM_UP_STEPS = 100
"""Steps in which only the discriminators learn."""

EDGE = 7
"""Where background is among so many pixels, across and down, discriminators have no say: outlines got dashes."""

PART = 0.5
"""Edge of the part of a picture that is looked at, relative to the picture's."""

WINDOW = 0.25
"""Edge of a window on an eye or the mouth, relative to the picture's; shown at twice its size."""

ALLOWED_RISE = 0.05
"""Of the eyes' error (root mean square, held-out heads), beyond which sharpening stops."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What one discriminator, `name`, sees of a batch."""

    name: str
    pictures: Float[Tensor, "batch channels s s"]
    masks: Float[Tensor, "batch mapped s s"]
    condition: Float[Tensor, "batch condition"]


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What the discriminators may know of a batch.

    Attributes:
        truth: The true pictures, signed.
        masks: Coverage by each of `MAPPED`, 0 to 1.
        inside: Where the person is, but for its outline: 1, else 0.
        condition: z and p̃.
        places: Affine maps of what is looked at, by the discriminator's name: a part of each picture, and a window on
            one of its eyes or on its mouth.
    """

    truth: Float[Tensor, "batch channels r r"]
    masks: Float[Tensor, "batch mapped r r"]
    inside: Float[Tensor, "batch 1 r r"]
    condition: Float[Tensor, "batch condition"]
    places: Mapping[str, Float[Tensor, "batch 2 3"]]

    def views(self, pictures: Float[Tensor, "batch channels r r"]) -> Iterator[View]:
        """What each discriminator sees of pictures of this scene, in half of their edge."""
        channels, size = pictures.shape[1], pictures.shape[2] // 2
        both = torch.cat([pictures, self.masks], 1)
        for name, place in self.places.items():
            grid = F.affine_grid(place, [*both.shape[:2], size, size], align_corners=False)
            seen = F.grid_sample(both, grid, padding_mode="border", align_corners=False)
            yield View(name, seen[:, :channels], seen[:, channels:], self.condition)


def scene_of(
    truth: Float[Tensor, "batch channels r r"],
    regions: UInt8[np.ndarray, "batch full full"],
    names: Sequence[str],
    condition: Float[Tensor, "batch condition"],
    chance: Float[np.ndarray, "batch 3"],
) -> Scene:
    """A batch, prepared for the discriminators.

    Args:
        truth: The true pictures, signed.
        regions: Region codes; their edge is a multiple of r.
        names: Name of each code.
        condition: z and p̃ of each picture.
        chance: From 0 to below 1: where its part lies, across and down, and which of eyes and mouth is looked at.
    """
    resolution = truth.shape[2]
    codes = torch.from_numpy(regions).to(truth.device)
    coverage = torch.stack([codes == names.index(name) for name in ("background", *MAPPED)], 1).float()
    coverage = F.avg_pool2d(coverage, regions.shape[1] // resolution)
    background, masks = coverage[:, :1], coverage[:, 1:]
    inside = (F.max_pool2d(background, EDGE, 1, EDGE // 2) == 0).float()
    eyes = regions == names.index("eyes")
    middle = _centres(eyes)[:, None, None, 0]
    across = (np.arange(regions.shape[2]) + 0.5) / regions.shape[2] * 2 - 1
    centres = [_centres(eyes & (across < middle)), _centres(eyes & (across >= middle))]
    centres.append(_centres(regions == names.index("mouth")))
    chosen = (chance[:, 2] * len(centres)).astype(int)
    corner = np.floor(chance[:, :2] * (resolution * (1 - PART) + 1)) / resolution
    places = {
        "parts": _affine(2 * corner + PART - 1, PART),
        "details": _affine(np.stack(centres)[chosen, np.arange(len(truth))], WINDOW),
    }
    return Scene(truth, masks, inside, condition, {name: place.to(truth) for name, place in places.items()})


def _affine(centres: Float[np.ndarray, "batch xy"], edge: float) -> Float[Tensor, "batch 2 3"]:
    """Maps onto squares of an edge relative to the picture's."""
    maps = torch.zeros(len(centres), 2, 3)
    maps[:, 0, 0] = maps[:, 1, 1] = edge
    maps[:, :, 2] = torch.from_numpy(centres)
    return maps


def _centres(inside: np.ndarray) -> Float[np.ndarray, "batch xy"]:
    """Mean place of what is inside, each axis from −1 to 1; the middle of a picture with nothing inside."""
    edge = inside.shape[1]
    axis = (np.arange(edge) + 0.5) / edge * 2 - 1
    count = np.maximum(inside.sum((1, 2)), 1)
    return np.stack([inside.sum(1) @ axis / count, inside.sum(2) @ axis / count], 1)


class Sharpener:
    """The discriminators in training.

    Args:
        channels: Of a picture.
        condition_dim: Length of z and p̃ together.
        device: Where they learn.
        dtype: Of their features.
        ranks: Which process of how many.
    """

    def __init__(
        self, channels: int, condition_dim: int, device: torch.device, dtype: torch.dtype, ranks: Ranks = ALONE
    ) -> None:
        maps = 2 * channels + len(MAPPED)
        self.discriminators = nn.ModuleDict(
            {name: PatchDiscriminator(maps, condition_dim) for name in ("parts", "details")}
        ).to(device)
        self.optimiser = torch.optim.Adam(self.discriminators.parameters(), lr=RATE, betas=BETAS, fused=True)
        self.steps = 0
        self.first_eyes_psnr: float | None = None
        self._dtype = dtype
        self._ranks = ranks
        self._noted: dict[str, Tensor] = {}

    @property
    def warming_up(self) -> bool:
        """Whether only the discriminators learn yet."""
        return self.steps < WARM_UP_STEPS

    def learn(self, painted: Float[Tensor, "batch channels r r"], scene: Scene) -> None:
        """One step of the discriminators on painted and true pictures."""
        self.discriminators.requires_grad_(True)
        loss = torch.zeros((), device=painted.device)
        for true, false in zip(scene.views(scene.truth), scene.views(painted.detach()), strict=True):
            twice = true.masks.repeat(2, 1, 1, 1), true.condition.repeat(2, 1)
            both = View(true.name, torch.cat([true.pictures, false.pictures]), *twice)
            logits = self._judge(both, self._dtype).chunk(2)
            loss = loss + discriminator_loss(*logits)
            self._note(f"{true.name} true", logits[0].mean())
            self._note(f"{true.name} painted", logits[1].mean())
            if self.steps % LAZY == 0:
                loss = loss + LAZY * self._slope(true)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._ranks.average_gradients(self.discriminators.parameters())
        self.optimiser.step()
        self._note("discriminator", loss)
        self.steps += 1

    def _judge(self, view: View, dtype: torch.dtype) -> Float[Tensor, "batch patches"]:
        pictures = view.pictures
        smooth = F.interpolate(F.avg_pool2d(pictures, BLOCK), scale_factor=float(BLOCK))
        maps = torch.cat([pictures, DETAIL_GAIN * (pictures - smooth), view.masks], 1)
        logits: Tensor = self.discriminators[view.name](maps, view.condition, dtype)
        return logits

    def _slope(self, true: View) -> Float[Tensor, ""]:
        """R1, in float32, with respect to the pictures alone."""
        return r1_penalty(lambda x: self._judge(replace(true, pictures=x), torch.float32), true.pictures, R1_GAMMA)

    def push(
        self,
        painted: Float[Tensor, "batch channels r r"],
        scene: Scene,
        reconstruction: Float[Tensor, "batch channels r r"],
    ) -> Float[Tensor, "batch channels r r"]:
        """Where painted pictures should go to look true, as a gradient to be added to that of the reconstruction."""
        self.discriminators.requires_grad_(False)
        x = painted.detach().requires_grad_()
        loss = torch.zeros((), device=x.device)
        for view in scene.views(x):
            loss = loss + generator_loss(self._judge(view, self._dtype))
        (gradient,) = torch.autograd.grad(loss, x)
        gradient, factor = limited(gradient * scene.inside, reconstruction, SHARE, self._ranks)
        self._note("adversarial", loss)
        self._note("limited to", factor)
        return gradient

    def watch(self, eyes_psnr: float) -> None:
        """Compare the eyes on held-out heads with what they were when sharpening began.

        Raises:
            TrainingError: Their error has risen by more than `ALLOWED_RISE`.
        """
        if self.first_eyes_psnr is None:
            self.first_eyes_psnr = eyes_psnr
        rise = 10 ** ((self.first_eyes_psnr - eyes_psnr) / 20) - 1
        if rise > ALLOWED_RISE:
            raise TrainingError(
                f"sharpening stopped: the eyes' error on held-out heads rose by {100 * rise:.1f} %, more than "
                f"{100 * ALLOWED_RISE:.0f} %; the last good state was kept"
            )

    def progress(self) -> dict[str, Any]:
        """What a state says in words and numbers."""
        return {"steps": self.steps, "first_eyes_psnr": self.first_eyes_psnr}

    def exact(self) -> dict[str, Any]:
        """Weights and moments in full precision."""
        return {"discriminators": self.discriminators.state_dict(), "optimiser": self.optimiser.state_dict()}

    def resume(self, progress: Mapping[str, Any], exact: Mapping[str, Any] | None) -> None:
        """Go on from what `progress` and, where it is there, `exact` gave."""
        self.steps, self.first_eyes_psnr = int(progress["steps"]), progress["first_eyes_psnr"]
        if exact is not None:
            self.discriminators.load_state_dict(exact["discriminators"])
            self.optimiser.load_state_dict(exact["optimiser"])

    def _note(self, name: str, value: Tensor) -> None:
        self._noted[name] = value.detach()

    def take(self) -> dict[str, Tensor]:
        """What was noted of the last batch, by name."""
        noted, self._noted = self._noted, {}
        return noted
