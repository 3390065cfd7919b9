import time
from fractions import Fraction

import numpy as np
import pytest
import pyvirtualcam

from puppet.errors import SinkError
from puppet.lock import Lock
from puppet.outlet import Outlet
from puppet.sinks import Sink
from puppet.values import Moment
from puppet.virtual_camera import SLATE_GREY, VirtualCamera

PICTURES = np.random.default_rng(5).integers(0, 256, (12, 36, 64, 3), np.uint8)


@pytest.fixture
def camera(memory_cameras, tmp_path):
    camera = VirtualCamera("memory", tmp_path / "locks")
    yield camera
    camera.abort()


def opened(camera):
    camera.open((64, 36), Fraction(30))
    return camera


def test_it_is_a_sink(camera):
    assert isinstance(camera, Sink)


def test_pictures_arrive_byte_for_byte_between_two_slates(camera, memory_cameras):
    outlet = Outlet(opened(camera), (64, 36), lossless=True)
    outlet.start()
    for i, rgb in enumerate(PICTURES):
        outlet.put(rgb, Moment(i, i / 30, 0.0))
    outlet.finish()
    camera.close()
    camera.close()
    (device,) = memory_cameras
    assert (device.size_wh, device.fps, device.is_open) == ((64, 36), 30.0, False)
    assert device.fourcc == pyvirtualcam.camera.encode_fourcc(pyvirtualcam.PixelFormat.RGB.value)
    first, *frames, last = device.frames
    assert (first == SLATE_GREY).all() and (last == SLATE_GREY).all()
    np.testing.assert_array_equal(frames, PICTURES)


def test_without_new_pictures_the_last_one_stays_alive(camera, memory_cameras, monkeypatch):
    monkeypatch.setattr(VirtualCamera, "standby_s", 0.01)
    outlet = Outlet(opened(camera), (64, 36))
    outlet.start()
    (device,) = memory_cameras
    wait_for(lambda: len(device.frames) > 4)
    assert all((frame == SLATE_GREY).all() for frame in device.frames[:4])
    outlet.put(PICTURES[0], Moment(0, 0.0, 0.0))
    before = len(device.frames)
    wait_for(lambda: len(device.frames) > before + 4)
    outlet.finish()
    np.testing.assert_array_equal(device.frames[-1], PICTURES[0])
    assert outlet.status().sent == 1


def wait_for(there, limit_s=10.0):
    deadline_s = time.monotonic() + limit_s
    while not there():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def test_a_change_of_size_does_not_reopen_it(camera, memory_cameras):
    outlet = Outlet(opened(camera), (64, 36), lossless=True)
    outlet.start()
    outlet.put(np.full((72, 128, 3), 200, np.uint8), Moment(0, 0.0, 0.0))
    outlet.put(np.full((36, 36, 3), 100, np.uint8), Moment(1, 0.1, 0.0))
    outlet.finish()
    (device,) = memory_cameras
    _, large, square = device.frames
    assert (large == 200).all()
    assert (square[:, 14:50] == 100).all() and not square[:, :14].any() and not square[:, 50:].any()


def test_no_driver_is_one_sentence_with_advice(memory_cameras, tmp_path):
    memory_cameras.append(type("Taken", (), {"is_open": True}))
    with pytest.raises(
        SinkError, match=r"no virtual camera can be opened \('memory' backend: No device found"
    ) as caught:
        opened(VirtualCamera(None, tmp_path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("system", "words"), [("linux", "sudo modprobe v4l2loopback exclusive_caps=1"), ("win32", "OBS"), ("darwin", "OBS")]
)
def test_the_advice_is_for_this_system(memory_cameras, tmp_path, monkeypatch, system, words):
    memory_cameras.append(type("Taken", (), {"is_open": True}))
    monkeypatch.setattr("puppet.virtual_camera.sys.platform", system)
    with pytest.raises(SinkError, match=words):
        opened(VirtualCamera(None, tmp_path))


def test_an_unknown_backend_is_refused_with_the_known_ones(memory_cameras, tmp_path):
    with pytest.raises(SinkError, match="no virtual-camera backend 'smoke'; choose one of memory"):
        opened(VirtualCamera("smoke", tmp_path))


def test_a_second_instance_on_the_same_device_says_so(memory_cameras, tmp_path):
    other = Lock.take(tmp_path, "/dev/memory0")
    camera = VirtualCamera("memory", tmp_path)
    with pytest.raises(SinkError, match="another puppet sends to the virtual camera /dev/memory0 already"):
        opened(camera)
    assert not memory_cameras[0].is_open  # a device that opens for everybody is let go again
    memory_cameras[0].is_open = True
    with pytest.raises(SinkError, match="no virtual camera is free: another puppet sends to one already"):
        opened(camera)
    other.release()
    memory_cameras[0].is_open = False
    opened(camera).close()


def test_its_mark_needs_a_folder(memory_cameras, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match="file cannot be written"):
        opened(VirtualCamera("memory", tmp_path / "file"))
    assert not memory_cameras[0].is_open
