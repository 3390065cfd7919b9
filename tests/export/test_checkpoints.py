"""Checkpoints are recognised by their tensors; what does not fit is named."""

import pytest
import torch
from authors_checkpoints import a_matrix, ada_state, g_ema, layout
from nvidia_fakes import nested, nvidia_pickle

from export.checkpoint_error import CheckpointError
from export.checkpoints import read_checkpoint, read_directions, read_e4e, read_generator
from export.feature_checkpoints import read_alexnet, read_vgg
from puppet.networks.layout import stylegan2_layout
from puppet.networks.lpips import Lpips
from puppet.networks.stylegan2 import Generator
from puppet.networks.vgg import Vgg


def stored(tmp_path, value):
    path = tmp_path / "file"
    torch.save(value, path)
    return path


def refused(read, *arguments):
    with pytest.raises(CheckpointError) as caught:
        read(*arguments)
    assert str(arguments[0]) in str(caught.value)
    return str(caught.value)


def same(state, of):
    generator = Generator(of)
    missing, unknown = generator.load_state_dict(state, strict=False)
    assert missing == ["pose_basis"] and not unknown


def test_a_generator_of_rosinality_tells_its_sizes(tmp_path):
    of = layout(16, (16, 8, 4))
    state = g_ema(of)
    kernel = torch.outer(*[torch.tensor([1.0, 3.0, 3.0, 1.0])] * 2) / 16
    state |= {"convs.0.conv.blur.kernel": kernel, "to_rgbs.0.upsample.kernel": kernel}
    read = read_generator(stored(tmp_path, {"g_ema": state, "g": {}}), 15, 4)
    assert read.layout == of and read.centre is None and not read.noises_drawn
    same(read.state, of)


@pytest.mark.parametrize(("resolution", "multiplier"), [(256, 1), (256, 2), (1024, 2)])
def test_the_published_sizes_are_told_from_shapes_alone(resolution, multiplier):
    from export.authors_keys import rosinality_shapes
    from export.checkpoints import _layout

    of = stylegan2_layout(resolution, multiplier, 15)
    shapes = rosinality_shapes(of)
    with torch.device("meta"):
        edges = [torch.empty(shapes["input.input"])]
        edges += [torch.empty(shapes[f"convs.{2 * i}.conv.weight"]) for i in range(len(of.channels) - 1)]
        assert _layout(edges, torch.empty(512, 512), 8, 15, 8) == of


@pytest.mark.parametrize(("resolution", "channels"), [(8, (8, 4)), (32, (8, 8, 8, 4))])
def test_a_generator_of_nvidia(resolution, channels, tmp_path):
    of = layout(resolution, channels)
    path = tmp_path / "network.pkl"
    state = ada_state(of) | {"synthesis.b8.resample_filter": torch.ones(4, 4)}
    buffers = ("w_avg", "noise_const", "resample_filter")
    path.write_bytes(nvidia_pickle({"G_ema": nested(state, buffers)}))
    read = read_generator(path, 15, 4)
    assert read.layout == of
    assert torch.equal(read.centre, state["mapping.w_avg"])
    same(read.state, of)


def test_missing_noise_is_drawn_from_a_seed(tmp_path):
    state = {name: tensor for name, tensor in g_ema(layout()).items() if not name.startswith("noises.")}
    path = stored(tmp_path, {"g_ema": state})
    first, second = read_generator(path, 15, 4), read_generator(path, 15, 4)
    assert first.noises_drawn
    assert torch.equal(first.state["synthesis.convs.0.noise"], second.state["synthesis.convs.0.noise"])


def test_names_that_differ_are_named(tmp_path):
    state = g_ema(layout())
    for name in ("convs.0.activate.bias", "convs.1.noise.weight", "to_rgb1.bias", "conv1.activate.bias"):
        del state[name]
    state |= {"extra": torch.ones(1), "to_rgbs.0.bias": torch.ones(3)}
    text = refused(read_generator, stored(tmp_path, {"g_ema": state}), 15, 4)
    assert "8 px with 16, 8 channels in rosinality's layout" in text and "and 1 more" in text
    assert "has unknown extra" in text and "to_rgbs.0.bias [3] instead of [1, 3, 1, 1]" in text
    assert sum(name in text for name in ("convs.0.activate.bias", "convs.1.noise.weight", "to_rgb1.bias")) >= 2


