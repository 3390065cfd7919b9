"""The generator against StyleGAN2's definition, written out the slow way."""

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from puppet.networks.layout import GeneratorLayout, builtin_layout, stylegan2_layout
from puppet.networks.stylegan2 import Generator, StyledConv, SynthesisNetwork, ToRGB

TINY = GeneratorLayout(
    resolution=32,
    channels=(8, 8, 6, 4),
    img_channels=4,
    z_dim=5,
    w_dim=7,
    mapping_layers=2,
    mapping_lr_multiplier=1.0,
    normalize_z=False,
    use_noise=False,
    pose_dim=3,
    pose_rows=6,
)
AUTHORS = stylegan2_layout(256, 1, pose_dim=15)


@pytest.fixture
def generator() -> Generator:
    torch.manual_seed(0)
    generator = Generator(TINY)
    torch.nn.init.normal_(generator.pose_basis)
    return generator


def upfirdn_twice(x: torch.Tensor) -> torch.Tensor:
    """Zero insertion, pad (2, 1), correlation with [1, 3, 3, 1] of sum 4."""
    batch, channels, height, width = x.shape
    grown = torch.zeros(batch, channels, 2 * height, 2 * width)
    grown[..., ::2, ::2] = x
    axis = torch.tensor([1.0, 3.0, 3.0, 1.0])
    kernel = (torch.outer(axis, axis) / 16).expand(channels, 1, 4, 4)
    return F.conv2d(F.pad(grown, (2, 1, 2, 1)), kernel, groups=channels)


