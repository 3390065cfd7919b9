import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines import EngineUnavailable, is_built, open_engine, select
from engines.selection import EVERY, GPU_LADDER, LADDER, engine_fault, explained, import_fault, ranked


def loads_only(*names):
    return lambda module: None if module in names else f"No module named '{module}'"


@pytest.mark.parametrize(
    ("loads", "engine", "words"),
    [
        (("openvino", "onnxruntime"), "openvino", "best of"),
        (("openvino",), "openvino", "best of"),
        (("onnxruntime",), "onnxruntime", "openvino does not (No module named 'openvino')"),
    ],
)
def test_ladder(loads, engine, words):
    selection = select(fault=loads_only(*loads))
    assert selection.engine == engine
    assert words in selection.why


@pytest.mark.parametrize("name", ["openvino", "onnxruntime", "torch"])
def test_a_name_is_honoured(name):
    selection = select(name, fault=loads_only(name))
    assert selection.engine == name
    assert "asked for" in selection.why


@pytest.mark.parametrize("name", ["openvino", "onnxruntime", "torch"])
def test_a_name_is_never_replaced(name):
    with pytest.raises(EngineUnavailable, match=f"{name} was asked for"):
        select(name, fault=loads_only(*{"openvino", "onnxruntime", "torch"} - {name}))


def test_nothing_loads():
    with pytest.raises(EngineUnavailable, match="no engine loads"):
        select(fault=loads_only())


def test_unknown_name():
    with pytest.raises(EngineUnavailable, match="choose one of auto, tensorrt"):
        select("tensorflow")


def test_this_machine():
    assert import_fault("no_such_module_anywhere") is not None
    assert select().engine == "openvino"


def test_choosing_an_engine_imports_no_torch():
    program = "import sys, engines; engines.select(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


@pytest.mark.parametrize("name", GPU_LADDER)
def test_an_engine_for_a_gpu_is_refused_with_the_reason(name):
    reason = engine_fault(name)
    if reason is None:
        pytest.skip("it can work here")
    with pytest.raises(EngineUnavailable, match=f"{name} was asked for"):
        select(name)
    assert "GPU" in reason


def test_tensorrt_needs_a_folder_for_its_plans(model, monkeypatch):
    monkeypatch.setattr("engines.select", lambda name: select(name, fault=lambda engine: None))
    with pytest.raises(EngineUnavailable, match="needs a folder"):
        open_engine(model.path, "tensorrt")


def test_a_provider_that_would_keep_the_wrong_weights_takes_none(model, monkeypatch):
    monkeypatch.setattr("engines.select", lambda name: select(name, fault=lambda engine: None))
    with pytest.raises(EngineUnavailable, match="other weights than the model's own"):
        open_engine(model.path, "onnxruntime-tensorrt", weights=b"")


def test_processors_need_no_building(model, tmp_path):
    assert all(is_built(model.path, name, tmp_path) for name in LADDER)
    assert not list(tmp_path.glob("plans"))


times = st.dictionaries(st.sampled_from(EVERY), st.floats(0.1, 100), max_size=len(EVERY))


@given(engines=st.lists(st.sampled_from(EVERY), unique=True, min_size=1), times_ms=times)
def test_the_fastest_comes_first_and_who_was_not_measured_keeps_the_place(engines, times_ms):
    order = ranked(engines, times_ms)
    assert sorted(order) == sorted(engines)
    known = [times_ms[engine] for engine in order if engine in times_ms]
    assert known == sorted(known)
    unknown = [EVERY.index(engine) for engine in order if engine not in times_ms]
    assert unknown == sorted(unknown)
    if not known:
        assert order == [engine for engine in EVERY if engine in engines]
    for place, engine in enumerate(order):
        if engine not in times_ms:
            assert all(EVERY.index(other) < EVERY.index(engine) for other in order[:place])
    assert explained(engines, times_ms).engine == order[0]


def test_the_choice_is_explained_in_milliseconds():
    selection = explained(LADDER, {"openvino": 12.34, "onnxruntime": 6})
    assert selection.why == "onnxruntime is the fastest here: 6.0 ms a portrait, against openvino 12.3 ms"
    assert "not measured yet" in explained(["tensorrt", *LADDER], {"openvino": 12.3, "onnxruntime": 6}).why
    assert "no other was measured" in explained(["openvino"], {"openvino": 12.3}).why
