"""What every engine promises, tried on all of them."""

import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import onnx
import pytest
import torch
from pretend_gpu import PretendDriver, pretend_tensorrt

from engines import Engine, EngineError, EngineLoadError, EngineRunError, EngineUnavailable, TensorSpec, open_engine
from engines.cache import PlanCache
from engines.cuda import Gpu
from engines.fake import FakeEngine
from engines.onnx_engine import OnnxEngine
from engines.tensorrt_engine import TensorRtEngine
from engines.torch_engine import TorchEngine

RUNTIMES = [("openvino", "f32"), ("openvino", "bf16"), ("onnxruntime", "auto")]


def _fake(model):
    def by_torch(inputs, outputs):
        with torch.no_grad():
            results = model.net(*(torch.from_numpy(inputs[spec.name]) for spec in model.takes))
        for buffer, result in zip(outputs.values(), results, strict=True):
            np.copyto(buffer, result.numpy())

    return FakeEngine(model.takes, model.gives, by_torch)


@contextmanager
def _if_available() -> Iterator[None]:
    try:
        yield
    except EngineUnavailable as error:
        pytest.skip(str(error))


@_if_available()
def _open(model, engine: str, precision: str) -> Engine:
    return open_engine(model.path, engine, threads=1, precision=precision)


@_if_available()
def _tensorrt(model) -> Engine:
    return TensorRtEngine(model.path, PlanCache(model.path.parent / "plans"), precision="f32")


@_if_available()
def _on_provider(model, provider: str) -> Engine:
    return OnnxEngine(model.path, provider=provider)


def _on_a_pretended_gpu(model) -> Engine:
    driver = PretendDriver()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "tensorrt", pretend_tensorrt(driver))
        plans = PlanCache(model.path.parent / "plans")
        return TensorRtEngine(model.path, plans, precision="f32", gpu=Gpu(driver=driver))


MAKERS: dict[str, Callable[..., Engine]] = {
    "openvino f32": lambda model: _open(model, "openvino", "f32"),
    "openvino bf16": lambda model: _open(model, "openvino", "bf16"),
    "onnxruntime": lambda model: _open(model, "onnxruntime", "auto"),
    "torch": lambda model: TorchEngine(model.net, model.takes, model.gives),
    "fake": _fake,
    "pretended tensorrt": _on_a_pretended_gpu,
    "tensorrt": _tensorrt,
    "onnxruntime CUDA": lambda model: _on_provider(model, "CUDA"),
    "onnxruntime TensorRT": lambda model: _on_provider(model, "Tensorrt"),
    "onnxruntime TensorRT-RTX": lambda model: _on_provider(model, "NvTensorRTRTX"),
}
NEED_GPU = ("tensorrt", "onnxruntime CUDA", "onnxruntime TensorRT", "onnxruntime TensorRT-RTX")


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.gpu if name in NEED_GPU else ()) for name in MAKERS])
def engine(request, model):
    engine = MAKERS[request.param](model)
    yield engine
    engine.close()


def test_describes_itself(engine, model):
    assert isinstance(engine, Engine)
    assert set(engine.inputs) == set(model.takes)
    assert set(engine.outputs) == set(model.gives)


@pytest.mark.parametrize(
    ("maker", "name"),
    [
        ("openvino f32", "openvino CPU f32"),
        ("openvino bf16", "openvino CPU bf16"),
        ("onnxruntime", "onnxruntime CPU f32"),
        ("torch", "torch cpu"),
        ("fake", "fake"),
        ("pretended tensorrt", "tensorrt Pretend GPU f32"),
    ],
)
def test_name_says_what_runs(maker, name, model):
    assert MAKERS[maker](model).name == name


def test_agrees_with_torch(engine, model):
    got = engine.run(model.inputs)

    assert got["rgba"].dtype == np.uint8
    assert got["mean"].dtype == np.float32
    difference = got["rgba"].astype(float) - model.expected["rgba"]
    if "bf16" in engine.name or "fp16" in engine.name:
        assert 10 * np.log10(255**2 / np.mean(difference**2)) >= 40
        np.testing.assert_allclose(got["mean"], model.expected["mean"], atol=2e-2)
    else:
        assert np.abs(difference).max() <= 1
        np.testing.assert_allclose(got["mean"], model.expected["mean"], atol=1e-5)


def test_outputs_are_borrowed_and_inputs_are_not_kept(engine, model):
    first = engine.run(model.inputs)["rgba"]
    copy = first.copy()

    second = engine.run({**model.inputs, "w": -model.inputs["w"]})["rgba"]
    assert second is first
    assert not np.array_equal(second, copy)

    scratch = {name: array.copy() for name, array in model.inputs.items()}
    engine.run(scratch)
    scratch["w"][:] = np.nan
    assert np.array_equal(engine.run(model.inputs)["rgba"], copy)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"w": None}, "takes the inputs"),
        ({"extra": np.zeros(1, np.float32)}, "takes the inputs"),
        ({"w": np.zeros((1, 5), np.float32)}, "input w"),
        ({"w": np.zeros((1, 6), np.float64)}, "input w"),
        ({"picture": np.zeros((1, 3, 64, 64), np.uint8).transpose(0, 2, 3, 1)}, "C-contiguous"),
    ],
)
def test_wrong_input(engine, model, change, words):
    inputs = {name: array for name, array in {**model.inputs, **change}.items() if array is not None}

    with pytest.raises(EngineRunError, match=words):
        engine.run(inputs)

    engine.run(model.inputs)


