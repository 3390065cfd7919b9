import os
import signal
import time
from fractions import Fraction

import numpy as np
import pytest
import pyvirtualcam
from memory_driver import DEVICE, wait_for

from puppet.errors import SinkError
from puppet.lock import Lock
from puppet.outlet import Outlet
from puppet.settings import WatchdogSettings
from puppet.sinks import Sink
from puppet.slate import draw_slate
from puppet.values import Moment, Picture
from puppet.virtual_camera import VirtualCamera

PICTURES = np.random.default_rng(5).integers(0, 256, (8, 36, 64, 3), np.uint8)
SLATE = draw_slate((64, 36))


@pytest.fixture
def camera(memory_cameras, tmp_path):
    camera = VirtualCamera("memory", tmp_path / "locks")
    yield camera
    camera.abort()


def opened(camera):
    camera.open((64, 36), Fraction(30))
    return camera


def picture(i):
    return Picture(PICTURES[i], Moment(i, i / 30, 0.0))


def shows(device, rgb):
    return np.array_equal(device.frames[-1], rgb)


def keep_sending(camera, i, until):
    """Send a picture again and again, as a program that is well does."""

    def sent():
        camera.send(picture(i))
        return until()

    wait_for(sent)


def test_it_is_a_sink(camera):
    assert isinstance(camera, Sink)


def test_pictures_arrive_byte_for_byte_between_two_slates(camera, memory_cameras):
    opened(camera)
    (device,) = memory_cameras
    for i, rgb in enumerate(PICTURES):
        camera.send(picture(i))
        wait_for(lambda rgb=rgb: shows(device, rgb))
    camera.close()
    camera.close()
    assert (device.size_wh, device.about["fps"], device.is_open) == ((64, 36), 30.0, False)
    assert device.about["fourcc"] == pyvirtualcam.camera.encode_fourcc(pyvirtualcam.PixelFormat.RGB.value)
    frames = [frame for frame in device.frames if not np.array_equal(frame, SLATE)]
    np.testing.assert_array_equal(frames, PICTURES)
    assert (device.frames[0] == SLATE).all() and shows(device, SLATE)


def test_a_picture_is_repeated_for_a_while_and_then_it_is_the_slate_with_the_name(camera, memory_cameras):
    outlet = Outlet(opened(camera), (64, 36))
    outlet.start()
    (device,) = memory_cameras
    wait_for(lambda: device.sent > 4)
    assert len(device.frames) == 1
    camera.call("Ada")
    outlet.put(PICTURES[0], Moment(0, 0.0, 0.0))
    wait_for(lambda: shows(device, PICTURES[0]))
    before = device.sent
    wait_for(lambda: shows(device, draw_slate((64, 36), "Ada")))
    assert device.sent > before + 4
    outlet.put(PICTURES[1], Moment(1, 0.1, 0.0))
    wait_for(lambda: shows(device, PICTURES[1]))
    outlet.finish()
    assert outlet.status().sent == 2 and len(memory_cameras) == 1


def test_a_change_of_size_does_not_reopen_it(camera, memory_cameras):
    outlet = Outlet(opened(camera), (64, 36))
    outlet.start()
    (device,) = memory_cameras
    outlet.put(np.full((72, 128, 3), 200, np.uint8), Moment(0, 0.0, 0.0))
    wait_for(lambda: (device.frames[-1] == 200).all())
    outlet.put(np.full((36, 36, 3), 100, np.uint8), Moment(1, 0.1, 0.0))
    outlet.finish()
    wait_for(lambda: (device.frames[-1][:, 14:50] == 100).all())
    square = device.frames[-1]
    assert not square[:, :14].any() and not square[:, 50:].any()


def test_a_killed_process_is_started_again_twice_and_then_it_is_said(camera, memory_cameras, caplog):
    opened(camera)
    for i in range(2):
        os.kill(memory_cameras[i].about["pid"], signal.SIGKILL)
        keep_sending(camera, i, lambda i=i: len(memory_cameras) > i + 1)
        device = memory_cameras[i + 1]
        keep_sending(camera, i, lambda device=device, i=i: shows(device, PICTURES[i]))
        assert (device.frames[0] == SLATE).all()
        assert caplog.messages[-1].startswith(f"the process of virtual camera {DEVICE} ended")
    os.kill(memory_cameras[2].about["pid"], signal.SIGKILL)
    with pytest.raises(SinkError, match=rf"virtual camera {DEVICE} takes no more pictures \(.*\); start puppet again"):
        wait_for(camera.stand_by)
    camera.close()


