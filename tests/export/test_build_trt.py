"""The whole of it on a pretended GPU; and what it says where there is none."""

from __future__ import annotations

import dataclasses
import hashlib
import sys
from functools import partial

import numpy as np
import onnx
import pytest
import torch
from pretend_gpu import PretendDriver, pretend_tensorrt
from safetensors.torch import load_file, save

from engines import EngineError
from engines.cache import PlanCache
from engines.times import measure_ms
from export import build_trt
from export.build_trt import TorchPainter, build, find_avatar, main, write_graphs
from puppet.avatar import Avatar, Tuned, save_avatar
from puppet.bundle import load_bundle
from puppet.errors import AvatarError
from puppet.folders import folders
from puppet.painter import probes
from puppet.weights_difference import difference


@pytest.fixture(scope="module")
def bundle(stylegan_folder):
    return load_bundle(stylegan_folder)


@pytest.fixture
def gpu(monkeypatch):
    driver = PretendDriver()
    monkeypatch.setattr("engines.cuda.load_driver", lambda: driver)
    monkeypatch.setattr("export.build_trt.load_driver", lambda: driver)
    trt = pretend_tensorrt(driver)
    monkeypatch.setitem(sys.modules, "tensorrt", trt)
    monkeypatch.setattr(build_trt, "measure_ms", partial(measure_ms, seconds=0))
    return trt


@pytest.fixture
def photo(bundle):
    """An avatar with weights of its own."""
    base = bundle.generator_path.read_bytes()
    weights = {name: tensor * 0.9 for name, tensor in load_file(bundle.generator_path).items()}
    grey = np.full((32, 32, 3), 99, np.uint8)
    code, p_s = np.zeros((bundle.num_ws, bundle.w_dim), np.float32), np.zeros(bundle.pose_space.dim, np.float32)
    packed = difference(base, save(weights))
    tuned = Tuned(packed, hashlib.sha256(packed).hexdigest())
    return Avatar(code, p_s, grey, grey, "f" * 64, bundle.sha256, tuned=tuned)


@pytest.mark.parametrize("precision", ["f32", "fp16"])
def test_three_networks_are_built_and_agree(bundle, gpu, tmp_path, photo, precision):
    rows = build(bundle, photo, precision, PlanCache(tmp_path))
    assert [row.network for row in rows] == ["synthesis", "pose", "encoder", "synthesis, tuned"]
    assert gpu.builds == 3
    assert [row.engine.rsplit(" ", 1)[-1] for row in rows] == [precision, "f32", precision, precision]
    assert [row.reference for row in rows][::3] == ["torch", "torch"]
    assert all(row.psnr_db >= build_trt.LEAST_DB["fp16"] and row.time_ms > 0 for row in rows)


def test_the_tuned_picture_is_another(bundle, photo):
    plain, tuned = (TorchPainter(bundle, weights) for weights in (None, photo.tuned.weights(bundle)))
    w = probes(bundle)[0]
    assert not np.array_equal(plain.run(w)["rgba"], tuned.run(w)["rgba"])


def test_a_plan_that_computes_something_else_is_an_error(bundle, gpu, tmp_path, monkeypatch):
    monkeypatch.setattr(build_trt, "LEAST_DB", {"f32": np.inf, "fp16": np.inf})
    monkeypatch.setattr(TorchPainter, "run", lambda self, inputs: {"rgba": np.zeros((1, 32, 32, 4), np.uint8)})
    with pytest.raises(EngineError, match="the plan is wrong"):
        build(bundle, None, "fp16", PlanCache(tmp_path))


def test_from_the_command_line(stylegan_folder, gpu, tmp_path, capsys):
    assert main(["--bundle", str(stylegan_folder), "--output", str(tmp_path / "out")]) == 0
    assert "synthesis" in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "synthesis.onnx", "pose.onnx", "encoder.onnx", "synthesis.pt2", "plans",
    }  # fmt: skip


def test_what_is_written_can_be_read(bundle, tmp_path):
    write_graphs(bundle, tmp_path, "f32")
    for name in ("synthesis", "pose", "encoder"):
        onnx.checker.check_model(str(tmp_path / f"{name}.onnx"), full_check=True)
    inputs = probes(bundle)[0]
    painted = torch.export.load(tmp_path / "synthesis.pt2").module()(torch.from_numpy(inputs["w"].copy())).numpy()
    np.testing.assert_array_equal(painted, TorchPainter(bundle).run(inputs)["rgba"])


def test_an_enrolled_portrait_is_found(bundle, photo, tmp_path, monkeypatch):
    monkeypatch.setattr(build_trt, "folders", lambda wanted: folders(tmp_path))
    picture = tmp_path / "me.png"
    picture.write_bytes(b"a picture")
    with pytest.raises(AvatarError, match="is not enrolled"):
        find_avatar(picture, bundle)
    sha256 = hashlib.sha256(b"a picture").hexdigest()
    mine = dataclasses.replace(photo, portrait_sha256=sha256)
    mine = dataclasses.replace(
        mine, tuned=Tuned(mine.tuned.difference, hashlib.sha256(mine.tuned.difference).hexdigest())
    )
    save_avatar(mine, folders(tmp_path).avatars)
    assert find_avatar(picture, bundle).look == "photo"
    with pytest.raises(AvatarError, match="cannot be read"):
        find_avatar(tmp_path / "none.png", bundle)


@pytest.mark.parametrize(("driver", "words"), [(None, "no NVIDIA GPU"), (PretendDriver(), "pip install")])
def test_what_is_missing_is_one_sentence_and_code_1(monkeypatch, capsys, driver, words):
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    monkeypatch.setattr("engines.cuda.DRIVER", "libnone.so")
    if driver is not None:
        monkeypatch.setattr("export.build_trt.load_driver", lambda: driver)
    assert main([]) == 1
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("build_trt: ") and words in err and err.count("\n") == 1
