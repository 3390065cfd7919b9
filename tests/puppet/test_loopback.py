import os
import struct

import pytest

from puppet import loopback
from puppet.loopback import given_back, mend, mend_all

CAPTURE, OUTPUT = 1, 2
STREAMING = 0x04000000


class Driver:
    """Answers for files as v4l2loopback 0.12.7 does for devices, and a webcam's driver for the others."""

    def __init__(self, folder, capabilities):
        self.paths = {folder / name: own for name, own in capabilities.items()}
        for path in (*self.paths, folder / "video0"):
            path.touch()
        self.streams, self.sized = [], []

    def ask(self, file, request, argument):
        assert len(argument) == request >> 16 & 0x3FFF  # a request's number holds the size of what it takes
        path = next((path for path in self.paths if os.path.samestat(os.fstat(file), path.stat())), None)
        if request == loopback._VIDIOC_QUERYCAP:
            name, own = (b"uvcvideo", CAPTURE) if path is None else (b"v4l2 loopback", self.paths[path])
            return struct.pack("16s32s32sIII12x", name, b"", b"", 0, 0, STREAMING | own)
        assert path is not None, "a webcam was touched"
        if request == loopback._VIDIOC_S_FMT:
            self.sized.append(path.name)
            return argument
        assert struct.unpack("i", argument) == (OUTPUT,)
        self.streams.append(path.name)
        return argument


@pytest.fixture
def driver(tmp_path, monkeypatch):
    driver = Driver(tmp_path, {"video8": CAPTURE, "video9": 0, "video10": OUTPUT})
    monkeypatch.setattr(loopback, "_ask", driver.ask)
    return driver


def test_devices_that_nobody_can_open_are_mended_and_no_others(tmp_path, driver):
    mend_all(tmp_path)
    assert (driver.sized, driver.streams) == (["video9"], ["video9"])


@pytest.mark.parametrize(
    ("name", "sized", "streams"), [("video8", [], ["video8"]), ("video9", ["video9"], ["video9"]), ("video10", [], [])]
)
def test_a_device_of_a_dead_writer_is_mended_while_others_read_it(tmp_path, driver, name, sized, streams):
    mend(str(tmp_path / name))
    assert (driver.sized, driver.streams) == (sized, streams)


def test_a_device_is_given_back_by_a_stream_that_ends_after_it(tmp_path, driver):
    with given_back(str(tmp_path / "video8")):
        assert driver.streams == ["video8"]
    with given_back(str(tmp_path / "video0")), given_back("OBS Virtual Camera"):
        assert driver.streams == ["video8"]


@pytest.mark.parametrize("name", ["file", "missing"])
def test_what_is_no_device_is_left_alone(tmp_path, name):
    (tmp_path / "file").write_bytes(b"kept")
    with given_back(str(tmp_path / name)):
        pass
    mend(str(tmp_path / name))
    assert (tmp_path / "file").read_bytes() == b"kept"