def test_a_process_that_hangs_is_replaced(camera, memory_cameras, caplog, monkeypatch):
    monkeypatch.setattr("puppet.guard.HUNG_S", 0.5)
    opened(camera)
    os.kill(memory_cameras[0].about["pid"], signal.SIGSTOP)
    keep_sending(camera, 0, lambda: len(memory_cameras) == 2)
    keep_sending(camera, 1, lambda: shows(memory_cameras[1], PICTURES[1]))
    assert "was started again" in caplog.text


def test_a_device_that_is_gone_ends_it_in_one_sentence(camera, memory_cameras):
    opened(camera)
    memory_cameras.plug(False)
    memory_cameras.end()
    with pytest.raises(SinkError, match=r"takes no more pictures \(.*; then: no virtual camera can be opened"):
        wait_for(camera.stand_by)


def test_no_driver_is_one_sentence_with_advice(memory_cameras, tmp_path):
    memory_cameras.plug(False)
    with pytest.raises(
        SinkError, match=r"no virtual camera can be opened \('memory' backend: No device found"
    ) as caught:
        opened(VirtualCamera(None, tmp_path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("system", "words"), [("linux", "sudo modprobe v4l2loopback exclusive_caps=1"), ("win32", "OBS"), ("darwin", "OBS")]
)
def test_the_advice_is_for_this_system(memory_cameras, tmp_path, monkeypatch, system, words):
    memory_cameras.plug(False)
    monkeypatch.setattr("puppet.virtual_camera.sys", type("System", (), {"platform": system}))
    with pytest.raises(SinkError, match=words):
        opened(VirtualCamera(None, tmp_path))


def test_an_unknown_backend_is_refused_with_the_known_ones(memory_cameras, tmp_path):
    with pytest.raises(SinkError, match="no virtual-camera backend 'smoke'; choose one of memory"):
        opened(VirtualCamera("smoke", tmp_path))


def test_a_second_instance_on_the_same_device_says_so(memory_cameras, tmp_path):
    other = Lock.take(tmp_path, DEVICE)
    camera = VirtualCamera("memory", tmp_path)
    with pytest.raises(SinkError, match=f"another puppet sends to the virtual camera {DEVICE} already"):
        opened(camera)
    assert not memory_cameras[0].is_open  # a device that opens for everybody is let go again
    memory_cameras.plug(False)
    with pytest.raises(SinkError, match="no virtual camera is free: another puppet sends to one already"):
        opened(camera)
    other.release()
    memory_cameras.plug(True)
    opened(camera).close()


def test_a_camera_that_another_puppet_uses_is_left_alone(camera, memory_cameras, tmp_path):
    opened(camera)
    with pytest.raises(SinkError, match="no virtual camera is free: another puppet sends to one already"):
        opened(VirtualCamera("memory", tmp_path / "locks"))
    keep_sending(camera, 0, lambda: shows(memory_cameras[0], PICTURES[0]))


def test_its_mark_needs_a_folder(memory_cameras, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SinkError, match="file cannot be written"):
        opened(VirtualCamera("memory", tmp_path / "file"))
    assert not memory_cameras[0].is_open


def test_memory_and_notes_are_removed_at_the_end(camera, memory_cameras, tmp_path):
    opened(camera)
    memory = camera._guard._mailbox.path
    assert memory.stat().st_mode & 0o777 == 0o600
    assert len(list((tmp_path / "locks").glob("*.json"))) == 1
    camera.close()
    assert not memory.exists() and not list((tmp_path / "locks").glob("*.json"))


def test_the_settings_reach_the_process(memory_cameras, tmp_path):
    camera = opened(VirtualCamera("memory", tmp_path, WatchdogSettings(silence_s=600.0)))
    (device,) = memory_cameras
    camera.send(picture(0))
    wait_for(lambda: shows(device, PICTURES[0]))
    time.sleep(1.5)  # longer than the usual patience
    assert shows(device, PICTURES[0])
    camera.close()
