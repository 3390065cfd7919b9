import torch

from puppet.networks.shape_regressor import ShapeRegressor


def test_targets_are_identity_then_pose_scaled_to_six() -> None:
    torch.manual_seed(0)
    net = ShapeRegressor(32, modes=4, pose_dim=15)
    picture = torch.rand(3, 3, 32, 32)
    with torch.no_grad():
        targets, read = net(picture), net.coefficients(picture)
    assert torch.equal(read.p_i, targets[:, :4])
    torch.testing.assert_close(read.p_scaled, 6 * targets[:, 4:])
    assert read.p_scaled.shape == (3, 15)


def test_a_frozen_network_still_says_how_the_picture_should_change() -> None:
    torch.manual_seed(0)
    net = ShapeRegressor(32, modes=4, pose_dim=15).eval().requires_grad_(False)
    picture = torch.rand(2, 3, 32, 32, requires_grad=True)
    net.coefficients(picture, torch.bfloat16).p_scaled.sum().backward()
    assert picture.grad is not None
    assert picture.grad.abs().amax(dim=(1, 2, 3)).min() > 0
