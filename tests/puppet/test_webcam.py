import logging
import time

import cv2
import numpy as np
import pytest

from puppet.camera import Camera
from puppet.devices import Device
from puppet.errors import CameraError
from puppet.settings import CameraSettings
from puppet.webcam import Capture, Webcam, open_capture

DEVICE = Device(0, "Integrated Camera", "/dev/video0", 0)
OTHER = Device(1, "Logitech BRIO", "/dev/video1", 0)


class Socket:
    """A place to plug a camera in: captures play a clip and end with it, as if it were unplugged."""

    def __init__(self, clip):
        self.clip, self.devices, self.opened = clip, [DEVICE], []

    def open(self, device, wanted, fps):
        self.opened.append((device.index, wanted, fps))
        return cv2.VideoCapture(str(self.clip))

    def webcam(self, **settings):
        return Webcam(DEVICE, CameraSettings(**settings), 30.0, devices=lambda: list(self.devices), opener=self.open)


@pytest.fixture
def socket(faceless_clip, monkeypatch):
    monkeypatch.setattr("puppet.webcam.RETRY_S", 0.05)
    return Socket(faceless_clip)


def read(camera, count):
    width, height = camera.size_wh
    return [camera.read(np.empty((height, width, 3), np.uint8)) for _ in range(count)]


def read_until(camera, there, limit_s=5.0):
    """Reads frames, each at its time, until one has a picture or has none."""
    deadline_s = time.perf_counter() + limit_s
    while True:
        (frame,) = read(camera, 1)
        if (frame.rgb is not None) == there:
            return frame
        assert time.perf_counter() < deadline_s
        time.sleep(max(0.0, frame.moment.due_s - time.perf_counter()))


def test_opencvs_capture_is_a_capture(faceless_clip):
    assert isinstance(cv2.VideoCapture(str(faceless_clip)), Capture)


def test_frames_come_in_rgb_in_order_with_the_time_of_their_arrival(socket, faceless_clip):
    camera = socket.webcam()
    assert isinstance(camera, Camera)
    assert (camera.name, camera.size_wh, camera.rate, camera.trouble) == ("Integrated Camera", (96, 64), 30, None)
    before_s = time.perf_counter()
    frames = read(camera, 5)
    camera.close()
    camera.close()
    capture = cv2.VideoCapture(str(faceless_clip))
    wanted = [capture.read()[1][..., ::-1] for _ in range(6)][1:]  # the first one told the size
    for frame, rgb in zip(frames, wanted, strict=True):
        np.testing.assert_array_equal(frame.rgb, rgb)
    moments = [frame.moment for frame in frames]
    assert [moment.index for moment in moments] == list(range(5)) and moments[0].time_s == 0.0
    assert before_s < moments[0].due_s and moments[-1].due_s < time.perf_counter()
    assert all(np.diff([moment.due_s for moment in moments]) > 0)


class RowCapture:
    """A capture whose camera sends BGR, as OpenCV 4.11 reads it on Linux: all bytes in one row, and some more."""

    def __init__(self, clip):
        self.capture = cv2.VideoCapture(str(clip))

    def __getattr__(self, name):
        return getattr(self.capture, name)

    def retrieve(self, image=None):
        whole, bgr = self.capture.retrieve()
        return whole, np.append(bgr, np.zeros(64, np.uint8))[np.newaxis]


def test_a_camera_that_sends_bgr_keeps_its_shape(faceless_clip):
    camera = Webcam(DEVICE, CameraSettings(), 30.0, opener=lambda *_: RowCapture(faceless_clip))
    assert camera.size_wh == (96, 64)
    (frame,) = read(camera, 1)
    capture = cv2.VideoCapture(str(faceless_clip))
    capture.grab()
    np.testing.assert_array_equal(frame.rgb, capture.read()[1][..., ::-1])


def test_an_unplugged_camera_is_waited_for_and_goes_on(socket, caplog):
    caplog.set_level(logging.INFO)
    camera = socket.webcam()
    frames = read(camera, 11)
    socket.devices = [OTHER]
    frames += read(camera, 3)
    away = frames[11:]
    assert all(frame.rgb is None for frame in away)
    assert camera.trouble == "camera 0 (Integrated Camera) is away; connect it again"
    np.testing.assert_allclose(np.diff([frame.moment.due_s for frame in away]), 1 / 30, atol=0.01)
    time.sleep(0.1)
    read(camera, 1)
    assert len(socket.opened) == 1  # another camera is no replacement

    back = Device(3, "Integrated Camera", "/dev/video3", 0)  # the system may number it anew
    socket.devices = [OTHER, back]
    frames.append(read_until(camera, there=True))
    assert [index for index, *_ in socket.opened] == [0, 3]
    assert camera.trouble is None and frames[-1].rgb.shape == (64, 96, 3)
    times_s = [frame.moment.time_s for frame in frames]
    assert all(np.diff(times_s) > 0)
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        "camera 0 (Integrated Camera) opened, 96 x 64",
        "camera 0 (Integrated Camera) is away",
        "camera 3 (Integrated Camera) is back",
    ]


def test_a_camera_that_comes_back_busy_stays_away_until_it_is_free(socket):
    camera = socket.webcam()
    clip, socket.clip = socket.clip, "nothing"
    read(camera, 11)
    read_until(camera, there=False)
    time.sleep(0.1)
    assert all(frame.rgb is None for frame in read(camera, 3)) and len(socket.opened) > 1
    socket.clip = clip
    read_until(camera, there=True)
    assert camera.trouble is None


def test_a_camera_that_comes_back_in_another_size_keeps_the_first(socket, tmp_path):
    writer = cv2.VideoWriter(str(tmp_path / "large.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 30, (192, 128))
    for _ in range(5):
        writer.write(np.full((128, 192, 3), (10, 90, 200), np.uint8))
    writer.release()
    camera = socket.webcam()
    read(camera, 11)
    socket.clip = tmp_path / "large.avi"
    read_until(camera, there=False)
    frame = read_until(camera, there=True)
    assert frame.rgb.shape == (64, 96, 3)
    np.testing.assert_allclose(frame.rgb[30, 40], (200, 90, 10), atol=8)


def test_an_absent_or_busy_camera_is_one_sentence(socket):
    socket.clip = "nothing"
    with pytest.raises(CameraError, match=r"^camera 0 \(Integrated Camera\) gives no picture; close other programs"):
        socket.webcam()


def test_a_device_is_asked_for_size_rate_codec_and_one_buffer(monkeypatch):
    asked = {}

    class Recorder:
        fourcc = cv2.VideoWriter.fourcc

        def __init__(self, *device):
            asked["device"] = device

        def set(self, key, value):
            asked[key] = value

    monkeypatch.setattr(cv2, "VideoCapture", Recorder)
    open_capture(Device(2, "C920", None, cv2.CAP_V4L2), CameraSettings(size_wh=(1280, 720)), 60.0)
    assert asked == {
        "device": (2, cv2.CAP_V4L2),
        cv2.CAP_PROP_FOURCC: cv2.VideoWriter.fourcc(*"MJPG"),
        cv2.CAP_PROP_FRAME_WIDTH: 1280,
        cv2.CAP_PROP_FRAME_HEIGHT: 720,
        cv2.CAP_PROP_FPS: 60.0,
        cv2.CAP_PROP_BUFFERSIZE: 1,
    }
    asked.clear()
    open_capture(Device(2, "C920", None, cv2.CAP_V4L2), CameraSettings(codec="raw"), 30.0)
    assert cv2.CAP_PROP_FOURCC not in asked
