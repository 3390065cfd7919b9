"""What only TensorRT does, on a pretended GPU; `test_contract.py` has the rest, and the real one where there is one."""

from __future__ import annotations

import sys
import threading
from contextlib import closing

import numpy as np
import onnx
import pytest
import torch
from onnx import helper
from pretend_gpu import LOST, OUT_OF_MEMORY, PretendDriver, pretend_tensorrt

from engines import EngineLoadError, EngineRunError, EngineUnavailable
from engines.cache import PlanCache
from engines.cuda import Gpu, load_driver
from engines.tensorrt_build import load_tensorrt, model_sha256
from engines.tensorrt_engine import TensorRtEngine


@pytest.fixture
def driver() -> PretendDriver:
    return PretendDriver()


@pytest.fixture
def trt(driver, monkeypatch):
    module = pretend_tensorrt(driver)
    monkeypatch.setitem(sys.modules, "tensorrt", module)
    return module


@pytest.fixture
def plans(tmp_path) -> PlanCache:
    return PlanCache(tmp_path / "plans")


@pytest.fixture
def make(trt, driver, plans, model):
    def make(path=model.path, driver=driver, **options) -> TensorRtEngine:
        return TensorRtEngine(path, plans, gpu=Gpu(driver=driver), **options)

    return make


def nothing_is_held(driver: PretendDriver) -> bool:
    return not (driver.open or driver.memory or driver.pinned)


def test_a_plan_is_built_once(make, trt, driver, plans, model):
    for _ in range(2):
        with closing(make()) as engine:
            assert engine.name == "tensorrt Pretend GPU fp16"
            np.testing.assert_allclose(engine.run(model.inputs)["mean"], model.expected["mean"], atol=1e-3)
    assert trt.builds == 1 and len(list(plans.folder.iterdir())) == 1
    assert nothing_is_held(driver)


def test_a_call_is_one_launch(make, driver, model):
    with closing(make()) as engine:
        driver.fail |= dict.fromkeys(("cuMemAlloc_v2", "cuMemcpyHtoDAsync_v2", "cuMemHostRegister_v2"), OUT_OF_MEMORY)
        before = driver.launches
        for _ in range(3):
            engine.run(model.inputs)
        assert driver.launches - before == 3


def test_one_thread_opens_another_runs_and_a_third_closes(make, driver, model):
    opened, ran = [], []
    for work in (
        lambda: opened.append(make()),
        lambda: ran.append(opened[0].run(model.inputs)["mean"].copy()),
        lambda: opened[0].close(),
    ):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    np.testing.assert_allclose(ran[0], model.expected["mean"], atol=1e-3)
    assert nothing_is_held(driver)


def test_precisions_have_plans_of_their_own(make, trt, plans):
    for precision in ("f32", "fp16"):
        with closing(make(precision=precision)) as engine:
            assert engine.name.endswith(precision)
    assert trt.builds == len(list(plans.folder.iterdir())) == 2


def test_other_weights_are_refitted_and_nothing_is_built(make, trt, model):
    with closing(make(precision="f32")) as engine:
        before = engine.run(model.inputs)["mean"].copy()
    with torch.no_grad():
        model.net.weight.copy_((model.net.weight * 1.5).half().float())
        wanted = model.net(*(torch.from_numpy(model.inputs[spec.name]) for spec in model.takes))[1].numpy()
    raw = bytearray(model.path.with_name("weights.safetensors").read_bytes())
    halves = model.net.weight.detach().half().numpy().tobytes()
    place = next(
        int(entry.value)
        for tensor in onnx.load(model.path, load_external_data=False).graph.initializer
        for entry in tensor.external_data
        if tensor.name == "weight.f16" and entry.key == "offset"
    )
    raw[place : place + len(halves)] = halves
    with closing(make(precision="f32", weights=bytes(raw))) as engine:
        after = engine.run(model.inputs)["mean"].copy()
    assert trt.builds == 1 and not np.allclose(before, after, atol=1e-3)
    np.testing.assert_allclose(after, wanted, atol=1e-5)
    with closing(make(precision="f32")) as engine:
        np.testing.assert_array_equal(engine.run(model.inputs)["mean"], before)


def test_weights_of_another_structure_are_refused(make, driver, model, monkeypatch):
    make().close()
    monkeypatch.setattr(
        "engines.tensorrt_engine.prepared",
        lambda path, weights, half: helper.make_model(
            helper.make_graph([], "other", [], []), opset_imports=[helper.make_opsetid("", 20)]
        ).SerializeToString(),
    )
    with pytest.raises(EngineLoadError, match=r"do not fit the plan.*another structure"):
        make(weights=b"")
    assert nothing_is_held(driver)


