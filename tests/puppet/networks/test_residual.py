import pytest
import torch

from puppet.networks.residual import PictureRegressor, likelihood_loss


def network() -> PictureRegressor:
    torch.manual_seed(0)
    return PictureRegressor(64, 3, (8, 8, 16, 16), hidden=32)


def spots(count: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures with a spot; its place and its brightness."""
    x, y, light = torch.rand(3, count, generator=generator)
    light = 0.3 + 0.7 * light
    axis = torch.linspace(0, 1, 64)
    distance = (axis[None, None] - x[:, None, None]) ** 2 + (axis[None, :, None] - y[:, None, None]) ** 2
    picture = light[:, None, None] * torch.exp(-distance / 0.02)
    return picture[:, None].expand(-1, 3, -1, -1), torch.stack([x, y, light], 1)


def test_learns_where_a_thing_is_and_how_bright() -> None:
    net, draw = network(), torch.Generator().manual_seed(1)
    optimiser = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(200):
        picture, truth = spots(32, draw)
        loss = likelihood_loss(net(picture) - truth, net.log_variance)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    picture, truth = spots(200, draw)
    with torch.no_grad():
        error = (net(picture) - truth).square().mean(0)
    assert (error < 0.3 * truth.var(0)).all()


def test_every_stage_halves_the_picture() -> None:
    maps = network().features(torch.rand(2, 3, 64, 64))
    assert [tuple(x.shape) for x in maps] == [(2, 8, 16, 16), (2, 8, 8, 8), (2, 16, 4, 4), (2, 16, 2, 2)]


def test_bfloat16_changes_little_and_returns_float32() -> None:
    net, picture = network(), torch.rand(4, 3, 64, 64)
    with torch.no_grad():
        exact, fast = net(picture), net(picture, torch.bfloat16)
    assert fast.dtype is torch.float32
    torch.testing.assert_close(fast, exact, atol=0.05, rtol=0.05)


def test_the_variance_that_fits_the_errors_is_the_best() -> None:
    error = torch.tensor([[0.5, 2.0], [-0.5, 1.0]])
    fitting = error.square().mean(0).log()
    best = likelihood_loss(error, fitting)
    for change in (-0.3, 0.3):
        assert likelihood_loss(error, fitting + change) > best


def test_a_target_without_error_stops_gaining() -> None:
    perfect = torch.zeros(4, 1)
    losses = [likelihood_loss(perfect, torch.tensor([s])).item() for s in (-6.0, -60.0)]
    assert losses[0] == pytest.approx(losses[1])
