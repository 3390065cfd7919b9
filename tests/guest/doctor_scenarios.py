"""`puppet doctor` on a machine that has a webcam and a virtual camera, and on one that has not; in the guest."""

import json
import subprocess
import sys

import pytest
from hands import VIRTUAL, WEBCAM, load, tell, unload

pytestmark = pytest.mark.timeout(3600)


def examined(*words):
    """Exit code and findings by name."""
    asked = [sys.executable, "-m", "puppet", "doctor", "--json", *words]
    done = subprocess.run(asked, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    answer = json.loads(done.stdout)
    found = {finding["name"]: finding for finding in answer["findings"]}
    tell(code=done.returncode, **{name: f"{one['state']}, {one['says']}" for name, one in found.items()})
    assert answer["can_stream"] == (done.returncode == 0)
    return done.returncode, found


@pytest.fixture
def asked(bundle_folder, tmp_path):
    return ["--bundle", str(bundle_folder), "--data-dir", str(tmp_path)]


def test_with_webcam_and_driver_nothing_is_missing(webcam, virtual_camera, asked):
    code, found = examined(*asked)
    assert code == 0
    assert all(found[name]["state"] == "ok" for name in ("cameras", "virtual camera", "its label", "exclusive_caps"))
    assert found["cameras"]["says"] == f"{WEBCAM} (vivid-000-vid-cap)"
    assert found["virtual camera"]["says"] == f"/dev/video{VIRTUAL} (puppet)"


def test_without_a_driver_its_line_says_so(webcam, asked):
    code, found = examined(*asked)
    assert code == 1 and found["cameras"]["state"] == "ok"
    assert [name for name, one in found.items() if one["state"] == "failure"] == ["virtual camera"]
    assert "modprobe v4l2loopback" in found["virtual camera"]["mend"]


def test_virtual_cameras_are_no_webcam_whatever_their_names(asked):
    load("v4l2loopback", video_nr="9,10", exclusive_caps="1,0", card_label="Desk,Window")
    try:
        code, found = examined(*asked)
    finally:
        unload("v4l2loopback")
    assert code == 1 and found["cameras"]["state"] == "failure"
    assert found["exclusive_caps"]["state"] == "warning" and "/dev/video10:" in found["exclusive_caps"]["says"]
