"""What ONNX Runtime says it runs on is checked against what it runs on."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import types

import pytest

from engines import EngineUnavailable
from engines.onnx_engine import OnnxEngine
from engines.onnx_providers import TELEMETRY, _gpu_answers, ask_for, provider_fault

ON_GPUS = ("CUDA", "Tensorrt", "NvTensorRTRTX")


@pytest.mark.parametrize("provider", ON_GPUS)
def test_a_provider_that_does_not_come_up_is_an_error_with_what_it_needs(model, provider, capfd):
    fault = provider_fault(provider)
    if fault is None:
        pytest.skip("it comes up here")
    with pytest.raises(EngineUnavailable, match=f"{provider} provider does not come up here"):
        OnnxEngine(model.path, provider=provider)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("provider", ON_GPUS)
def test_with_a_gpu_what_is_missing_is_said(provider, monkeypatch, capfd):
    if _gpu_answers():
        pytest.skip("what it needs may be there")
    monkeypatch.setattr("engines.onnx_providers._gpu_answers", lambda: True)
    assert "pip install" in provider_fault(provider)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("provider", ["CUDA", "Tensorrt"])
def test_one_that_falls_back_without_a_word_is_an_error(model, provider, monkeypatch):
    import onnxruntime

    monkeypatch.setattr("engines.onnx_engine.provider_fault", lambda provider: None)
    monkeypatch.setattr("engines.onnx_engine.ask_for", lambda options, provider, cache: ["CPUExecutionProvider"])
    assert onnxruntime.get_available_providers()
    with pytest.raises(EngineUnavailable, match="CPU took its place without a word"):
        OnnxEngine(model.path, provider=provider)


def test_the_processor_always_comes_up():
    assert provider_fault("CPU") is None


def test_tensorrt_keeps_what_it_builds_in_the_given_folder(tmp_path):
    first, *others = ask_for(None, "Tensorrt", tmp_path)
    assert first[1]["trt_engine_cache_path"] == str(tmp_path) and others[-1] == "CPUExecutionProvider"
    assert ask_for(None, "Tensorrt", None)[0][1] == {}


def test_a_driver_without_a_gpu_does_not_answer(monkeypatch):
    driver = types.SimpleNamespace(cuInit=lambda flags: 100, cuDeviceGetCount=lambda count: 0)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: driver)
    assert not _gpu_answers()


QUIET = """
import sys
from pathlib import Path
from engines import open_engine

sys.addaudithook(lambda event, _: event in ("os.fork", "socket.connect", "socket.getaddrinfo") and print(event))
open_engine(Path(sys.argv[1]), "onnxruntime", threads=1).close()
"""


def test_nobody_is_told_that_it_is_used(model, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    places = dict.fromkeys(("HOME", "TMPDIR", "XDG_CACHE_HOME", "LOCALAPPDATA"), str(home))
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", TELEMETRY)} | places
    command = [sys.executable, "-c", QUIET, str(model.path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=True)
    assert not done.stdout and not list(home.iterdir())
