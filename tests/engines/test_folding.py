"""Rewritten graphs compute what they computed before."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from engines import EngineLoadError
from engines.folding import CONVOLUTIONS, fold, prepared
from puppet.bundle import load_bundle

RNG = np.random.default_rng(3)


def picture(content: bytes, w: np.ndarray) -> np.ndarray:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return session.run(["rgba"], {"w": w})[0].astype(int)


@pytest.fixture(scope="module")
def generator(stylegan_folder):
    """The synthesis graph of a tiny bundle, the bytes of its weights, and a code."""
    bundle = load_bundle(stylegan_folder)
    w = RNG.standard_normal((1, bundle.num_ws, bundle.w_dim), dtype=np.float32)
    return bundle.synthesis_path, bundle.generator_path.read_bytes(), w


def test_the_picture_stays_the_same(generator):
    path, _, w = generator
    plain, ready = picture(str(path), w), prepared(path)
    assert np.abs(picture(ready, w) - plain).max() <= 1 and plain.std() > 5


def test_convolutions_have_constant_weights_and_bytes_are_cast_at_the_edge(generator):
    graph = onnx.load_from_string(prepared(generator[0])).graph
    constants = {tensor.name for tensor in graph.initializer}
    convolutions = [node for node in graph.node if node.op_type in CONVOLUTIONS]
    assert convolutions and all(node.input[1] in constants for node in convolutions)
    assert all(any(name and name not in constants for name in node.input) for node in graph.node)
    assert graph.node[-1].op_type == "Cast" and list(graph.node[-1].output) == ["rgba"]
    assert "CastLike" not in {node.op_type for node in graph.node}


def test_other_weights_give_constants_of_the_same_names_and_shapes(generator):
    path, weights, w = generator
    start = 8 + int.from_bytes(weights[:8], "little")
    numbers = np.frombuffer(weights[start:], np.float16)
    other = weights[:start] + (numbers * np.float16(0.5)).tobytes()
    one, two = (onnx.load_from_string(prepared(path, each)).graph for each in (weights, other))
    shapes = [[(each.name, tuple(each.dims), each.data_type) for each in graph.initializer] for graph in (one, two)]
    assert shapes[0] == shapes[1] and list(one.node) == list(two.node)
    assert not np.array_equal(picture(prepared(path, other), w), picture(prepared(path), w))


def test_in_half_convolutions_alone_compute_in_float16(generator):
    path, _, w = generator
    model = onnx.load_from_string(prepared(path, half=True))
    onnx.checker.check_model(model, full_check=True)
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    dtypes = {value.name: value.type.tensor_type.elem_type for value in inferred.value_info}
    dtypes |= {tensor.name: tensor.data_type for tensor in inferred.initializer}
    for node in inferred.node:
        if node.op_type in CONVOLUTIONS:
            assert {dtypes[name] for name in node.input if name} == {TensorProto.FLOAT16}
        elif node.op_type != "Cast":
            assert TensorProto.FLOAT16 not in {dtypes.get(name) for name in node.output}
    painted = ReferenceEvaluator(model).run(["rgba"], {"w": w})[0].astype(int)  # rounds after every convolution
    error = np.mean((painted - picture(str(path), w)) ** 2.0)
    assert 10 * np.log10(255**2 / max(error, 1e-9)) >= 40


def test_bytes_that_enter_are_cast_first(model):
    ready = onnx.load_from_string(prepared(model.path))
    onnx.checker.check_model(ready, full_check=True)
    (user,) = [node for node in ready.graph.node if "picture" in node.input]
    assert user.op_type == "Cast"
    session = onnxruntime.InferenceSession(ready.SerializeToString(), providers=["CPUExecutionProvider"])
    rgba, mean = session.run(["rgba", "mean"], model.inputs)
    assert np.abs(rgba.astype(int) - model.expected["rgba"]).max() <= 1
    np.testing.assert_allclose(mean, model.expected["mean"], atol=1e-5)


def constant_model(*nodes) -> onnx.ModelProto:
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in "xy")
    constants = [numpy_helper.from_array(np.ones(2, np.float32), "one")]
    graph = helper.make_graph([*nodes, helper.make_node("Add", ["x", "two"], ["y"])], "g", [x], [y], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def test_an_unknown_operator_on_constants_is_said():
    with pytest.raises(EngineLoadError, match="Whirl cannot be computed"):
        fold(constant_model(helper.make_node("Whirl", ["one"], ["two"])))


def test_chance_is_not_folded():
    model = constant_model(helper.make_node("RandomNormalLike", ["one"], ["two"]))
    fold(model)
    assert [node.op_type for node in model.graph.node] == ["RandomNormalLike", "Add"]


@pytest.mark.parametrize("damage", ["missing", "text", "without weights"])
def test_a_file_that_is_no_model_is_said(model, damage):
    if damage == "missing":
        model.path.unlink()
    elif damage == "text":
        model.path.write_bytes(b"\xff" * 50)
    else:
        model.path.with_name("weights.safetensors").unlink()
    with pytest.raises(EngineLoadError, match=r"net\.onnx"):
        prepared(model.path)