@pytest.mark.parametrize("upsample", [False, True])
def test_styled_conv_is_a_convolution_with_weights_modulated_and_demodulated_per_picture(upsample: bool) -> None:
    torch.manual_seed(1)
    layer = StyledConv(TINY, 8, 16, upsample=upsample)
    torch.nn.init.normal_(layer.bias)
    x, w = torch.randn(3, 8, *(2 * [8 if upsample else 16])), torch.randn(3, 7)
    expected = []
    for one, row in zip(x, w, strict=True):
        style = layer.affine.weight @ row / math.sqrt(7) + layer.affine.bias
        weight = layer.weight / math.sqrt(8 * 9) * style[:, None, None]
        weight = weight / (weight.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        if upsample:
            y = F.conv_transpose2d(one[None], weight.transpose(0, 1), stride=2)
            axis = torch.tensor([1.0, 3.0, 3.0, 1.0])
            kernel = (torch.outer(axis, axis) / 16).expand(6, 1, 4, 4)
            y = F.conv2d(F.pad(y, (1, 1, 1, 1)), kernel, groups=6)
        else:
            y = F.conv2d(one[None], weight, padding=1)
        expected.append(F.leaky_relu(y + layer.bias[:, None, None], 0.2) * math.sqrt(2))
    assert torch.allclose(layer(x, w), torch.cat(expected), atol=1e-5)


def test_rgb_is_modulated_but_not_demodulated() -> None:
    torch.manual_seed(2)
    layer = ToRGB(TINY, 6)
    x, w = torch.randn(2, 6, 4, 4), torch.randn(2, 7)
    style = layer.affine(w)
    expected = torch.einsum("bchw,bc,ic->bihw", x, style, layer.weight[:, :, 0, 0] / math.sqrt(6))
    assert torch.allclose(layer(x, w), expected, atol=1e-5)


def test_skip_is_enlarged_as_by_upfirdn() -> None:
    network = SynthesisNetwork(TINY)
    x = torch.randn(2, 4, 8, 8)
    assert torch.allclose(network._enlarge(x), upfirdn_twice(x), atol=1e-6)


@pytest.mark.parametrize(
    ("row", "first_resolution"),
    [(0, 4), (1, 4), (2, 8), (3, 8), (4, 16), (5, 16), (6, 32), (7, 32)],
)
def test_a_row_changes_nothing_coarser_than_its_layers(generator: Generator, row: int, first_resolution: int) -> None:
    """Row 2k + 1 is that of the RGB layer at 4·2^k; row 2k that of the second convolution there."""
    ws = torch.randn(1, 8, 7)
    moved = ws.clone()
    moved[:, row] += 1
    for resolution in TINY.resolutions:
        same = torch.equal(generator.synthesis(ws, resolution), generator.synthesis(moved, resolution))
        assert same == (resolution < first_resolution)


def test_coarse_stages_are_the_skip_of_the_full_picture(generator: Generator) -> None:
    ws = torch.randn(2, 8, 7)
    with torch.no_grad():
        for rgb in list(generator.synthesis.to_rgbs)[2:]:
            rgb.weight.zero_()
        coarse, full = generator.synthesis(ws, 8), generator.synthesis(ws)
    assert torch.allclose(full, upfirdn_twice(upfirdn_twice(coarse)), atol=1e-5)


@pytest.mark.parametrize("begun", [4, 8, 16])
def test_a_picture_can_be_begun_and_finished_later_by_the_layers_above(generator: Generator, begun: int) -> None:
    ws, synthesis = torch.randn(2, TINY.num_ws, TINY.w_dim), generator.synthesis
    for resolution in (16, 32):
        finished = synthesis.finish(*synthesis.begin(ws, begun), ws, resolution)
        torch.testing.assert_close(finished, synthesis(ws, resolution), rtol=0, atol=0)
    synthesis.requires_grad_(False)
    synthesis.layers_above(begun).requires_grad_(True)
    learns = {name for name, weight in synthesis.named_parameters() if weight.requires_grad}
    synthesis.finish(*synthesis.begin(ws, begun), ws).square().sum().backward()
    assert learns == {name for name, weight in synthesis.named_parameters() if weight.grad is not None}


def test_a_finished_picture_is_moved_away_from_its_blur_and_coarser_ones_are_not(generator: Generator) -> None:
    sharper = Generator(replace(TINY, sharpness=0.8))
    sharper.load_state_dict(generator.state_dict())
    ws = torch.randn(2, 8, 7)
    with torch.no_grad():
        before, after = generator.synthesis(ws), sharper.synthesis(ws)
        assert torch.equal(generator.synthesis(ws, 16), sharper.synthesis(ws, 16))
    axis = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
    kernel = torch.outer(axis, axis).expand(4, 1, 5, 5)
    blurred = F.conv2d(F.pad(before, (2, 2, 2, 2), mode="replicate"), kernel, groups=4)
    assert torch.allclose(after, before + 0.8 * (before - blurred), atol=1e-5)


def test_pose_moves_its_rows_linearly_and_no_others(generator: Generator) -> None:
    z, p = torch.randn(2, 5), torch.randn(2, 3)
    rest, once, twice = (generator.codes(z, factor * p) for factor in (0.0, 1.0, 2.0))
    assert torch.equal(rest[:, 6:], once[:, 6:])
    assert torch.allclose(twice - rest, 2 * (once - rest), atol=1e-5)
    expected = torch.stack([generator.pose_basis[3] @ row for row in p])
    assert torch.allclose((once - rest)[:, 3], expected, atol=1e-5)
    assert torch.allclose(rest, rest[:, :1].expand_as(rest))


def test_bfloat16_features_give_nearly_the_float32_picture(generator: Generator) -> None:
    ws = torch.randn(4, 8, 7)
    with torch.no_grad():
        exact, fast = generator.synthesis(ws), generator.synthesis(ws, dtype=torch.bfloat16)
    assert fast.dtype == torch.float32
    assert (exact - fast).square().mean() < 1e-3 * exact.square().mean()


def test_every_weight_learns(generator: Generator) -> None:
    generator(torch.randn(2, 5), torch.randn(2, 3)).square().mean().backward()
    for name, weight in generator.named_parameters():
        assert weight.grad is not None and weight.grad.abs().sum() > 0, name


def test_normalize_z_forgets_the_length_of_z() -> None:
    z = torch.randn(3, 5)
    for normalize in (False, True):
        mapping = Generator(GeneratorLayout.from_json(TINY.to_json() | {"normalize_z": normalize})).mapping
        assert torch.allclose(mapping(z), mapping(3 * z), atol=1e-4) == normalize


def test_noise_is_stored_and_scaled_by_its_strength() -> None:
    torch.manual_seed(3)
    generator = Generator(GeneratorLayout.from_json(TINY.to_json() | {"use_noise": True}))
    ws = torch.randn(1, 8, 7)
    quiet = generator.synthesis(ws)
    with torch.no_grad():
        generator.synthesis.convs[0].noise_strength.fill_(1.0)
    assert not torch.allclose(generator.synthesis(ws), quiet)
    assert torch.equal(generator.synthesis(ws), generator.synthesis(ws))
    assert "synthesis.convs.6.noise" in generator.state_dict()


def test_the_authors_layout_has_the_parameters_of_the_released_generator() -> None:
    with torch.device("meta"):
        generator = Generator(AUTHORS)
    network = [p for name, p in generator.named_parameters() if name != "pose_basis"]
    noise = [b for name, b in generator.named_buffers() if name.endswith(".noise")]
    assert sum(p.numel() for p in network) == 24_767_458
    # The reference also stores one 4×4 blur for each of six up-convolutions and six skips.
    assert sum(b.numel() for b in noise) == 174_928 - 12 * 16


def test_the_builtin_layout_fits_in_15_mib_of_float16() -> None:
    with torch.device("meta"):
        generator = Generator(builtin_layout(z_dim=200, pose_dim=15))
    assert 2 * sum(p.numel() for p in generator.parameters()) < 15 * 2**20
    assert builtin_layout(200, 15).num_ws == 14
