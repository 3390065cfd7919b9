import pytest
import torch
from reference_fill import fill, network_weight, picture, shapes_of

from puppet.networks.vgg import DEVIATION, MEAN, Vgg, vgg_perceptual


def test_the_distance_is_that_of_relu2_2() -> None:
    state = fill(shapes_of(Vgg()), network_weight)
    loss = vgg_perceptual(state | {"features.10.weight": torch.zeros(1)})
    assert "VGG-16" in loss.name
    x, y = picture(edge=32), picture(0.8, edge=32)
    assert loss.distance(x, x) == 0

    def relu2_2(rgb: torch.Tensor) -> torch.Tensor:
        h = (rgb / 2 + 0.5 - torch.tensor(MEAN)[:, None, None]) / torch.tensor(DEVIATION)[:, None, None]
        for at in (0, 2, 5, 7):
            h = torch.nn.functional.max_pool2d(h, 2) if at == 5 else h
            h = torch.conv2d(h, state[f"features.{at}.weight"], state[f"features.{at}.bias"], padding=1).relu()
        return h

    torch.testing.assert_close(loss.distance(x, y), (relu2_2(x) - relu2_2(y)).square().mean())


def test_another_network_is_refused() -> None:
    with pytest.raises(ValueError, match="torchvision's VGG-16"):
        vgg_perceptual({"features.0.weight": torch.zeros(64, 3, 11, 11)})
