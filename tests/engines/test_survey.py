"""Graphs from strangers: what no network needs is refused in one sentence before a runtime sees it."""

from __future__ import annotations

import os
import tracemalloc
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from engines import EngineLoadError, open_engine
from engines.survey import NODES_LIMIT, survey
from puppet.bundle import builtin_bundle_path

node = helper.make_node
GRAPHS = sorted(builtin_bundle_path().glob("*.onnx"))


def value(name, *shape, dtype=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, dtype, shape)


def model(nodes, inputs=(("x", 4),), outputs=(("y", 4),), **constants):
    tensors = [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()]
    inputs, outputs = ([value(*each) for each in values] for values in (inputs, outputs))
    graph = helper.make_graph(nodes, "hostile", inputs, outputs, tensors)
    domains = [helper.make_opsetid("", 17), helper.make_opsetid("com.evil", 1)]
    return helper.make_model(graph, opset_imports=domains, ir_version=8)


def elsewhere(location, offset="0", length="16"):
    """A tensor that says that its numbers are in another file."""
    tensor = TensorProto(name="weight", data_type=TensorProto.FLOAT, dims=[4], data_location=TensorProto.EXTERNAL)
    for key, word in (("location", location), ("offset", offset), ("length", length)):
        tensor.external_data.add(key=key, value=word)
    return tensor


def weighed(tensor):
    """A graph with one tensor as its weights."""
    made = model([node("Mul", ["x", "weight"], ["y"])])
    made.graph.initializer.append(tensor)
    return made


def looping():
    body = helper.make_graph(
        [node("Identity", ["go"], ["on"]), node("Add", ["v", "v"], ["w"])],
        "body",
        [value("i", dtype=TensorProto.INT64), value("go", dtype=TensorProto.BOOL), value("v", 4)],
        [value("on", dtype=TensorProto.BOOL), value("w", 4)],
    )
    return model([node("Loop", ["times", "always", "x"], ["y"], body=body)], times=1 << 62, always=True)


def doubling():
    """Ten operators, each of which makes sixteen times as much as the one before."""
    names = ["x", *(f"x{i}" for i in range(10))]
    nodes = [node("Concat", [before] * 16, [after], axis=0) for before, after in pairwise(names)]
    return model([*nodes, node("ReduceSum", [names[-1]], ["y"])])


def lying():
    """The file says that a huge tensor is small."""
    made = model(
        [node("Expand", ["x", "shape"], ["huge"]), node("ReduceSum", ["huge"], ["y"])], shape=np.array([1 << 34, 4])
    )
    made.graph.value_info.append(value("huge", 4))
    return made


def claiming():
    """Weights that are said to be large, and are not there."""
    return weighed(TensorProto(name="weight", data_type=TensorProto.FLOAT, dims=[1 << 40]))


def doubled():
    made = model([node("Add", ["x", "c"], ["y"])], c=np.zeros(4, np.float32))
    made.graph.initializer.append(numpy_helper.from_array(np.zeros(7, np.float32), "c"))
    return made


def renamed(word):
    """The bytes of a graph in which a word is no UTF-8."""
    content = weighed(elsewhere("weights", "0")).SerializeToString()
    assert content.count(word) >= 1
    return content.replace(word, b"\xff" * len(word))


def reshaped():
    """Weights that are an input too, of another shape: ONNX's inference raises an error of its own."""
    return model([node("Add", ["x", "c"], ["y"])], [("x", 4), ("c", 7)], c=np.zeros(4, np.float32))


