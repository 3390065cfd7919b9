"""Tuning by presets: which weights move, how Adam moves them, and that the generator itself stays."""

import dataclasses

import numpy as np
import pytest
import torch
from reference_fill import fill, generator_weight, network_weight, shapes_of

from export.authors_keys import from_rosinality, rosinality_shapes
from puppet.networks.layout import GeneratorLayout, stylegan2_layout
from puppet.networks.lpips import Lpips
from puppet.networks.perceptual import perceptual
from puppet.networks.pivotal_tuning import AUTHORS, PAPER, PRESETS, PivotalTuner
from puppet.networks.stylegan2 import SynthesisNetwork

LAYOUT = dataclasses.replace(stylegan2_layout(64, 1, 15), channels=(16, 16, 16, 16, 8))
SMALL = dataclasses.replace(AUTHORS, convolutions=(5, 8))
"""As at 256 px, from 32 px on."""


@pytest.fixture
def synthesis() -> SynthesisNetwork:
    layout: GeneratorLayout = LAYOUT
    state = from_rosinality(fill(rosinality_shapes(layout), generator_weight), layout)
    synthesis = SynthesisNetwork(layout)
    synthesis.load_state_dict({k.removeprefix("synthesis."): v for k, v in state.items() if k.startswith("synthesis.")})
    return synthesis.eval()


@pytest.fixture(scope="module")
def lpips() -> Lpips:
    shapes = {name: shape for name, shape in shapes_of(Lpips()).items() if name.startswith("features.")}
    loss = perceptual(fill(shapes, network_weight)).distance
    assert isinstance(loss, Lpips)
    return loss


def code(seed: int) -> torch.Tensor:
    return 0.5 * torch.randn(1, LAYOUT.num_ws, 512, generator=torch.Generator().manual_seed(seed))


def target(seed: int) -> torch.Tensor:
    return torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_the_authors_tune_what_they_tuned() -> None:
    with torch.device("meta"):
        synthesis = SynthesisNetwork(stylegan2_layout(256, 1, 15))
    tuner = PivotalTuner(synthesis, AUTHORS, lambda x, y: (x - y).mean())
    tuned = {name: p for name, p in tuner.synthesis.named_parameters() if p.requires_grad}
    assert sum(p.numel() for p in tuned.values()) == 8_257_736 and len(tuned) == 40
    assert {name.split(".")[1] for name in tuned} == {str(i) for i in range(5, 13)}
    assert (AUTHORS.steps, AUTHORS.rate, AUTHORS.pixels, AUTHORS.perceptual) == (200, 3e-3, 100.0, 1.0)
    assert set(PRESETS) == {"authors", "paper"}


def test_three_steps_of_adam(synthesis: SynthesisNetwork, lpips: Lpips) -> None:
    """Losses and weights, with Adam written out in NumPy."""
    w, x = code(0), target(1)
    tuner = PivotalTuner(synthesis, SMALL, lpips)
    losses = [tuner.step(w, x) for _ in range(3)]

    parameters = dict(synthesis.named_parameters())
    tuned = {name: p for name, p in parameters.items() if name.startswith(tuple(f"convs.{i}." for i in range(5, 9)))}
    start = {name: p.detach().clone() for name, p in parameters.items()}
    m, v = ({name: np.zeros(p.shape) for name, p in tuned.items()} for _ in range(2))
    for t in range(1, 4):
        painted = synthesis(w)
        mse, difference = ((painted - x) ** 2).sum() / x.numel(), lpips.layers(painted, x).sum()
        assert losses[t - 1].pixels == pytest.approx(mse.item(), rel=1e-4)
        assert losses[t - 1].perceptual == pytest.approx(difference.item(), rel=1e-4)
        gradients = torch.autograd.grad(100 * mse + difference, tuned.values())
        for (name, p), gradient in zip(tuned.items(), gradients, strict=True):
            g = gradient.double().numpy()
            m[name] = 0.9 * m[name] + 0.1 * g
            v[name] = 0.999 * v[name] + 0.001 * g**2
            step = 3e-3 * (m[name] / (1 - 0.9**t)) / (np.sqrt(v[name] / (1 - 0.999**t)) + 1e-8)
            p.data -= torch.from_numpy(step).float()
    for name, p in tuner.synthesis.named_parameters():
        # A gradient near 0 has no certain sign, and Adam's first steps go by the sign.
        torch.testing.assert_close(p, parameters[name], rtol=1e-3, atol=1e-3)
        apart = (p - parameters[name]).abs().mean()
        moved = (p - start[name]).abs().mean()
        assert apart < 0.02 * moved if name in tuned else moved == 0


@pytest.mark.parametrize("preset", [SMALL, PAPER])
def test_a_tuned_generator_is_a_copy(synthesis: SynthesisNetwork, preset: object) -> None:
    before = {name: tensor.clone() for name, tensor in synthesis.state_dict().items()}
    tuner = PivotalTuner(synthesis, preset, perceptual(None).distance)
    losses = [tuner.step(code(0), target(1), code(2)) for _ in range(8)]
    assert all(torch.equal(tensor, before[name]) for name, tensor in synthesis.state_dict().items())
    assert losses[-1].pixels < losses[0].pixels
    assert all(torch.equal(a.noise, b.noise) for a, b in zip(tuner.synthesis.convs, synthesis.convs, strict=True))


def test_locality_is_measured_at_its_distance(synthesis: SynthesisNetwork) -> None:
    """It is 0 at first, and grows as the copy leaves the generator; the codes lie α from the pivot."""
    preset = dataclasses.replace(PAPER, rate=1e-2)
    seen: list[torch.Tensor] = []
    tuner = PivotalTuner(synthesis, preset, perceptual(None).distance)
    tuner.synthesis.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    first, second = (tuner.step(code(0), target(1), code(2)) for _ in range(2))
    assert first.locality == 0 < second.locality
    assert (seen[1] - code(0)).norm().item() == pytest.approx(30, rel=1e-4)
    direction = torch.cosine_similarity((seen[1] - code(0)).flatten(), (code(2) - code(0)).flatten(), 0)
    assert direction.item() == pytest.approx(1, abs=1e-4)
    with pytest.raises(ValueError, match="needs a random code"):
        tuner.step(code(0), target(1))


def test_a_generator_that_is_too_small_is_refused(synthesis: SynthesisNetwork) -> None:
    with pytest.raises(ValueError, match="convolutions 5 to 12, but a generator of 64 px has 9"):
        PivotalTuner(synthesis, AUTHORS, perceptual(None).distance)
