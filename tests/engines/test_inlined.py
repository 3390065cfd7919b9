from contextlib import closing

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.external_data_helper import convert_model_to_external_data

from engines import EngineLoadError, EngineUnavailable, open_engine

SCALE = np.linspace(1, 2, 600, dtype=np.float32)


@pytest.fixture
def path(tmp_path):
    """y = scale · x, with the scale in a file beside the graph."""
    graph = helper.make_graph(
        [helper.make_node("Mul", ["x", "scale"], ["y"])],
        "scale",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [600])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [600])],
        [numpy_helper.from_array(SCALE, "scale")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    convert_model_to_external_data(model, location="weights.bin", size_threshold=0)
    onnx.save(model, tmp_path / "scale.onnx")
    return tmp_path / "scale.onnx"


@pytest.mark.parametrize("engine", ["openvino", "onnxruntime"])
def test_given_weights_stand_in_for_those_beside_the_graph(path, engine):
    x = np.ones(600, np.float32)
    found = []
    for weights in (None, (3 * SCALE).tobytes()):
        try:
            opened = open_engine(path, engine, threads=1, precision="auto", weights=weights)
        except EngineUnavailable as error:
            pytest.skip(str(error))
        with closing(opened):
            found.append(opened.run({"x": x})["y"].copy())
    np.testing.assert_allclose(found[0], SCALE, rtol=1e-2)
    np.testing.assert_allclose(found[1], 3 * SCALE, rtol=1e-2)


def test_the_file_beside_it_is_not_needed(path):
    (path.parent / "weights.bin").unlink()
    with closing(open_engine(path, threads=1, weights=SCALE.tobytes())) as engine:
        np.testing.assert_allclose(engine.run({"x": np.ones(600, np.float32)})["y"], SCALE, rtol=1e-2)


@pytest.mark.parametrize("weights", [b"", SCALE.tobytes()[:-4]])
def test_too_few_weights_are_said(path, weights):
    with pytest.raises(EngineLoadError, match="looks for 'scale' where"):
        open_engine(path, weights=weights)


def test_a_damaged_graph_is_said(path):
    path.write_bytes(b"\xff" * 60)
    with pytest.raises(EngineLoadError, match="is not a model that ONNX can load"):
        open_engine(path, weights=SCALE.tobytes())
