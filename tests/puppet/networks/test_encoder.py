from dataclasses import replace

import disc_pool
import pytest
import torch
import torch.nn.functional as F

from puppet.networks.encoder import CodeEncoder, Encoder
from puppet.networks.stylegan2 import Generator

LAYOUT = replace(disc_pool.LAYOUT, z_dim=10)


@pytest.fixture
def parts() -> tuple[Encoder, Generator]:
    torch.manual_seed(0)
    return Encoder(32, factors=7, pose_dim=15).eval(), Generator(LAYOUT).eval()


def test_the_code_is_the_mapped_guess_in_every_row(parts: tuple[Encoder, Generator]) -> None:
    encoder, generator = parts
    picture = torch.randint(0, 256, (1, 32, 32, 3), dtype=torch.uint8)
    with torch.no_grad():
        c = CodeEncoder(encoder, generator)(picture)
        factors = encoder(picture.permute(0, 3, 1, 2) / 255.0)[:, :7]
        w = generator.mapping(F.pad(factors, (0, 3)))
    assert c.shape == (1, LAYOUT.num_ws, LAYOUT.w_dim)
    for row in c[0]:
        torch.testing.assert_close(row, w[0])


def test_red_is_not_blue(parts: tuple[Encoder, Generator]) -> None:
    code = CodeEncoder(*parts)
    red = torch.zeros(1, 32, 32, 3, dtype=torch.uint8)
    red[..., 0] = 255
    with torch.no_grad():
        assert not torch.allclose(code(red), code(red.flip(3)))
