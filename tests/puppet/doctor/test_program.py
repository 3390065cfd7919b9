from __future__ import annotations

import shutil
from functools import partial

import pytest

from engines.selection import LADDER
from engines.times import measure_ms
from puppet.bundle import SYNTHESIS, load_bundle, write_manifest
from puppet.devices import Device
from puppet.doctor import program
from puppet.painter import times_of

CAMERAS = [
    Device(0, "Integrated Camera", None, 0),
    Device(2, "OBS Virtual Camera", None, 0),
    Device(4, "BRIO", None, 0),
]


def test_packages_have_versions_and_missing_ones_are_named():
    finding = program.python_and_packages()
    assert finding.state == "ok" and "numpy 1." in finding.says and "Python 3." in finding.says
    finding = program.python_and_packages(("numpy", "no-such-package"))
    assert finding.state == "failure" and finding.mend.endswith("pip install no-such-package")


def test_the_model_is_verified(bundle_folder, tmp_path):
    finding, bundle = program.model(bundle_folder)
    assert bundle is not None and finding.state == "ok" and bundle.sha256[:12] in finding.says
    copy = tmp_path / "bundle"
    shutil.copytree(bundle_folder, copy)
    (copy / "pose.onnx").write_bytes((copy / "pose.onnx").read_bytes()[::-1])
    finding, bundle = program.model(copy)
    assert bundle is None and finding.state == "failure" and "pose.onnx is damaged" in finding.says and finding.mend


@pytest.fixture(autouse=True)
def measured_once(monkeypatch):
    monkeypatch.setattr(program, "measure_ms", partial(measure_ms, seconds=0))


def test_every_engine_is_timed_and_the_choice_explained(bundle_folder, tmp_path):
    bundle = load_bundle(bundle_folder)
    found = program.engines(bundle, LADDER, tmp_path)
    assert [finding.name for finding in found] == [*LADDER, "engine"]
    assert all(finding.state != "failure" for finding in found)
    assert all(" ms a portrait" in finding.says for finding in found)
    assert not list(tmp_path.iterdir())
    for name, time_ms in (("openvino", 90.0), ("onnxruntime", 50.0)):
        times_of(bundle, tmp_path).keep(name, time_ms)
    says = program.engines(bundle, LADDER, tmp_path)[-1].says
    assert says == "onnxruntime is the fastest here: 50.0 ms a portrait, against openvino 90.0 ms"


def test_an_engine_that_does_not_work_fails_only_where_no_other_does(bundle_folder, tmp_path):
    bundle = load_bundle(bundle_folder)
    found = program.engines(bundle, ("openvino", "torch"), tmp_path)
    assert [finding.state for finding in found][1] == "warning" and found[1].mend.endswith("torch")
    copy = tmp_path / "bundle"
    shutil.copytree(bundle_folder, copy)
    (copy / SYNTHESIS).write_bytes(b"no graph")
    about = {"layout": bundle.layout, "pose_space": bundle.pose_space, "identity": bundle.identity}
    write_manifest(copy, name="tiny", version="1", licence="CC0-1.0", **about)
    found = program.engines(load_bundle(copy), ("openvino", "onnxruntime"), tmp_path)
    assert [finding.state for finding in found] == ["failure", "failure"] and all(finding.mend for finding in found)


@pytest.mark.parametrize(
    ("gpu", "fault", "remembered", "state", "says"),
    [
        (None, "no driver", {}, "ok", "there is no NVIDIA GPU"),
        ("RTX 4090", "TensorRT cannot be imported", {}, "warning", "is not used: TensorRT cannot be imported"),
        ("RTX 4090", None, {}, "ok", "RTX 4090: works; it is built when a stream begins"),
        ("RTX 4090", None, {"tensorrt": 1.25}, "ok", "RTX 4090: 1.2 ms a portrait"),
    ],
)
def test_an_engine_for_a_gpu_is_not_built(bundle_folder, tmp_path, monkeypatch, gpu, fault, remembered, state, says):
    monkeypatch.setattr(program, "gpu_name", lambda: gpu)
    monkeypatch.setattr(program, "engine_fault", lambda name: fault)
    bundle = load_bundle(bundle_folder)
    for name, time_ms in remembered.items():
        times_of(bundle, tmp_path).keep(name, time_ms)
    found = program.engines(bundle, ("tensorrt", "openvino"), tmp_path)
    assert found[0].state == state and says in found[0].says and bool(found[0].mend) == (state == "warning")
    assert found[-1].says.startswith("openvino" if fault else "tensorrt") or remembered


def test_an_engine_for_a_gpu_that_was_asked_for_is_a_failure_where_there_is_none(bundle_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(program, "gpu_name", lambda: None)
    monkeypatch.setattr(program, "engine_fault", lambda name: "no driver")
    (finding,) = program.engines(load_bundle(bundle_folder), ("tensorrt",), tmp_path)
    assert finding.state == "failure" and finding.mend


def test_a_slow_engine_is_a_warning(bundle_folder, monkeypatch, tmp_path):
    monkeypatch.setattr(program, "FRAME_MS", 0.0)
    finding, choice = program.engines(load_bundle(bundle_folder), ("openvino",), tmp_path)
    assert finding.state == "warning" and "too slow" in finding.says and choice.name == "engine"


def test_the_face_tracker_finds_a_face():
    assert program.face_tracker().state == "ok"


@pytest.mark.parametrize("module", ["no_such_module", "this"])
def test_a_face_tracker_that_ends_early_is_a_failure(module):
    finding = program.face_tracker(module)
    assert finding.state == "failure" and "MediaPipe does not work" in finding.says and "mediapipe==" in finding.mend


def test_cameras_are_named_without_virtual_ones():
    assert program.cameras(CAMERAS).says == "0 (Integrated Camera), 4 (BRIO)"
    finding = program.cameras(CAMERAS[1:2])
    assert finding.state == "failure" and "connect one" in finding.mend


@pytest.mark.skipif("sys.platform != 'linux'", reason="other systems always have a screen")
@pytest.mark.parametrize(
    ("environment", "libraries", "state", "mend"),
    [
        ({"WAYLAND_DISPLAY": "wayland-0"}, {"libmissing.so.9": "libmissing9"}, "ok", ""),
        ({"DISPLAY": ":0"}, {"libc.so.6": "libc6"}, "ok", ""),
        ({"DISPLAY": ":0"}, {"libmissing.so.9": "libmissing9"}, "warning", "sudo apt-get install libmissing9"),
        ({}, {}, "warning", "puppet --headless"),
    ],
)
def test_without_a_screen_there_is_only_no_window(environment, libraries, state, mend):
    finding = program.screen(environment, libraries)
    assert (finding.state, finding.mend) == (state, mend)


def test_the_data_folder_is_looked_at_and_not_made(tmp_path):
    folder = tmp_path / "new" / "data"
    assert program.data_folder(folder).state == "ok"
    assert not list(tmp_path.iterdir())
    looked_at = []
    finding = program.data_folder(folder, may_write=lambda path: looked_at.append(path) is not None)
    assert looked_at == [tmp_path]
    assert finding.state == "failure" and f"{tmp_path} cannot be written" in finding.says and finding.mend
    (tmp_path / "new").touch()
    assert "is not a folder" in program.data_folder(folder).says


@pytest.mark.parametrize(("free_mb", "state"), [(10.0, "failure"), (200.0, "warning"), (2000.0, "ok")])
def test_a_full_disk_is_said(tmp_path, free_mb, state):
    finding = program.data_folder(tmp_path, free_mb=lambda path: free_mb)
    assert finding.state == state and bool(finding.mend) == (state != "ok")
