"""What a predicted code is charged for, as in e4e: the picture that the generator paints of it, and the code itself.

    L = λ_factors L_E + λ_l2 L_2 + λ_pyr L_pyramid + λ_id L_id + λ_per L_per + λ_d L_d-reg + λ_adv L_adv

    L_E       what E alone is trained for: the entries of z, the pose, and m(ẑ)
    L_2       = mean ω e²                e = G − x in signed pictures, ω large where people look, as in export.losses
    L_pyramid = Σ_l mean(ω_l |e_l|)      as the generator itself is trained
    L_id      = mean (1 − cos ∠(F(G), F(x)))
    L_per     VGG's, LPIPS, or the features of Net3D place by place
    L_d-reg   = Σ_i mean ‖Δ_i‖₂          Δ_i in units of the spread of m(z)
    L_adv     that of export.latent_discriminator

Source: Tov, Alaluf, Nitzan, Patashnik, Cohen-Or, "Designing an Encoder for StyleGAN Image Manipulation", ACM TOG 2021,
arXiv:2102.02766, and their code: λ_l2 = 1, λ_per = 0.8, λ_id = 0.1, λ_d = 2e-4, λ_adv = 0.1. L_E and
L_pyramid are ours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from export.direction_losses import Recognition
from export.latent_discriminator import LatentGame
from puppet.networks.arcface import identity_loss
from puppet.networks.perceptual import Perceptual, pyramid_loss

NET3D_WEIGHT = 0.2
"""λ_per where L_per is taken in features of Net3D, which are farther apart than those of LPIPS: with 0.8 the colour of
faces suffers."""


@dataclass(frozen=True, slots=True)
class CodeWeights:
    """λ of every term; 0 leaves a term out."""

    factors: float = 1.0
    l2: float = 1.0
    pyramid: float = 1.0
    identity: float = 0.1
    perceptual: float = 0.8
    delta: float = 2e-4
    adversarial: float = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Predicted:
    """One batch, from the picture that was seen to the one that was painted.

    Attributes:
        factors: L_E.
        c: The codes.
        offsets: Δ, in units of the spread of m(z); 0 in rows that are not open.
        opened: Rows after the first that have an offset.
        painted: G of the code in the pose of the truth, signed, not clamped.
        truth: x, signed.
        weights: ω.
    """

    factors: Float[Tensor, ""]
    c: Float[Tensor, "batch num_ws w_dim"]
    offsets: Float[Tensor, "batch num_ws w_dim"]
    opened: int
    painted: Float[Tensor, "batch channels r r"]
    truth: Float[Tensor, "batch channels r r"]
    weights: Float[Tensor, "batch 1 r r"]


def delta_loss(offsets: Float[Tensor, "batch num_ws w_dim"], opened: int) -> Float[Tensor, ""]:
    """L_d-reg of the rows that are open; its gradient is 0, not undefined, where an offset is 0."""
    total: Tensor = torch.linalg.vector_norm(offsets[:, 1 : 1 + opened], dim=2).mean(0).sum()
    return total


class CodeLosses:
    """L, between frozen networks.

    Attributes:
        recognition: F; None leaves L_id out.
        perceptual: L_per, of RGB in [−1, 1]; None leaves it out.
        game: D; None leaves L_adv out.
    """

    def __init__(
        self,
        weights: CodeWeights,
        recognition: Recognition | None,
        perceptual: Perceptual | None,
        game: LatentGame | None,
    ) -> None:
        """Compose L; what has the weight 0 is left out.

        Args:
            weights: λ.
            recognition: F.
            perceptual: L_per.
            game: D.
        """
        self.recognition = recognition if weights.identity else None
        self.perceptual = perceptual if weights.perceptual else None
        self.game = game if weights.adversarial else None
        self._weights = asdict(weights)

    def terms(self, predicted: Predicted) -> dict[str, Tensor]:
        """Every term whose λ is not 0, unweighted."""
        e, rgb, truth = (
            predicted.painted - predicted.truth,
            predicted.painted[:, :3].clamp(-1, 1),
            predicted.truth[:, :3],
        )
        terms: dict[str, Callable[[], Tensor]] = {
            "factors": lambda: predicted.factors,
            "l2": lambda: (predicted.weights * e.square()).mean(),
            "pyramid": lambda: pyramid_loss(e, predicted.weights),
            "delta": lambda: delta_loss(predicted.offsets, predicted.opened),
        }
        if (recognition := self.recognition) is not None:
            terms["identity"] = lambda: identity_loss(recognition.directions, rgb / 2 + 0.5, truth / 2 + 0.5)
        if (perceptual := self.perceptual) is not None:
            terms["perceptual"] = lambda: perceptual.distance(rgb, truth)
        if (game := self.game) is not None:
            terms["adversarial"] = lambda: game.loss(judged_rows(predicted))
        return {name: term() for name, term in terms.items() if self._weights[name]}

    def total(self, terms: dict[str, Tensor]) -> Float[Tensor, ""]:
        """L."""
        return torch.stack([self._weights[name] * term for name, term in terms.items()]).sum()


def judged_rows(predicted: Predicted) -> Float[Tensor, "rows w_dim"]:
    """The rows that D sees: the first, which stands for all without an offset, and those that are open."""
    return predicted.c[:, : 1 + predicted.opened].flatten(0, 1)
