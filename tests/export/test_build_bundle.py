import dataclasses
import json
import shutil

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from safetensors.numpy import save_file

from engines import EngineLoadError, open_engine
from export import build_bundle as script
from export.build_bundle import Parts, build_bundle, check_graphs, check_sizes, main
from export.to_onnx import export_network
from export.training import save_weights, write_json
from puppet.bundle import IDENTITY, REQUIRED, load_bundle, write_manifest
from puppet.likeness import Scale
from puppet.networks.identity import IdentityNetwork, PictureIdentity
from puppet.networks.layout import GeneratorLayout
from puppet.networks.stylegan2 import Generator
from puppet.pose_space import BUILTIN

ABOUT = {"name": "tiny", "version": "1", "licence": "CC0-1.0"}


@pytest.fixture(scope="module")
def made(bundle_folder, tmp_path_factory):
    """Trained parts, small."""
    folder = tmp_path_factory.mktemp("parts")
    layout = load_bundle(bundle_folder).layout
    torch.manual_seed(0)
    generator = Generator(layout)
    torch.nn.init.normal_(generator.pose_basis, std=0.1)
    save_weights(generator, folder / "averaged.safetensors")
    state = {"layout": layout.to_json(), "pictures": 1, "resolution": layout.resolution}
    write_json(folder / "state.json", state)
    (folder / "notice.txt").write_text("free")
    network = PictureIdentity(IdentityNetwork(layout.resolution))
    picture = torch.zeros(1, layout.resolution, layout.resolution, 3, dtype=torch.uint8)
    export_network(network, {"picture": picture}, ["identity"], folder / IDENTITY)
    write_json(folder / "scores.json", {"same": 0.8, "strangers": 0.1, "equal_error_rate": 0.02})
    encoder = bundle_folder / "encoder.onnx"
    return Parts(folder, 0.5, bundle_folder / "pose.onnx", encoder, folder, *4 * [None], folder / "notice.txt")


@pytest.fixture(scope="module")
def built(made, tmp_path_factory):
    folder = tmp_path_factory.mktemp("built")
    bundle = build_bundle(made, folder / "tiny", **ABOUT)
    assert list(folder.iterdir()) == [bundle.folder]
    return bundle


@pytest.fixture
def copied(built, tmp_path):
    return shutil.copytree(built.folder, tmp_path / "tiny")


def reseal(folder):
    layout = GeneratorLayout.from_json(json.loads((folder / "bundle.json").read_text())["generator"])
    write_manifest(folder, **ABOUT, layout=layout, pose_space=BUILTIN, identity=Scale(0.1, 0.8))
    return load_bundle(folder)


def test_a_bundle_that_paints(built):
    assert {path.name for path in built.folder.iterdir()} == {*REQUIRED, IDENTITY, "bundle.json", "LICENSE"}
    assert built.identity == Scale(strangers=0.1, same=0.8)
    assert built.layout.sharpness == 0.5
    assert built.A.shape == (built.layout.pose_rows, built.w_dim, 15)
    assert np.abs(built.A).max() > 0.1
    code = np.ones((1, built.num_ws, built.w_dim), np.float32)
    assert open_engine(built.synthesis_path).run({"w": code})["rgba"].std() > 0


def test_swapped_graphs_are_noticed(copied):
    (copied / "pose.onnx").rename(copied / "x")
    (copied / "encoder.onnx").rename(copied / "pose.onnx")
    (copied / "x").rename(copied / "encoder.onnx")
    with pytest.raises(ValueError, match=r"encoder\.onnx should take"):
        check_graphs(reseal(copied))


def test_a_graph_that_gives_no_numbers(copied):
    proto = onnx.load(copied / "pose.onnx")
    for tensor in proto.graph.initializer:
        if tensor.name == "offset":
            tensor.CopyFrom(numpy_helper.from_array(np.full(tuple(tensor.dims), np.inf, np.float32), tensor.name))
    onnx.save(proto, copied / "pose.onnx")
    with pytest.raises(ValueError, match=r"pose\.onnx gives numbers that are not finite"):
        check_graphs(reseal(copied))


@pytest.mark.parametrize("limit", ["FILE_MAX_BYTES", "TOTAL_MAX_BYTES"])
def test_too_large(built, monkeypatch, limit):
    check_sizes(built.folder)
    monkeypatch.setattr(script, limit, 1000)
    with pytest.raises(ValueError, match="Train a smaller network"):
        check_sizes(built.folder)


@pytest.mark.parametrize(("content", "error"), [(None, OSError), (b"nothing", EngineLoadError)])
def test_a_failure_leaves_the_old_bundle_alone(made, built, copied, tmp_path, content, error):
    encoder = tmp_path / "bad"
    if content is not None:
        encoder.write_bytes(content)

    with pytest.raises(error, match=r"encoder|bad"):
        build_bundle(dataclasses.replace(made, encoder=encoder), copied, **ABOUT | {"version": "2"})

    assert load_bundle(copied).sha256 == built.sha256
    assert {path.name for path in tmp_path.iterdir()} <= {"bad", "tiny"}


def test_the_script_replaces_an_older_bundle(made, built, copied, tmp_path, capsys):
    save_file({"A": np.full_like(built.A, 0.5)}, tmp_path / "A.safetensors")
    options = {
        "state": made.state, "pose": made.pose, "encoder": made.encoder, "out": copied, "version": 2,
        "directions": tmp_path / "A.safetensors",
    }  # fmt: skip
    main([word for name, value in options.items() for word in (f"--{name}", str(value))])

    bundle = load_bundle(copied)
    assert (bundle.name, bundle.version) == ("builtin", "2")
    assert (bundle.A == 0.5).all()
    assert "CC0 1.0" in (copied / "LICENSE").read_text()
    out = capsys.readouterr().out
    assert "generator.safetensors" in out
    assert "PSNR" in out