def test_a_plan_from_another_gpu_is_built_again(make, trt, plans, model):
    make().close()
    (path,) = plans.folder.iterdir()
    other = PretendDriver("Another GPU")
    monkey = pretend_tensorrt(other)
    sys.modules["tensorrt"] = monkey
    make(driver=other).close()
    assert monkey.builds == 1 and len(list(plans.folder.iterdir())) == 2
    sys.modules["tensorrt"] = trt
    content = path.read_bytes()
    wrong = content.replace(b"Pretend GPU|", b"Another GPU|")  # of the same length, and no longer of the same hash
    assert wrong != content
    path.write_bytes(wrong)
    make().close()
    assert trt.builds == 2


def test_a_plan_that_the_runtime_refuses_is_built_again_once(make, trt, plans, monkeypatch):
    make().close()
    load, refuse = trt.Runtime.deserialize_cuda_engine, [True]
    monkeypatch.setattr(
        trt.Runtime, "deserialize_cuda_engine", lambda self, plan: None if refuse.pop() else load(self, plan)
    )
    refuse[:] = [False, True]
    make().close()
    assert trt.builds == 2
    refuse[:] = [True, True]
    with pytest.raises(EngineLoadError, match="refuses the plan that it built"):
        make()
    assert not list(plans.folder.iterdir())


@pytest.mark.parametrize(
    ("function", "code"),
    [
        ("cuMemAlloc_v2", OUT_OF_MEMORY),
        ("cuMemHostRegister_v2", OUT_OF_MEMORY),
        ("cuStreamEndCapture", LOST),
        ("cuGraphInstantiateWithFlags", OUT_OF_MEMORY),
        ("cuStreamSynchronize", LOST),
        ("context", OUT_OF_MEMORY),
    ],
)
def test_what_fails_while_opening_is_said_and_given_back(make, driver, function, code):
    gpu = Gpu(driver=driver)
    gpu.close()
    assert nothing_is_held(driver)
    driver.fail = {function: code}
    with pytest.raises(EngineLoadError, match=r"fit the GPU|enough memory"):
        make()
    driver.fail = {}
    assert nothing_is_held(driver)


def test_too_little_memory_to_build_is_said(make, trt, driver):
    trt.memory_is_short = True
    with pytest.raises(EngineLoadError, match=r"could not build net.onnx \(\[memory.cpp\] not enough memory\)"):
        make()
    assert nothing_is_held(driver)


@pytest.mark.parametrize("function", ["cuCtxSetCurrent", "cuGraphLaunch", "cuStreamSynchronize"])
def test_a_gpu_that_disappears_is_an_error_of_the_run(make, driver, model, function):
    with closing(make()) as engine:
        engine.run(model.inputs)
        driver.fail = {function: LOST}
        with pytest.raises(EngineRunError, match="DEVICE_UNAVAILABLE"):
            engine.run(model.inputs)


def test_an_unknown_operator_is_said(make, driver, model):
    proto = onnx.load(model.path, load_external_data=False)
    proto.opset_import.append(helper.make_opsetid("strangers", 1))
    node = next(node for node in proto.graph.node if node.op_type == "Conv")
    node.op_type, node.domain = "Whirl", "strangers"
    model.path.write_bytes(proto.SerializeToString())
    with pytest.raises(EngineLoadError, match=r"TensorRT can load.*strangers"):
        make()
    assert nothing_is_held(driver)


def test_another_opset_is_said(make, model):
    proto = onnx.load(model.path, load_external_data=False)
    proto.opset_import[0].version = 99
    model.path.write_bytes(proto.SerializeToString())
    with pytest.raises(EngineLoadError, match=r"net.onnx"):
        make()


def test_the_hash_covers_weights_beside_the_graph(model):
    before = model_sha256(model.path)
    weights = model.path.with_name("weights.safetensors")
    content = weights.read_bytes()
    weights.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert model_sha256(model.path) != before
    weights.unlink()
    with pytest.raises(EngineLoadError):
        model_sha256(model.path)


def test_what_is_missing_is_said_in_a_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    with pytest.raises(EngineUnavailable, match=r"pip install .*tensorrt"):
        load_tensorrt()
    monkeypatch.setattr("engines.cuda.DRIVER", "libnone.so")
    with pytest.raises(EngineUnavailable, match="no NVIDIA GPU"):
        load_driver()
    with pytest.raises(EngineUnavailable, match="finds no GPU"):
        Gpu(1, driver=PretendDriver())
