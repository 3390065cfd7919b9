"""Every loss by hand, and what a weight of 0 does."""

import math
from dataclasses import fields

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from export.direction_losses import Recognition
from export.e4e_losses import CodeLosses, CodeWeights, Predicted, delta_loss, judged_rows
from export.latent_discriminator import LatentGame, centre_and_spread
from puppet.networks.layout import GeneratorLayout
from puppet.networks.perceptual import Perceptual
from puppet.networks.stylegan2 import MappingNetwork

BATCH, ROWS, WIDTH, EDGE = 2, 6, 8, 16
LAYOUT = GeneratorLayout(
    resolution=EDGE,
    channels=(4, 4, 4),
    img_channels=4,
    z_dim=5,
    w_dim=WIDTH,
    mapping_layers=1,
    mapping_lr_multiplier=1.0,
    normalize_z=False,
    use_noise=False,
    pose_dim=15,
    pose_rows=2,
)
FIRST_PIXELS = Recognition("the first pixels", lambda picture: picture.flatten(1)[:, :2])
SQUARED = Perceptual("squared", lambda x, y: (x - y).square().mean())
NAMES = tuple(field.name for field in fields(CodeWeights))


def game() -> LatentGame:
    torch.manual_seed(0)
    return LatentGame(MappingNetwork(LAYOUT).requires_grad_(False), LAYOUT.z_dim, WIDTH)


def predicted(opened: int = 3) -> Predicted:
    torch.manual_seed(1)
    offsets = torch.randn(BATCH, ROWS, WIDTH)
    offsets[:, 0] = offsets[:, 1 + opened :] = 0
    pictures = torch.rand(2, BATCH, 4, EDGE, EDGE) * 2 - 1
    weights = torch.rand(BATCH, 1, EDGE, EDGE) + 0.5
    return Predicted(torch.tensor(0.7), 1.0 + offsets, offsets, opened, pictures[0], pictures[1], weights)


def losses(weights: CodeWeights | None = None) -> CodeLosses:
    return CodeLosses(weights or CodeWeights(), FIRST_PIXELS, SQUARED, game())


def test_the_weights_are_those_of_the_paper() -> None:
    λ = CodeWeights()
    assert (λ.l2, λ.perceptual, λ.identity, λ.delta, λ.adversarial) == (1.0, 0.8, 0.1, 2e-4, 0.1)


def test_terms_are_those_of_the_equations() -> None:
    ours, given = losses(), predicted()
    terms = ours.terms(given)
    assert set(terms) == set(NAMES)
    e, ω = given.painted - given.truth, given.weights
    assert terms["factors"].item() == pytest.approx(0.7)
    assert terms["l2"].item() == pytest.approx((ω * e * e).sum().item() / e.numel(), rel=1e-5)

    pyramid = 0.0
    for level in range(4):
        edge = EDGE >> level
        small_e = e.reshape(BATCH, 4, edge, 1 << level, edge, 1 << level).mean((3, 5))
        small_ω = ω.reshape(BATCH, 1, edge, 1 << level, edge, 1 << level).mean((3, 5))
        pyramid += (small_ω * small_e.abs()).mean().item()
    assert terms["pyramid"].item() == pytest.approx(pyramid, rel=1e-5)

    Δ = given.offsets
    norms = [math.sqrt(sum(x * x for x in Δ[i, row].tolist())) for i in range(BATCH) for row in (1, 2, 3)]
    assert terms["delta"].item() == pytest.approx(sum(norms) / BATCH, rel=1e-5)

    a, b = (picture[:, 0, 0, :2] / 2 + 0.5 for picture in (given.painted, given.truth))
    cosine = (a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1))
    assert terms["identity"].item() == pytest.approx((1 - cosine).mean().item(), abs=1e-5)
    assert terms["perceptual"].item() == pytest.approx(e[:, :3].square().mean().item(), rel=1e-5)

    assert ours.game is not None
    logits = ours.game.network(given.c[:, :4].reshape(-1, WIDTH))
    assert terms["adversarial"].item() == pytest.approx(torch.log1p(torch.exp(-logits)).mean().item(), rel=1e-5)

    λ = CodeWeights()
    by_weights = sum(getattr(λ, name) * term.item() for name, term in terms.items())
    assert ours.total(terms).item() == pytest.approx(by_weights, rel=1e-5)


@pytest.mark.parametrize("left_out", NAMES)
def test_a_weight_of_zero_leaves_a_loss_out(left_out: str) -> None:
    ours = losses(CodeWeights(**{left_out: 0.0}))
    terms = ours.terms(predicted())
    assert set(terms) == set(NAMES) - {left_out}


def test_what_nobody_judges_is_left_out() -> None:
    terms = CodeLosses(CodeWeights(), None, None, None).terms(predicted())
    assert set(terms) == {"factors", "l2", "pyramid", "delta"}


def test_offsets_of_nothing_cost_nothing_and_have_a_gradient_of_zero() -> None:
    offsets = torch.zeros(BATCH, ROWS, WIDTH, requires_grad=True)
    delta_loss(offsets, ROWS - 1).backward()
    assert offsets.grad is not None and not offsets.grad.any()
    assert delta_loss(torch.randn(BATCH, ROWS, WIDTH), 0).item() == 0


def test_only_the_first_row_and_open_ones_are_judged() -> None:
    given = predicted(opened=2)
    assert torch.equal(judged_rows(given), given.c[:, :3].reshape(-1, WIDTH))


def test_the_discriminator_counts_in_the_spread_of_its_generator() -> None:
    torch.manual_seed(0)
    mapping = MappingNetwork(LAYOUT)
    w = mapping(torch.randn(20_000, LAYOUT.z_dim)).detach()
    centre, spread = centre_and_spread(mapping, LAYOUT.z_dim)
    torch.testing.assert_close(centre, w.mean(0), atol=0.1, rtol=0)
    assert spread.item() == pytest.approx(w.var(0).mean().sqrt().item(), rel=0.05)


def test_one_step_is_that_of_the_losses_and_r1() -> None:
    ours, rows = game(), torch.randn(12, WIDTH)
    network = ours.network
    true = ours._mapping(torch.randn(12, LAYOUT.z_dim, generator=torch.Generator().manual_seed(0)))
    x = ((true - network.centre) / network.spread).requires_grad_()
    logits = network.judge(x)
    wanted = F.softplus(-logits).mean() + F.softplus(network(rows)).mean()
    (slope,) = torch.autograd.grad(logits.sum(), x, create_graph=True)
    (wanted + 16 * 5.0 * slope.square().sum(1).mean()).backward()
    by_hand = [parameter.grad.clone() for parameter in network.parameters() if parameter.grad is not None]
    assert ours.learn(rows).item() == pytest.approx(wanted.item(), rel=1e-5)
    for parameter, gradient in zip(network.parameters(), by_hand, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, atol=1e-5, rtol=1e-4)


def test_strange_rows_are_found_and_drawn_back() -> None:
    ours = game()

    def strange() -> Tensor:
        return ours.network.centre + 3 * ours.network.spread * torch.randn(64, WIDTH)

    losses = [ours.learn(strange()) for _ in range(600)]
    assert sum(losses[-20:]) / 20 < 0.93 * losses[0]
    rows = strange().requires_grad_()
    far = (rows - ours.network.centre).norm(dim=1).mean()
    ours.loss(rows).backward()
    assert rows.grad is not None
    nearer = (rows - 5 * ours.network.spread * len(rows) * rows.grad - ours.network.centre).norm(dim=1).mean()
    assert nearer < far
