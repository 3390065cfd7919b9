import subprocess
import sys

import pytest

from engines import EngineUnavailable, select
from engines.selection import import_fault


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
    with pytest.raises(EngineUnavailable, match="choose one of auto, openvino"):
        select("tensorflow")


def test_this_machine():
    assert import_fault("no_such_module_anywhere") is not None
    assert select().engine == "openvino"


def test_choosing_an_engine_imports_no_torch():
    program = "import sys, engines; engines.select(); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
