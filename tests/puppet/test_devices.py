import pytest
from hypothesis import given
from hypothesis import strategies as st

from puppet.devices import Device, choose, has_hardware, list_devices, names_file
from puppet.errors import CameraError

DEVICES = [
    Device(0, "Integrated Camera", "/dev/video0", 200),
    Device(2, "HD Pro Webcam C920", "/dev/video2", 200),
    Device(4, "HD Pro Webcam C920", "/dev/video4", 200),
    Device(6, "Logitech BRIO", "/dev/video6", 200),
    Device(9, "OBS Virtual Camera", "/dev/video9", 200),
]


@pytest.mark.parametrize(
    ("wanted", "index"),
    [(None, 0), ("0", 0), ("2", 2), ("/dev/video4", 4), ("brio", 6), ("integrated camera", 0),
     ("9", 9), ("obs virtual camera", 9)],
)  # fmt: skip
def test_number_file_name_or_part_of_a_name(wanted, index):
    assert choose(wanted, DEVICES).index == index


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("5", r"there is no camera or video file '5'; this machine has 0 \(Integrated Camera\), 2 \(HD"),
        ("virtual", "there is no camera or video file 'virtual'"),
        ("C920", r"'C920' fits several cameras: 2 \(HD Pro Webcam C920\), 4 .*; give the number"),
        ("hd pro webcam c920", "fits several"),
    ],
)
def test_what_fits_none_or_several_is_one_sentence(wanted, words):
    with pytest.raises(CameraError, match=words) as caught:
        choose(wanted, DEVICES)
    assert "\n" not in str(caught.value) and "OBS" not in str(caught.value)


@pytest.mark.parametrize("devices", [[], DEVICES[-1:]], ids=["none", "only a virtual one"])
def test_without_a_real_camera_there_is_nothing_to_take(devices):
    with pytest.raises(CameraError, match="no camera was found; connect one"):
        choose(None, devices)


@pytest.mark.parametrize(
    ("name", "virtual"),
    [
        ("OBS Virtual Camera", True), ("OBS-Camera", True), ("Dummy video device (0x0000)", True),
        ("Unity Video Capture", True), ("puppet", True), ("e2eSoft VCam", True), ("v4l2loopback", True),
        ("Integrated Camera", False), ("Observer HD", False), ("vivid", False), ("FaceTime HD Camera", False),
        ("c922 Pro Stream Webcam", False), ("USB2.0 HD UVC WebCam", False),
    ],
)  # fmt: skip
def test_virtual_cameras_are_known_by_their_names(name, virtual):
    assert Device(0, name, None, 0).virtual == virtual


def test_a_camera_without_hardware_is_virtual_whatever_its_name(tmp_path):
    shown = tmp_path / "class" / "video4linux"
    shown.mkdir(parents=True)
    for name, place in (("video0", "pci0000:00/usb1"), ("video2", "platform/vivid.0"), ("video9", "virtual")):
        (tmp_path / "devices" / place / "video4linux" / name).mkdir(parents=True)
        (shown / name).symlink_to(f"../../devices/{place}/video4linux/{name}")
    paths = [f"/dev/{path.name}" for path in sorted(shown.iterdir())] + ["/dev/video3", None]
    assert [has_hardware(path, tmp_path) for path in paths] == [True, True, False, True, True]
    assert Device(9, "Desk", "/dev/video9", 200, hardware=False).virtual


def test_a_file_is_told_from_a_camera(tmp_path):
    (tmp_path / "clip").write_bytes(b"")
    assert all(map(names_file, [str(tmp_path / "clip"), "absent.mp4", "a/b.mkv", str(tmp_path / "absent")]))
    assert not any(map(names_file, ["0", "C920", "USB2.0 HD UVC WebCam", "Camera v2.0", str(tmp_path)]))


@given(st.text(max_size=20))
def test_any_words_give_a_camera_or_a_sentence(wanted):
    try:
        assert choose(wanted, DEVICES) in DEVICES
    except CameraError as error:
        assert "\n" not in str(error)


def test_this_machine_is_asked_without_harm():
    assert all(isinstance(device, Device) for device in list_devices())
