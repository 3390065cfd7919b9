"""LPIPS against the authors' numbers, with AlexNet's convolutions filled and the published channel weights."""

import pytest
import torch
from reference_fill import fill, network_weight, picture, shapes_of

from export.deca_crop import to_bytes
from puppet.networks.lpips import Lpips
from puppet.networks.perceptual import Perceptual, perceptual


@pytest.fixture(scope="module")
def filled_lpips() -> Perceptual:
    shapes = {name: shape for name, shape in shapes_of(Lpips()).items() if name.startswith("features.")}
    return perceptual(fill(shapes, network_weight) | {"classifier.1.weight": torch.zeros(1)})


def test_the_published_numbers(filled_lpips: Perceptual) -> None:
    assert filled_lpips.name.startswith("LPIPS")
    x, y = picture(), picture(0.8)
    assert filled_lpips.distance(x, y).item() == pytest.approx(0.07720524, rel=1e-4)
    layers = filled_lpips.distance.layers(x, y)[:, 0].tolist()
    assert layers == pytest.approx([0.0114401, 0.0233534, 0.0188096, 0.013905, 0.00969717], rel=1e-4)
    assert filled_lpips.distance(to_bytes(x), to_bytes(y)).item() == pytest.approx(0.02573817, rel=1e-4)


def test_a_batch_is_averaged(filled_lpips: Perceptual) -> None:
    x, y = picture(edge=64), picture(0.8, edge=64)
    half = filled_lpips.distance(torch.cat([x, x]), torch.cat([y, x]))
    torch.testing.assert_close(2 * half, filled_lpips.distance(x, y))


def test_without_weights_it_says_so_and_is_the_mean_on_every_scale() -> None:
    loss = perceptual(None)
    assert "without AlexNet" in loss.name
    x = torch.rand(2, 3, 32, 32)
    assert loss.distance(x, x) == 0
    assert loss.distance(x + 0.25, x).item() == pytest.approx(4 * 0.25, rel=1e-5)


def test_another_network_is_refused() -> None:
    with pytest.raises(ValueError, match="torchvision's AlexNet"):
        perceptual({"features.0.weight": torch.zeros(64, 3, 3, 3)})
