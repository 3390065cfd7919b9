"""Fake /proc and /sys trees, as the kernel shows them."""

from __future__ import annotations

from pathlib import Path

import pytest

from puppet.doctor.linux import Linux

RELEASE = "6.1.0-18-amd64"


def put(root: Path, files: dict[str, str]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content + "\n")


def loaded(root: Path, labels: dict[str, str], caps: str) -> None:
    """The module with its devices, and a webcam beside them."""
    put(root, {"sys/module/v4l2loopback/parameters/exclusive_caps": caps})
    for folder in ("sys/devices/virtual/video4linux", "sys/class/video4linux"):
        put(root, {f"{folder}/{device}/name": label for device, label in labels.items()})
    put(root, {f"sys/devices/virtual/video4linux/{device}/max_openers": "10" for device in labels})
    put(root, {"sys/class/video4linux/video0/name": "Integrated Camera"})


def examine(root: Path, *, closed: tuple[str, ...] = (), tool: bool = True) -> dict:
    machine = Linux(RELEASE, root, lambda path: path.name not in closed, lambda name: tool)
    return {finding.name: finding for finding in machine.examine()}


def test_a_machine_that_is_ready_has_nothing_to_mend(tmp_path):
    loaded(tmp_path, {"video10": "puppet", "video9": "OBS"}, "Y,Y,N,N,N,N,N,N")
    found = examine(tmp_path)
    assert {finding.state for finding in found.values()} == {"ok"}
    assert not any(finding.mend for finding in found.values())
    assert found["virtual camera"].says == "/dev/video9 (OBS), /dev/video10 (puppet)"
    assert set(found) == {"virtual camera", "its label", "exclusive_caps", "v4l2loopback-ctl", "permission"}


@pytest.mark.parametrize(
    ("files", "says", "mend"),
    [
        ({}, "is not installed", "apt-get install v4l2loopback-dkms && sudo modprobe v4l2loopback exclusive_caps=1"),
        ({"usr/src/v4l2loopback-0.12.7/dkms.conf": ""}, f"is not built for the kernel {RELEASE}", "dkms autoinstall"),
        ({f"lib/modules/{RELEASE}/updates/dkms/v4l2loopback.ko.xz": ""}, "installed and not loaded", "sudo modprobe"),
        ({"lib/modules/5.0/updates/dkms/v4l2loopback.ko": ""}, "is not installed", "apt-get install"),
        ({"sys/module/v4l2loopback/version": "0.12.7"}, "is loaded and has no device", "modprobe -r v4l2loopback"),
    ],
)
def test_without_a_device_streaming_fails_and_one_command_mends_it(tmp_path, files, says, mend):
    put(tmp_path, files)
    found = examine(tmp_path)
    assert set(found) == {"virtual camera"}
    assert found["virtual camera"].state == "failure"
    assert says in found["virtual camera"].says and mend in found["virtual camera"].mend


def test_a_virtual_device_of_another_driver_is_not_one_to_send_to(tmp_path):
    put(tmp_path, {"sys/devices/virtual/video4linux/video3/name": "Droidcam"})
    put(tmp_path, {"sys/class/video4linux/video3/name": "Droidcam"})
    found = examine(tmp_path, closed=("video3",))
    assert found["virtual camera"].state == "failure" and "is not installed" in found["virtual camera"].says
    assert "/dev/video3" in found["permission"].says


@pytest.mark.parametrize(
    ("caps", "numbers", "without"),
    [
        ("N,N,N", "9,10,-1", "/dev/video9, /dev/video10:"),
        ("Y,N,N", "9,10,-1", " /dev/video10:"),
        ("Y,N,N", "10,9,-1", " /dev/video9:"),
        ("0,1", "-1,-1", " /dev/video9:"),
        ("1,1", "-1,-1", None),
    ],
)
def test_exclusive_caps_belong_to_their_device(tmp_path, caps, numbers, without):
    loaded(tmp_path, {"video9": "a", "video10": "b"}, caps)
    put(tmp_path, {"sys/module/v4l2loopback/parameters/video_nr": numbers})
    finding = examine(tmp_path)["exclusive_caps"]
    assert finding.state == ("ok" if without is None else "warning")
    assert without is None or (without in finding.says and "exclusive_caps=1" in finding.mend)


def test_a_camera_without_a_label_is_a_warning(tmp_path):
    loaded(tmp_path, {"video9": "Dummy video device (0x0000)"}, "Y")
    finding = examine(tmp_path)["its label"]
    assert finding.state == "warning" and "card_label=puppet" in finding.mend


@pytest.mark.parametrize("closed", [("video9",), ("video0",), ("video0", "video9")])
def test_without_permission_streaming_fails(tmp_path, closed):
    loaded(tmp_path, {"video9": "puppet"}, "Y")
    finding = examine(tmp_path, closed=closed)["permission"]
    assert finding.state == "failure" and "usermod -aG video" in finding.mend
    assert all(f"/dev/{device}" in finding.says for device in closed)


def test_without_the_drivers_tool_it_is_a_warning(tmp_path):
    loaded(tmp_path, {"video9": "puppet"}, "Y")
    finding = examine(tmp_path, tool=False)["v4l2loopback-ctl"]
    assert finding.state == "warning" and finding.mend == "sudo apt-get install v4l2loopback-utils"