HOSTILE = {
    "loop": (looping, "operator 'Loop'"),
    "strange operator": (lambda: model([node("Evil", ["x"], ["y"], domain="com.evil")]), "operator 'com.evil Evil'"),
    "doubling": (doubling, "numbers in memory at once"),
    "lying": (lying, "numbers in memory at once"),
    "claiming": (claiming, "'y' should have a fixed shape"),
    "huge input": (lambda: model([node("Identity", ["x"], ["y"])], [("x", 1 << 40)]), "numbers in memory at once"),
    "huge constant": (
        lambda: model([node("ConstantOfShape", ["n"], ["c"]), node("Add", ["x", "c"], ["y"])], n=np.array([1 << 60])),
        "'y' should have a fixed shape",
    ),
    "range": (
        lambda: model([node("Range", ["a", "b", "c"], ["y"])], a=np.float32(0), b=np.float32(1e12), c=np.float32(1)),
        "numbers in memory at once",
    ),
    "many": (lambda: model([node("Identity", ["x"], ["y"])] * (NODES_LIMIT + 1)), "operators, and"),
    "two weights": (doubled, "makes a tensor twice"),
    "weights of another shape": (reshaped, "'y' should have a fixed shape"),
    "twice": (lambda: model([node("Identity", ["x"], ["y"])] * 2), "makes a tensor twice"),
    "above": (lambda: weighed(elsewhere("../weights")), "only a plain name"),
    "absolute": (lambda: weighed(elsewhere("/dev/zero")), "only a plain name"),
    "windows": (lambda: weighed(elsewhere(r"\\server\share")), "only a plain name"),
    "link": (lambda: weighed(elsewhere("link")), "missing, or not a file"),
    "pipe": (lambda: weighed(elsewhere("pipe")), "missing, or not a file"),
    "missing": (lambda: weighed(elsewhere("none")), "missing, or not a file"),
    "beyond": (lambda: weighed(elsewhere("weights", "1", "16")), "where 16 bytes of weights have nothing"),
    "negative": (lambda: weighed(elsewhere("weights", "-4")), "does not say where"),
    "word": (lambda: weighed(elsewhere("weights", "0", "sixteen")), "does not say where"),
    "hidden": (
        lambda: model([node("Constant", [], ["c"], value=elsewhere("/dev/zero")), node("Add", ["x", "c"], ["y"])]),
        "its Constant keeps numbers in another file",
    ),
}


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
@pytest.mark.parametrize("name", HOSTILE)
def test_what_no_network_needs_is_refused_at_once(name, engine, tmp_path):
    make, words = HOSTILE[name]
    path = tmp_path / "inside" / "hostile.onnx"
    path.parent.mkdir()
    path.write_bytes(make().SerializeToString())
    for weights in (path.parent / "weights", tmp_path / "weights"):
        weights.write_bytes(np.ones(4, np.float32).tobytes())
    (path.parent / "link").symlink_to(tmp_path / "weights")
    os.mkfifo(path.parent / "pipe")
    tracemalloc.start()
    try:
        with pytest.raises(EngineLoadError) as caught:
            open_engine(path, engine)
        assert tracemalloc.get_traced_memory()[1] < 100e6
    finally:
        tracemalloc.stop()
    assert words in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("word", [b"weights", b"weight", b"Mul", b"offset", b"length"])
def test_names_that_are_no_text_are_refused(word, tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(renamed(word))
    with pytest.raises(EngineLoadError, match="names that are no text"):
        survey(path, weights_size=16)


@pytest.mark.parametrize("path", GRAPHS, ids=lambda path: path.stem)
def test_the_shipped_graphs_are_accepted(path):
    survey(path)


def test_weights_that_stand_in_are_compared_too(tmp_path):
    path = tmp_path / "net.onnx"
    path.write_bytes(weighed(elsewhere("weights")).SerializeToString())
    survey(path, weights_size=16)
    with pytest.raises(EngineLoadError, match="where 15 bytes"):
        survey(path, weights_size=15)


def test_shapes_that_a_graph_computes_are_known(tmp_path):
    """As exporters write them: shape → a part of it → other numbers → Expand."""
    path = tmp_path / "net.onnx"
    nodes = [
        node("Shape", ["x"], ["all"]),
        node("Gather", ["all", "first"], ["count"]),
        node("Concat", ["rows", "count"], ["wanted"], axis=0),
        node("Expand", ["x", "wanted"], ["y"]),
    ]
    onnx.save(model(nodes, outputs=[("y", None, None)], first=np.array([0]), rows=np.array([7])), path)
    survey(path)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(GRAPHS), st.data())
def test_any_damage_is_refused_or_harmless(tmp_path, graph, data):
    content = bytearray(graph.read_bytes()[:20_000])
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "damaged.onnx"
    path.write_bytes(content)
    try:
        survey(Path(path), weights_size=1 << 30)
    except EngineLoadError as error:
        assert "damaged.onnx" in str(error)
