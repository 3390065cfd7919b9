import logging
import stat
import sys

import pytest
from PIL import Image

from puppet.slate import draw_slate
from puppet.timeout_image import TOOL, set_timeout_image

SLATE = draw_slate((64, 36))

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has this driver")


@pytest.fixture
def tool(tmp_path, monkeypatch, caplog):
    """Installs a tool with this body; its arguments are kept, and so is the picture."""
    caplog.set_level(logging.INFO, "puppet")

    def install(body):
        path = tmp_path / TOOL
        path.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/words\ncp "$5" {tmp_path}/kept.png\n{body}\n')
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return install


def test_the_driver_gets_the_slate_and_a_time(tool, tmp_path, caplog):
    tool("exit 0")
    set_timeout_image("/dev/video9", SLATE)
    words = (tmp_path / "words").read_text().split()
    assert words[:4] == ["set-timeout-image", "-t", "3000", "/dev/video9"]
    with Image.open(tmp_path / "kept.png") as kept:
        assert kept.size == (64, 36)
    assert "shows the slate after 3000 ms" in caplog.text


def test_what_goes_wrong_is_only_logged(tool, caplog):
    tool("echo no such control >&2; exit 1")
    set_timeout_image("/dev/video9", SLATE)
    assert "the driver of /dev/video9 took no slate (no such control)" in caplog.text


def test_without_the_tool_nothing_happens(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("PATH", str(tmp_path))
    set_timeout_image("/dev/video9", SLATE)
    assert not caplog.messages
