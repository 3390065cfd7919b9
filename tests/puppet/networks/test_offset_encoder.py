"""Offsets begin at nothing, are opened row by row, and are counted in the spread of m(z)."""

from dataclasses import replace

import disc_pool
import pytest
import torch

from puppet.networks.encoder import CodeEncoder, Encoder
from puppet.networks.layout import stylegan2_layout
from puppet.networks.offset_encoder import OffsetEncoder
from puppet.networks.stylegan2 import Generator

LAYOUT = replace(disc_pool.LAYOUT, z_dim=10)
ROWS = LAYOUT.num_ws


@pytest.fixture
def encoder() -> OffsetEncoder:
    torch.manual_seed(0)
    return OffsetEncoder(32, 7, 15, ROWS, LAYOUT.w_dim).eval().requires_grad_(False)


def learned(encoder: OffsetEncoder) -> OffsetEncoder:
    for head in encoder.offset_heads:
        torch.nn.init.normal_(head.last.weight)
    return encoder


def test_new_offsets_change_nothing_even_when_all_rows_are_open(encoder: OffsetEncoder) -> None:
    encoder.open(encoder.most_rows)
    first = Encoder(32, 7, 15).eval()
    first.load_state_dict({name: encoder.state_dict()[name] for name in first.state_dict()})
    picture, mapping = torch.rand(2, 3, 32, 32), Generator(LAYOUT).mapping
    with torch.no_grad():
        a, b = (each.encode(picture, mapping, LAYOUT) for each in (first, encoder))
    torch.testing.assert_close(a.c, b.c)
    torch.testing.assert_close(a.p_scaled, b.p_scaled)


@pytest.mark.parametrize("rows", [0, 1, 4, ROWS - 1])
def test_rows_after_the_first_are_opened_in_order(encoder: OffsetEncoder, rows: int) -> None:
    learned(encoder).open(rows)
    Δ = encoder.offsets(encoder.features(torch.rand(3, 3, 32, 32)))
    assert Δ.shape == (3, ROWS, LAYOUT.w_dim)
    assert Δ.abs().sum((0, 2)).ne(0).tolist() == [0 < row <= rows for row in range(ROWS)]


def test_codes_are_the_mapped_guess_and_offsets_in_units_of_the_spread(encoder: OffsetEncoder) -> None:
    learned(encoder).open(encoder.most_rows)
    encoder.spread.fill_(2.5)
    picture, mapping = torch.rand(2, 3, 32, 32), Generator(LAYOUT).mapping
    with torch.no_grad():
        c = encoder.encode(picture, mapping, LAYOUT).c
        base = encoder.mapped(encoder(picture), mapping, LAYOUT)
        Δ = encoder.offsets(encoder.features(picture))
    torch.testing.assert_close(c, base + 2.5 * Δ)
    torch.testing.assert_close(c[:, 0], base[:, 0])


def test_coarse_rows_do_not_see_fine_features(encoder: OffsetEncoder) -> None:
    learned(encoder).open(encoder.most_rows)
    maps = encoder.features(torch.rand(1, 3, 32, 32))
    before = encoder.offsets(maps)
    finer = [maps[0], maps[1] + 1, *maps[2:]]
    assert before.ne(encoder.offsets(finer)).any(2)[0].tolist() == [row >= 7 for row in range(ROWS)]
    middle = [*maps[:2], maps[2] + 1, maps[3]]
    assert before.ne(encoder.offsets(middle)).any(2)[0].tolist() == [row >= 3 for row in range(ROWS)]


def test_what_is_open_belongs_to_the_weights(encoder: OffsetEncoder) -> None:
    encoder.open(3)
    again = OffsetEncoder(32, 7, 15, ROWS, LAYOUT.w_dim)
    again.load_state_dict(encoder.state_dict())
    assert again.opened[:, 0].tolist() == [0, 1, 1, 1, *[0] * (ROWS - 4)]


def test_it_is_shipped_like_any_encoder(encoder: OffsetEncoder) -> None:
    learned(encoder).open(encoder.most_rows)
    with torch.no_grad():
        c = CodeEncoder(encoder, Generator(LAYOUT))(torch.randint(0, 256, (1, 32, 32, 3), dtype=torch.uint8))
    assert c.shape == (1, ROWS, LAYOUT.w_dim)
    assert c[0].std(0).gt(0).any()


def test_a_large_generator_has_heads_for_all_of_its_rows() -> None:
    layout = stylegan2_layout(256, 1, 15)
    encoder = OffsetEncoder(64, 7, 15, layout.num_ws, layout.w_dim)
    encoder.open(encoder.most_rows)
    assert [head.rows for head in encoder.offset_heads] == [2, 4, 7]
    assert encoder.offsets(encoder.features(torch.rand(1, 3, 64, 64))).shape == (1, 14, 512)
