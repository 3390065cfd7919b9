"""Engines for a GPU that are built by a child while another serves, played by engines of this processor."""

from __future__ import annotations

import json
import logging
import sys
import time
from contextlib import closing

import numpy as np
import pytest
from pretend_gpu import LOST, PretendDriver, pretend_tensorrt
from safetensors.numpy import load_file, save

import engines
from engines import EngineError, EngineRunError, EngineUnavailable
from engines.ladder import Ladder
from engines.selection import GPU_LADDER, LADDER
from puppet import painter
from puppet.bundle import load_bundle
from puppet.child import Child
from puppet.painter import Painter, probes, times_of

WAIT_S = 30.0


@pytest.fixture
def bundle(bundle_folder):
    return load_bundle(bundle_folder)


@pytest.fixture
def gpu(monkeypatch):
    """As if TensorRT worked here: OpenVINO plays it. Gives the names of what was opened."""
    opened = []

    def open_engine(path, name="auto", **options):
        opened.append(name)
        return engines.open_engine(path, "openvino" if name == "tensorrt" else name, **options)

    monkeypatch.setattr(painter, "engine_fault", lambda name: None if name == "tensorrt" else "not here")
    monkeypatch.setattr(painter, "open_engine", open_engine)
    monkeypatch.setattr(painter, "is_built", lambda path, name, cache: False)
    monkeypatch.setattr("engines.ladder.measure_ms", lambda found, inputs: dict.fromkeys(found, 0.001))
    return opened


@pytest.fixture
def child_module(tmp_path, monkeypatch):
    """Makes a module that runs as the builder."""
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{':'.join(sys.path)}")

    def make(body: str) -> str:
        (tmp_path / "a_builder.py").write_text(f"from puppet.child import Parent\nparent = Parent()\n{body}\n")
        return "a_builder"

    return make


def wait_for(condition) -> None:
    end_s = time.perf_counter() + WAIT_S
    while not condition():
        assert time.perf_counter() < end_s, "it did not happen"
        time.sleep(0.01)


def test_engines_are_measured_once_and_the_fastest_serves(bundle, tmp_path, caplog):
    caplog.set_level(logging.INFO, "puppet.painter")
    with closing(Painter(bundle, "auto", tmp_path)) as first:
        assert isinstance(first.engine, Ladder)
    times = times_of(bundle, tmp_path)
    measured = times.recall()
    assert set(measured) == set(LADDER) and "is the fastest here" in caplog.text
    for fastest in LADDER:
        for name in LADDER:
            times.keep(name, 1.0 if name == fastest else 2.0)
        with closing(Painter(bundle, "auto", tmp_path)) as painter_:
            assert painter_.engine.name.startswith(f"{fastest} ")
        assert times.recall()[fastest] == 1.0


def test_what_does_not_work_is_not_measured(bundle, tmp_path):
    def open_one(path, name):
        if name == "openvino":
            raise EngineUnavailable("it is not here")
        return engines.open_engine(path, name)

    times = times_of(bundle, tmp_path)
    painter.remember_quick(bundle, times, open_one)
    assert set(times.recall()) == {"onnxruntime"}


def test_a_name_is_honoured(bundle, tmp_path):
    with closing(Painter(bundle, "onnxruntime", tmp_path)) as named:
        assert named.engine.name == "onnxruntime CPU f32"
    assert not list(tmp_path.iterdir())
    if engines.selection.engine_fault("tensorrt") is not None:
        with pytest.raises(EngineError, match="tensorrt was asked for"):
            Painter(bundle, "tensorrt", tmp_path)


def test_a_child_builds_while_another_serves_and_the_better_takes_over(bundle, tmp_path, gpu, child_module, caplog):
    builder = child_module(
        f"""
import pathlib, sys, time
while not pathlib.Path({str(tmp_path / "go")!r}).exists():
    time.sleep(0.01)
assert sys.argv[2] == "tensorrt"
parent.tell({{"built": True}})
"""
    )
    with closing(Painter(bundle, "auto", tmp_path, builder=builder)) as made:
        inputs = probes(bundle)[0]
        before = made.engine.run(inputs)["rgba"].copy()
        assert gpu[-1] in LADDER
        (tmp_path / "go").touch()
        wait_for(lambda: gpu[-1] == "tensorrt" and not made._thread.is_alive())
        after = made.engine.run(inputs)["rgba"]
        assert np.abs(after.astype(int) - before).max() <= 3 and "takes over from" in caplog.text
    assert times_of(bundle, tmp_path).recall()["tensorrt"] == 0.001


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("parent.tell({'error': 'net.onnx has an operator Whirl'})", "net.onnx has an operator Whirl"),
        ("raise SystemExit('the builder fell over')", "the builder fell over"),
        ("import os; os.kill(os.getpid(), 11)", "it ended with code"),
    ],
)
def test_a_child_that_fails_is_said_and_the_stream_goes_on(bundle, tmp_path, gpu, child_module, caplog, body, words):
    with closing(Painter(bundle, "auto", tmp_path, builder=child_module(body))) as made:
        made._thread.join(WAIT_S)
        assert made.engine.run(probes(bundle)[0])["rgba"].any()
    assert f"tensorrt is not used: {words}" in caplog.text and "tensorrt" not in gpu


