"""DECA's crop against the steps that kornia 0.4.1 takes, and against plain interpolation in NumPy."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from reference_fill import picture

from export.deca_crop import crop_face, face_square, to_bytes
from puppet.alignment import Square

SQUARE = Square(126.0, 131.0, 180)
CORNERS = np.array([[0, 0], [0, 1], [1, 0]]) - 0.5


def test_range_map() -> None:
    ours = to_bytes(torch.tensor([-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0]))
    expected = [0, 0, 63.749680, 127.499359, 191.249039, 254.998718, 254.998718]
    assert ours.tolist() == pytest.approx(expected, rel=1e-6)


def test_the_square_of_a_face() -> None:
    box = np.array([[40.0, 60.0], [140.0, 100.0], [100.0, 180.0]])
    square = face_square(box)
    assert (square.x, square.y) == (90.0, 120.0)
    assert square.side == int((100 + 120) / 2 * 1.1 * 1.25)


def kornia(x: torch.Tensor, square: Square) -> torch.Tensor:
    """A warp that normalises pixels by W − 1 and samples as if by W."""
    height, width = x.shape[2:]
    corners = np.array([square.x, square.y]) + square.side * CORNERS
    homogeneous = np.concatenate([corners, np.ones((3, 1))], 1)
    matrix = np.eye(3)
    matrix[:2] = np.linalg.solve(homogeneous, 223 * (CORNERS + 0.5)).T

    def normalise(w: int, h: int) -> np.ndarray:
        return np.array([[2 / (w - 1), 0, -1], [0, 2 / (h - 1), -1], [0, 0, 1]])

    theta = np.linalg.inv(normalise(224, 224) @ matrix @ np.linalg.inv(normalise(width, height)))
    grid = F.affine_grid(torch.from_numpy(theta[None, :2]).float(), [1, 3, 224, 224], align_corners=False)
    return F.grid_sample(x, grid, align_corners=False)


def interpolated(x: np.ndarray, square: Square) -> np.ndarray:
    """Pixel i of the crop is read at i · side / 223 + left edge; zeros beyond the border."""
    padded = np.pad(x, ((0, 0), (300, 300), (300, 300)))

    def weights(centre: float) -> tuple[np.ndarray, np.ndarray]:
        at = np.arange(224) * square.side / 223 + centre - square.side / 2 + 300
        return at.astype(int), at % 1

    (columns, right), (rows, below) = weights(square.x), weights(square.y)
    upper = padded[:, rows][..., columns] * (1 - right) + padded[:, rows][..., columns + 1] * right
    lower = padded[:, rows + 1][..., columns] * (1 - right) + padded[:, rows + 1][..., columns + 1] * right
    return upper * (1 - below[:, None]) + lower * below[:, None]


@pytest.mark.parametrize("square", [SQUARE, Square(30.5, 240.0, 187)], ids=["inside", "beyond the border"])
def test_both_samplings(square: Square) -> None:
    x = picture()[..., :250]
    torch.testing.assert_close(crop_face(x, square, "authors"), kornia(x, square), rtol=0, atol=5e-5)
    exact = interpolated(x[0].double().numpy(), square)
    np.testing.assert_allclose(crop_face(x, square, "exact")[0], exact, atol=5e-5)


def test_samplings_differ_by_less_than_half_a_pixel() -> None:
    ramp = torch.arange(256.0).expand(1, 1, 256, 256)
    for square, least, most in ((SQUARE, 0.0, 0.15), (Square(200, 128, 100), 0.2, 0.5)):
        apart = (crop_face(ramp, square, "authors") - crop_face(ramp, square, "exact")).abs().max()
        assert least < apart < most


def test_the_crop_passes_gradients() -> None:
    x = picture().requires_grad_()
    crop_face(x, SQUARE, "authors").sum().backward()
    assert x.grad is not None and x.grad[0, 0, 131, 126] > 0 and x.grad[0, 0, 0, 0] == 0