def test_numbers_that_are_none_are_named(tmp_path):
    state = g_ema(layout())
    state["style.1.weight"][0, 0] = torch.nan
    assert "no finite numbers in style.1.weight" in refused(read_generator, stored(tmp_path, {"g_ema": state}), 15, 4)


@pytest.mark.parametrize("lost", ["input.input", "style.1.weight"])
def test_without_its_first_tensors_it_is_no_generator(lost, tmp_path):
    state = g_ema(layout())
    del state[lost]
    assert "expected a StyleGAN2 generator" in refused(read_generator, stored(tmp_path, {"g_ema": state}), 15, 4)


def test_another_blur_is_refused(tmp_path):
    state = g_ema(layout()) | {"convs.0.conv.blur.kernel": torch.ones(4, 4)}
    assert "blur" in refused(read_generator, stored(tmp_path, {"g_ema": state}), 15, 4)


def test_a_file_in_the_wrong_place_is_told_its_own(tmp_path):
    path = stored(tmp_path, a_matrix())
    assert "it is a direction matrix (--directions)" in refused(read_generator, path, 15, 4)
    assert "it has a, b" in refused(read_checkpoint, stored(tmp_path, {"a": 1, "b": 2}), "deca")
    assert "not a list" in refused(read_checkpoint, stored(tmp_path, [1]), "deca")
    assert "cannot be read" in refused(read_checkpoint, tmp_path / "missing", "deca")


def test_an_encoder_of_other_codes(tmp_path):
    path = stored(tmp_path, {"e": {"styles.0.linear.weight": torch.ones(1)}})
    assert "codes of 14 rows" in refused(read_e4e, path, 14)


def test_directions(tmp_path):
    weight, bias, rows = read_directions(stored(tmp_path, a_matrix()), 15)
    assert (weight.shape, bias.shape, rows) == ((2048, 15), (2048,), 4)
    for change in ({"shift_scale": 3.0}, {"num_layers_shift": "8"}, {"num_layers_shift": 8}, {"A_matrix": {"a": 1}}):
        refused(read_directions, stored(tmp_path, a_matrix() | change), 15)
    assert "12 pose entries" in refused(read_directions, stored(tmp_path, a_matrix()), 12)


@pytest.mark.parametrize("content", [b"\xff\xd8\xff\xe0 a JPEG", b'{"a": 1}', b"\x08\x08 an ONNX graph"])
def test_what_is_no_checkpoint_at_all_is_said(content, tmp_path):
    path = tmp_path / "other.pt"
    path.write_bytes(content)
    text = refused(read_generator, path, 15, 4)
    assert "should be a StyleGAN2 generator (--stylegan); it is no torch file and no pickle" in text
    assert "cannot be read (Is a directory)" in refused(read_generator, tmp_path, 15, 4)
    path.write_bytes(b"")
    assert "not of 0 bytes" in refused(read_generator, path, 15, 4)


def test_alexnet(tmp_path):
    state = {f"features.{i}.{kind}": tensor for i, kind, tensor in alexnet_tensors()}
    path = stored(tmp_path, {**state, "classifier.1.weight": torch.ones(1)})
    assert set(read_alexnet(path)) == set(state)
    assert "an ArcFace" in refused(read_checkpoint, path, "identity") and "AlexNet" in refused(read_e4e, path, 4)
    del state["features.3.bias"]
    assert "lacks features.3.bias" in refused(read_alexnet, stored(tmp_path, state))


def test_vgg(tmp_path):
    state = {f"features.{name}": tensor for name, tensor in Vgg().features.state_dict().items()}
    # What lies above relu2_2 is not looked at.
    above = {"features.10.weight": torch.ones(1), "classifier.0.weight": torch.ones(1)}
    path = stored(tmp_path, {**state, **above})
    assert set(read_vgg(path)) == set(state)
    assert "VGG-16" in refused(read_alexnet, path)
    del state["features.7.bias"]
    assert "lacks features.7.bias" in refused(read_vgg, stored(tmp_path, {**state, **above}))


def alexnet_tensors():
    for i, layer in enumerate(Lpips().features):
        for kind, tensor in layer.state_dict().items():
            yield i, kind, tensor
