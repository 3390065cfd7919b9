import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engines import TensorSpec
from engines.fake import FakeEngine
from engines.times import FEWEST, TURNS, Times, measure_ms

same_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_times_are_remembered_for_each_model_and_machine(tmp_path):
    times = Times(tmp_path, "model", "machine")
    assert times.recall() == {} and not list(tmp_path.iterdir())
    times.keep("openvino", 6.4)
    times.keep("onnxruntime", 12)
    times.keep("openvino", 6.5)
    assert Times(tmp_path, "model", "machine").recall() == {"openvino": 6.5, "onnxruntime": 12}
    assert Times(tmp_path, "other", "machine").recall() == {} == Times(tmp_path, "model", "other").recall()


@same_folder
@given(content=st.binary(max_size=60) | st.recursive(st.none() | st.floats() | st.text(), st.lists).map(json.dumps))
def test_a_damaged_file_is_forgotten(tmp_path, content):
    times = Times(tmp_path, "model", "machine")
    times.keep("openvino", 6.4)
    (path,) = (tmp_path / "times").iterdir()
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert times.recall() == {}


@pytest.mark.parametrize("value", [0, -1, True, "6", None, float("nan"), float("inf")])
def test_what_is_no_time_is_dropped(tmp_path, value):
    times = Times(tmp_path, "model", "machine")
    times.keep("openvino", 6.4)
    (path,) = (tmp_path / "times").iterdir()
    path.write_text(json.dumps({"openvino": value, "onnxruntime": 1}))
    assert times.recall() == {"onnxruntime": 1.0}


def test_a_folder_that_cannot_be_written_costs_the_memory_alone(tmp_path):
    (tmp_path / "times").touch()
    times = Times(tmp_path, "model", "machine")
    times.keep("openvino", 6.4)
    assert times.recall() == {}


def test_engines_take_turns_whose_first_run_does_not_count():
    spec = TensorSpec("x", (1,), "float32")
    runs = []
    engines = {
        name: FakeEngine([spec], [spec], lambda inputs, outputs, name=name: runs.append(name)) for name in ("a", "b")
    }
    times_ms = measure_ms(engines, {"x": np.ones(1, np.float32)}, seconds=0)
    assert set(times_ms) == {"a", "b"} and min(times_ms.values()) > 0
    assert runs == (["a"] * (FEWEST + 1) + ["b"] * (FEWEST + 1)) * TURNS
