from __future__ import annotations

import shutil

import pytest

from puppet.bundle import SYNTHESIS, load_bundle, write_manifest
from puppet.devices import Device
from puppet.doctor import program

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


def test_every_engine_is_timed(bundle_folder):
    found = program.engines(load_bundle(bundle_folder), ("openvino", "onnxruntime"))
    assert [finding.name for finding in found] == ["openvino", "onnxruntime"]
    assert all(finding.state != "failure" and " ms a portrait" in finding.says for finding in found)


def test_an_engine_that_does_not_work_fails_only_where_no_other_does(bundle_folder, tmp_path):
    bundle = load_bundle(bundle_folder)
    found = program.engines(bundle, ("openvino", "torch"))
    assert [finding.state for finding in found][1] == "warning" and found[1].mend.endswith("torch")
    copy = tmp_path / "bundle"
    shutil.copytree(bundle_folder, copy)
    (copy / SYNTHESIS).write_bytes(b"no graph")
    about = {"layout": bundle.layout, "pose_space": bundle.pose_space, "identity": bundle.identity}
    write_manifest(copy, name="tiny", version="1", licence="CC0-1.0", **about)
    found = program.engines(load_bundle(copy), ("openvino", "onnxruntime"))
    assert [finding.state for finding in found] == ["failure", "failure"] and all(finding.mend for finding in found)


def test_a_slow_engine_is_a_warning(bundle_folder, monkeypatch):
    monkeypatch.setattr(program, "FRAME_MS", 0.0)
    (finding,) = program.engines(load_bundle(bundle_folder), ("openvino",))
    assert finding.state == "warning" and "too slow" in finding.says


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
