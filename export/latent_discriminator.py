"""Tells rows of predicted codes from codes that the mapping makes of random z, so that predicted rows stay among these.

    L_D = softplus(−D(m(z))) + softplus(D(c_i)) (+ R1)      L_adv = softplus(−D(c_i))       means over open rows i

D sees (w − w̄) / σ: centre and spread of m(z), so that γ means the same for every generator. Unlike in the authors' code
no pool of past codes is kept.

Source: Tov et al., "Designing an Encoder for StyleGAN Image Manipulation", ACM TOG 2021, arXiv:2102.02766, and their
code: four layers as wide as w, R1 with γ = 10 every sixteen steps.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from export.adversarial_losses import discriminator_loss, generator_loss, r1_penalty
from export.ranks import ALONE, Draw, Ranks
from puppet.networks.stylegan2 import SLOPE, MappingNetwork
from puppet.networks.truncation import SAMPLES

LAYERS = 4
GAMMA = 10.0
R1_EVERY = 16
RATE = 3e-4
"""Adam's. The authors' is 2e-5, a fifth of their encoder's; here it is a fifth of `regression.RATE` too."""


class LatentDiscriminator(nn.Module):
    """D: single rows of a code → one logit each, high for codes of the mapping."""

    centre: Tensor
    spread: Tensor

    def __init__(self, w_dim: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(w_dim, w_dim) for _ in range(LAYERS - 1))
        self.logit = nn.Linear(w_dim, 1)
        self.register_buffer("centre", torch.zeros(w_dim))
        self.register_buffer("spread", torch.ones(()))

    def forward(self, rows: Float[Tensor, "rows w_dim"]) -> Float[Tensor, "rows 1"]:
        """Logits of rows in the generator's own units."""
        return self.judge((rows - self.centre) / self.spread)

    def judge(self, x: Float[Tensor, "rows w_dim"]) -> Float[Tensor, "rows 1"]:
        """Logits of centred rows of unit spread."""
        for layer in self.layers:
            x = F.leaky_relu(layer(x), SLOPE)
        logits: Tensor = self.logit(x)
        return logits


@torch.no_grad()
def centre_and_spread(mapping: MappingNetwork, z_dim: int) -> tuple[Float[Tensor, "w_dim"], Float[Tensor, ""]]:
    """w̄ and σ, the root mean square deviation of all entries, over seeded z."""
    z = torch.randn(SAMPLES, z_dim, generator=torch.Generator().manual_seed(0))
    w = mapping(z.to(next(mapping.parameters()).device))
    return w.mean(0), (w - w.mean(0)).square().mean().sqrt()


class LatentGame:
    """D and its optimiser, against an encoder.

    Args:
        mapping: m, frozen.
        z_dim: Length of z.
        w_dim: Length of w.
        gamma: γ.
        ranks: Which process of how many.
    """

    def __init__(
        self, mapping: MappingNetwork, z_dim: int, w_dim: int, gamma: float = GAMMA, ranks: Ranks = ALONE
    ) -> None:
        self._mapping = mapping
        self._z_dim = z_dim
        self._gamma = gamma
        self.network = LatentDiscriminator(w_dim)
        centre, spread = centre_and_spread(mapping, z_dim)
        self.network.centre.copy_(centre)
        self.network.spread.copy_(spread)
        self.network.to(centre.device)
        self._optimiser = torch.optim.Adam(self.network.parameters(), lr=RATE)
        self._ranks = ranks
        self._draw = Draw(torch.Generator(centre.device).manual_seed(0), ranks)
        self._steps = 0

    def loss(self, rows: Float[Tensor, "rows w_dim"]) -> Float[Tensor, ""]:
        """L_adv, differentiable in the rows."""
        return generator_loss(self.network(rows))

    def learn(self, rows: Float[Tensor, "rows w_dim"]) -> Float[Tensor, ""]:
        """One step of D against as many codes of random z; returns L_D without R1."""
        with torch.no_grad():
            true = self._mapping(self._draw.normal(len(rows), self._z_dim))
        loss = discriminator_loss(self.network(true), self.network(rows.detach()))
        total = loss
        if self._steps % R1_EVERY == 0:
            centred = (true - self.network.centre) / self.network.spread
            total = loss + R1_EVERY * r1_penalty(self.network.judge, centred, self._gamma)
        self._optimiser.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        self._ranks.average_gradients(self.network.parameters())
        self._optimiser.step()
        self._steps += 1
        return loss.detach()