def test_a_mistake_while_one_is_opened_ends_nothing(bundle, tmp_path, gpu, monkeypatch, caplog):
    monkeypatch.setattr(painter, "is_built", lambda path, name, cache: {}[name])
    with closing(Painter(bundle, "auto", tmp_path)) as made:
        made._thread.join(WAIT_S)
        assert made.engine.run(probes(bundle)[0])["rgba"].any()
    assert "no better engine could be made ready" in caplog.text


def test_closing_ends_a_child_that_builds(bundle, tmp_path, gpu, child_module):
    made = Painter(bundle, "auto", tmp_path, builder=child_module("import time; time.sleep(600)"))
    wait_for(lambda: made._child is not None)
    child = made._child
    made.close()
    assert not child.running and not made._thread.is_alive()
    with pytest.raises(EngineRunError, match="closed"):
        made.engine.run(probes(bundle)[0])


def test_one_that_hangs_while_it_is_opened_is_left_behind(bundle, tmp_path, gpu, monkeypatch, caplog):
    monkeypatch.setattr(painter, "is_built", lambda path, name, cache: time.sleep(1.0) or True)
    monkeypatch.setattr(painter, "PATIENCE_S", 0.01)
    made = Painter(bundle, "auto", tmp_path)
    made.close()
    assert "left behind" in caplog.text
    made._thread.join(WAIT_S)
    made.engine.close()


def test_a_slower_gpu_is_not_opened_again(bundle, tmp_path, gpu):
    times = times_of(bundle, tmp_path)
    for name, time_ms in (("tensorrt", 9.0), ("openvino", 5.0), ("onnxruntime", 7.0)):
        times.keep(name, time_ms)
    with closing(Painter(bundle, "auto", tmp_path)) as made:
        assert made._thread is None and gpu == ["openvino"]


@pytest.mark.parametrize("engine", ["openvino", "tensorrt"])
def test_the_real_builder_opens_once_or_says_why_not(bundle, tmp_path, engine):
    fault = engines.selection.engine_fault(engine)
    child = Child(painter.BUILDER, str(bundle.synthesis_path.resolve()), engine, str(tmp_path))
    try:
        answer = child.receive()
    finally:
        child.end()
    assert answer == {"built": True} if fault is None else fault[:40] in answer["error"]


def test_no_engine_of_a_gpu_is_tried_where_there_is_none(bundle, tmp_path):
    if any(engines.selection.engine_fault(name) is None for name in GPU_LADDER):
        pytest.skip("there is one")
    with closing(Painter(bundle, "auto", tmp_path)) as made:
        assert made._thread is None
    (path,) = (tmp_path / "times").iterdir()
    assert set(json.loads(path.read_text())) == set(LADDER)


@pytest.fixture
def pretended(monkeypatch):
    """TensorRT on a GPU in memory; what a child would build is built here."""
    driver = PretendDriver()
    trt = pretend_tensorrt(driver)
    monkeypatch.setattr("engines.cuda.load_driver", lambda: driver)
    monkeypatch.setitem(sys.modules, "tensorrt", trt)
    monkeypatch.setattr(Painter, "_build", lambda self, name: None)
    monkeypatch.setattr("engines.ladder.measure_ms", lambda found, inputs: dict.fromkeys(found, 0.001))
    return driver, trt


@pytest.mark.parametrize("tuned", [False, True])
def test_tensorrt_takes_over_paints_the_same_and_is_lost_again(stylegan_folder, tmp_path, pretended, caplog, tuned):
    driver, trt = pretended
    bundle = load_bundle(stylegan_folder)
    content = load_file(bundle.generator_path)
    weights = save({name: tensor * np.float16(0.9) for name, tensor in content.items()}) if tuned else None
    inputs = probes(bundle)[0]
    with closing(Painter(bundle, "auto", tmp_path, weights)) as made:
        made._thread.join(WAIT_S)
        painted = made.engine.run(inputs)["rgba"].copy()
        assert made.engine.name == "tensorrt Pretend GPU fp16" and trt.builds == 1
        driver.fail = {"cuGraphLaunch": LOST, "cuDeviceGetName": LOST}
        again = made.engine.run(inputs)["rgba"].copy()
        assert "CPU" in made.engine.name and np.abs(again.astype(int) - painted).max() <= 2
        assert "CUDA_ERROR_DEVICE_UNAVAILABLE" in caplog.text and "goes on" in caplog.text
    driver.fail = {}
    with closing(Painter(bundle, "tensorrt", tmp_path, weights)) as named:
        assert np.abs(named.engine.run(inputs)["rgba"].astype(int) - painted).max() == 0 and trt.builds == 1
    with closing(engines.open_engine(bundle.synthesis_path, "onnxruntime", weights=weights)) as plain:
        assert np.abs(plain.run(inputs)["rgba"].astype(int) - painted).max() <= 1
    assert not (driver.open or driver.memory or driver.pinned)
