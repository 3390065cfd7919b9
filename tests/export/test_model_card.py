"""The model card's table on heads whose part is known."""

from dataclasses import replace

import disc_pool
import numpy as np
import torch
from PIL import Image

from export.head_factors import Z_DIM, with_amounts
from export.head_pool import HeadBatch
from export.model_card import FEWEST, faces, painted, parts, sheet, table
from export.render_heads import REGIONS
from puppet.gallery import USUAL
from puppet.networks.stylegan2 import Generator
from puppet.pose_space import BUILTIN

POSES = 2
LAYOUT = replace(disc_pool.LAYOUT, z_dim=Z_DIM)
EDGE = LAYOUT.resolution


def heads(amounts: list[dict[str, float]], turned_deg: float) -> HeadBatch:
    """People with these factors, each facing the viewer and turned."""
    z = np.stack([with_amounts(np.zeros(Z_DIM, np.float32), one) for one in amounts])
    p = np.tile(BUILTIN.rest, (len(z), POSES, 1)).astype(np.float32)
    p[:, 1, BUILTIN.index("yaw")] = turned_deg
    rng = np.random.default_rng(0)
    rgba = rng.integers(0, 256, (len(z), POSES, EDGE, EDGE, 4), dtype=np.uint8)
    regions = rng.integers(0, len(REGIONS), rgba.shape[:-1], dtype=np.uint8)
    return HeadBatch(rgba, regions, z, p)


def test_pictures_belong_to_the_parts_that_they_show() -> None:
    batch = heads([{"skin_tone": 0.1, "hair_length": 0.9}, {"skin_tone": 0.5}, {"skin_tone": 0.9}], turned_deg=-30.0)
    found = {name: np.flatnonzero(which).tolist() for name, which in parts(batch)}
    assert found["skin: darker third"] == [0, 1]
    assert found["skin: middle third"] == [2, 3]
    assert found["skin: lighter third"] == [4, 5]
    assert found["hair: longer third"] == [0, 1]
    assert found["turned by less than 10°"] == [0, 2, 4]
    assert found["turned further"] == [1, 3, 5]
    assert found["all"] == list(range(6))


def test_small_parts_have_no_row() -> None:
    torch.manual_seed(0)
    batch = heads([{"skin_tone": 0.1}] * FEWEST, turned_deg=30.0)
    rows = table(painted(Generator(LAYOUT).eval(), batch), batch).splitlines()
    named = [row.split("|")[1].strip() for row in rows[2:]]
    assert "skin: darker third" in named
    assert "turned further" in named
    assert "skin: lighter third" not in named


def test_the_sheet_is_the_same_every_time() -> None:
    torch.manual_seed(0)
    generator = Generator(LAYOUT).eval()
    picture = sheet(generator)
    assert picture.shape == (8 * EDGE, 7 * EDGE, 3)
    assert np.array_equal(picture, sheet(generator))


def test_faces_are_found_and_their_eyes_measured() -> None:
    portrait = np.array(Image.open(USUAL).convert("RGBA").resize((256, 256)))
    blind = np.full_like(portrait, 128)
    painted_ones, true_ones = [portrait, portrait[:, ::-1], blind], [portrait, portrait[:, ::-1], portrait]
    same = faces(np.stack(painted_ones), np.stack(true_ones))
    text, mirrored = same.rsplit(" ", 1)
    assert text == (
        "FaceMesh finds 66.7 % of the faces, 100.0 % of the true ones; eyes' aspect: R² 1.00, mirrored true ones:"
    )
    assert float(mirrored) < 1