def test_closes_twice_and_then_refuses(engine, model):
    engine.close()
    engine.close()

    with pytest.raises(EngineRunError, match="closed"):
        engine.run(model.inputs)


def test_allocates_nothing_the_size_of_an_output(engine, model):
    engine.run(model.inputs)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        for _ in range(20):
            engine.run(model.inputs)
        grown, peak = (size - before for size in tracemalloc.get_traced_memory())
    finally:
        tracemalloc.stop()

    half_an_output = model.expected["rgba"].nbytes // 2
    assert peak < half_an_output
    assert grown < half_an_output


@pytest.mark.parametrize(("name", "precision"), RUNTIMES)
class TestFiles:
    def refused(self, path, name, precision, capfd, words):
        with _if_available(), pytest.raises(EngineLoadError, match=words) as caught:
            open_engine(path, name, precision=precision)
        assert path.name in str(caught.value)
        assert capfd.readouterr().err == ""

    def test_missing(self, model, name, precision, capfd):
        self.refused(model.path.with_name("none.onnx"), name, precision, capfd, "no such file")

    def test_folder(self, model, name, precision, capfd):
        self.refused(model.path.parent, name, precision, capfd, "no such file")

    @pytest.mark.parametrize("size", [0, 5, 300])
    def test_truncated(self, model, name, precision, capfd, size):
        model.path.write_bytes(model.path.read_bytes()[:size])
        self.refused(model.path, name, precision, capfd, "can load")

    def test_text(self, model, name, precision, capfd):
        model.path.write_text("hello")
        self.refused(model.path, name, precision, capfd, "can load")

    def test_missing_weights(self, model, name, precision, capfd):
        model.path.with_name("weights.safetensors").unlink()
        self.refused(model.path, name, precision, capfd, "can load")

    def test_short_weights(self, model, name, precision, capfd):
        weights = model.path.with_name("weights.safetensors")
        weights.write_bytes(weights.read_bytes()[:-100])
        self.refused(model.path, name, precision, capfd, "can load")

    @pytest.mark.parametrize("escape", ["../{}", "/{}"])
    def test_weights_outside_the_folder(self, model, name, precision, capfd, escape):
        inner = model.path.parent / "inner"
        inner.mkdir()
        proto = onnx.load(model.path, load_external_data=False)
        for tensor in proto.graph.initializer:
            for entry in tensor.external_data:
                if entry.key == "location":
                    outside = model.path.with_name("weights.safetensors")
                    entry.value = escape.format(outside.name if escape[0] == "." else str(outside)[1:])
        (inner / "net.onnx").write_bytes(proto.SerializeToString())
        self.refused(inner / "net.onnx", name, precision, capfd, "can load")

    def test_dynamic_shape(self, model, name, precision, capfd):
        proto = onnx.load(model.path, load_external_data=False)
        proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "batch"
        del proto.graph.output[1]
        model.path.write_bytes(proto.SerializeToString())
        with pytest.raises(EngineLoadError, match="fixed shape"):
            open_engine(model.path, name, precision=precision)

    def test_silent(self, model, name, precision, capfd):
        _open(model, name, precision).run(model.inputs)
        assert capfd.readouterr().err == ""


def test_bf16_is_refused_by_name_where_the_runtime_has_none(model):
    with pytest.raises(EngineUnavailable, match="does not compute in bf16"):
        open_engine(model.path, "onnxruntime", precision="bf16")


def test_torch_runs_no_files(model):
    with pytest.raises(EngineUnavailable, match="TorchEngine"):
        open_engine(model.path, "torch")


def test_torch_module_must_keep_its_word(model):
    nchw = TensorSpec("rgba", (1, 4, 64, 64), "uint8")
    wrong = TorchEngine(model.net, model.takes, (nchw, model.gives[1]))
    with pytest.raises(EngineRunError, match="should return"):
        wrong.run(model.inputs)


def test_torch_device_that_is_not_there(model):
    with pytest.raises(EngineUnavailable, match="device"):
        TorchEngine(model.net, model.takes, model.gives, device="cuda:99")


def test_fake_is_deterministic_and_plays_failures(model):
    one, two = FakeEngine(model.takes, model.gives), FakeEngine(model.takes, model.gives)
    assert np.array_equal(one.run(model.inputs)["rgba"], two.run(model.inputs)["rgba"])
    changed = {**model.inputs, "w": -model.inputs["w"]}
    assert not np.array_equal(one.run(model.inputs)["rgba"], two.run(changed)["rgba"])

    def fail(inputs, outputs):
        raise EngineRunError("the runtime fell over")

    with pytest.raises(EngineError, match="fell over"):
        FakeEngine(model.takes, model.gives, fail).run(model.inputs)
