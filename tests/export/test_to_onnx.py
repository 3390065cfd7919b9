import dataclasses
import json

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper
from safetensors.torch import load_file

from engines import open_engine
from export.to_onnx import (
    Painter,
    compare_synthesis,
    export_network,
    export_synthesis,
    load_generator,
    main,
    refer_to_weights,
)  # fmt: skip
from export.training import save_weights, write_json
from puppet.networks.firm import ALL, NONE, firm
from puppet.networks.layout import GeneratorLayout
from puppet.networks.stylegan2 import Generator

TINY = GeneratorLayout(
    resolution=16, channels=(8, 8, 4), img_channels=4, z_dim=5, w_dim=8, mapping_layers=1, mapping_lr_multiplier=1.0,
    normalize_z=False, use_noise=False, pose_dim=3, pose_rows=4, sharpness=0.5,
)  # fmt: skip


def tiny_generator(layout=TINY, seed=0):
    torch.manual_seed(seed)
    generator = Generator(layout).eval()
    with torch.no_grad():
        generator.pose_basis.normal_(0, 0.1)
        for parameter in generator.parameters():
            parameter.copy_(parameter.half())
    return generator


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("synthesis")
    export_synthesis(tiny_generator(), folder)
    return folder


def test_every_engine_paints_what_torch_paints(exported):
    agreements = compare_synthesis(tiny_generator(), exported)
    assert {agreement.engine.split()[0] for agreement in agreements} == {"onnxruntime", "openvino"}
    assert all(agreement.max_error <= 1 for agreement in agreements if "f32" in agreement.engine)


def test_the_comparison_notices_a_wrong_graph(exported):
    with pytest.raises(ValueError, match="should reach"):
        compare_synthesis(tiny_generator(seed=1), exported)


def test_weights_are_stored_once(exported):
    graph = (exported / "synthesis.onnx").read_bytes()
    proto = onnx.load_model_from_string(graph)
    inside = sum(len(tensor.raw_data) for tensor in proto.graph.initializer)
    blurs = (8 + 4 + 4 * 4) * 4 * 4 * 4
    assert inside < blurs + 1024

    shared = {tensor.name.removesuffix(".f16") for tensor in proto.graph.initializer if tensor.external_data}
    assert shared == {name for name in load_file(exported / "generator.safetensors") if name.startswith("synthesis.")}


def test_other_weights_fit_under_the_same_graph(exported, tmp_path):
    (tmp_path / "synthesis.onnx").write_bytes((exported / "synthesis.onnx").read_bytes())
    other = tiny_generator(seed=2)
    save_weights(other, tmp_path / "generator.safetensors")
    assert compare_synthesis(other, tmp_path)


def test_the_graph_tells_nothing_of_the_machine(exported):
    assert b".py" not in (exported / "synthesis.onnx").read_bytes()


def test_a_generator_without_alpha():
    painter = Painter(tiny_generator(dataclasses.replace(TINY, img_channels=3)))
    assert painter(torch.zeros(1, TINY.num_ws, TINY.w_dim)).shape == (1, 16, 16, 3)


def test_weights_of_another_layout_are_refused(tmp_path):
    const = helper.make_tensor("synthesis.const", TensorProto.FLOAT, [1, 4, 4, 4], [0.0] * 64)
    proto = helper.make_model(helper.make_graph([], "synthesis", [], [], [const]))
    save_weights(tiny_generator(), tmp_path / "generator.safetensors")
    with pytest.raises(ValueError, match=r"synthesis\.const should be F16"):
        refer_to_weights(proto, tmp_path / "generator.safetensors")


def test_a_network_becomes_one_file_of_half_the_size(tmp_path):
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(64, 200), torch.nn.ReLU(), torch.nn.Linear(200, 3))
    x = torch.randn(1, 64)
    export_network(module, {"x": x}, ["y"], tmp_path / "net.onnx")

    assert (tmp_path / "net.onnx").stat().st_size < 0.6 * 4 * sum(p.numel() for p in module.parameters())
    y = open_engine(tmp_path / "net.onnx", "onnxruntime").run({"x": x.numpy()})["y"]
    np.testing.assert_allclose(y, module(x).detach().numpy(), atol=2e-3)


def write_state(folder, generator, resolution):
    folder.mkdir(parents=True, exist_ok=True)
    save_weights(generator, folder / "averaged.safetensors")
    write_json(folder / "state.json", {"layout": generator.layout.to_json(), "pictures": 1, "resolution": resolution})


def test_the_script_is_reproducible_and_says_how_well_the_engines_agree(exported, tmp_path, capsys):
    write_state(tmp_path / "state", tiny_generator(), 16)
    main(["--state", str(tmp_path / "state"), "--out", str(tmp_path / "out")])
    assert "onnxruntime CPU f32: max error" in capsys.readouterr().out
    for name in ("synthesis.onnx", "generator.safetensors"):
        assert (tmp_path / "out" / name).read_bytes() == (exported / name).read_bytes()


@pytest.mark.parametrize("missing", ["state.json", "layout"])
def test_a_state_that_is_not_there(tmp_path, missing):
    write_state(tmp_path, tiny_generator(), 16)
    if missing == "layout":
        values = json.loads((tmp_path / "state.json").read_text())
        del values["layout"]
        write_json(tmp_path / "state.json", values)
    else:
        (tmp_path / missing).unlink()
    with pytest.raises(ValueError, match="trainer's state"):
        load_generator(tmp_path)


def test_half_a_training_is_not_exported(tmp_path):
    write_state(tmp_path, tiny_generator(), 8)
    with pytest.raises(ValueError, match="train it at 16 px"):
        load_generator(tmp_path)


@given(st.floats(0.0, 1.0), st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.floats(0.0, 1.0)))
def test_a_firm_matte_keeps_the_colour_and_loses_traces(opacity, colour):
    rgb = [opacity * (2 * c - 1) for c in colour]
    picture = torch.tensor([*rgb, 2 * opacity - 1], dtype=torch.float64).reshape(1, 4, 1, 1)
    *firm_rgb, alpha = firm(picture).flatten().tolist()
    firmed = (alpha + 1) / 2
    assert firmed == pytest.approx(min(max((opacity - NONE) / (ALL - NONE), 0.0), 1.0), abs=1e-9)
    assert firm_rgb == pytest.approx([firmed * (2 * c - 1) for c in colour], abs=1e-9)


def test_pictures_without_a_matte_stay():
    picture = torch.randn(1, 3, 4, 4)
    assert torch.equal(firm(picture), picture)
