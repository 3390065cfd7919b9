"""The gates on pictures whose score is known."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from export.generator_gates import SHEET_POSES, measure, paint, shrink, write_sheet
from puppet.networks.layout import GeneratorLayout
from puppet.networks.stylegan2 import Generator
from puppet.pose_space import BUILTIN

NAMES = ("background", "hair", "skin", "brows", "mouth", "eyes", "clothes")
LAYOUT = GeneratorLayout(
    resolution=16,
    channels=(8, 8, 8),
    img_channels=4,
    z_dim=6,
    w_dim=8,
    mapping_layers=1,
    mapping_lr_multiplier=1.0,
    normalize_z=False,
    use_noise=False,
    pose_dim=BUILTIN.dim,
    pose_rows=6,
)


@pytest.fixture
def truth() -> tuple[np.ndarray, np.ndarray]:
    """Noise pictures with an eye, a mouth and skin around them."""
    rng = np.random.default_rng(0)
    regions = np.zeros((3, 32, 32), np.uint8)
    regions[:, 4:28, 4:28] = NAMES.index("skin")
    regions[:, 8:14, 8:14] = NAMES.index("eyes")
    regions[:, 20:26, 8:24] = NAMES.index("mouth")
    return rng.integers(64, 192, (3, 32, 32, 4), np.uint8), regions


def test_the_truth_scores_perfectly_and_blur_is_caught(truth: tuple[np.ndarray, np.ndarray]) -> None:
    pictures, regions = truth
    gates = measure(pictures, pictures, regions, NAMES)
    assert gates.face_psnr == gates.eyes_psnr == gates.mouth_psnr == pytest.approx(100.0)
    assert gates.eyes_sharpness == gates.mouth_sharpness == pytest.approx(1.0)
    assert 0 < gates.eyes_sharpness_blurred < 0.3


def test_psnr_is_that_of_the_region(truth: tuple[np.ndarray, np.ndarray]) -> None:
    pictures, regions = truth
    painted = pictures.copy()
    painted[regions == NAMES.index("eyes")] += 25
    gates = measure(painted, pictures, regions, NAMES)
    assert gates.eyes_psnr == pytest.approx(-20 * np.log10(25 / 255), abs=1e-3)
    assert gates.mouth_psnr == pytest.approx(100.0)
    assert gates.eyes_psnr < gates.face_psnr < gates.mouth_psnr


def test_a_plain_face_has_no_sharpness(truth: tuple[np.ndarray, np.ndarray]) -> None:
    pictures, regions = truth
    gates = measure(np.full_like(pictures, 128), pictures, regions, NAMES)
    assert gates.eyes_sharpness == gates.mouth_sharpness == pytest.approx(0.0)


def test_shrink_averages_blocks() -> None:
    pictures = np.zeros((1, 4, 4, 4), np.uint8)
    pictures[0, :2, :2] = [[[10, 0, 0, 255]]]
    pictures[0, 0, 3] = 8
    assert shrink(pictures, 2)[0, 0, 0].tolist() == [10, 0, 0, 255]
    assert shrink(pictures, 2)[0, 0, 1].tolist() == [2, 2, 2, 2]


def test_a_sheet_shows_truth_and_painted_poses(tmp_path: Path) -> None:
    torch.manual_seed(0)
    generator = Generator(LAYOUT)
    rng = np.random.default_rng(1)
    z = rng.normal(size=(2, 6)).astype(np.float32)
    p = rng.uniform(BUILTIN.lower, BUILTIN.upper, (2, 4, BUILTIN.dim)).astype(np.float32)
    truth = rng.integers(0, 255, (2, 4, 16, 16, 4), np.uint8)
    write_sheet(tmp_path / "sheet.png", generator, truth, z, p, torch.float32)
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    assert sheet.shape == (4 * 16, (4 + len(SHEET_POSES) // 2) * 16, 3)
    assert np.array_equal(sheet[:16, 16:32], truth[0, 1, ..., :3])
    assert np.array_equal(sheet[48:, 16:32], paint(generator, z[1:], p[1, 1:2], 16, torch.float32)[0, ..., :3])
