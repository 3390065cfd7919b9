"""Devices that are there while a scenario runs, and the words that all command lines share."""

import hands
import pytest
from hands import BACKDROP, FEED, SIZE_WH, VIRTUAL, WEBCAM


@pytest.fixture
def webcam():
    hands.load("vivid", n_devs=1, node_types=1, num_inputs=1, input_types=0)
    yield WEBCAM
    hands.unload("vivid")


@pytest.fixture
def virtual_cameras():
    """The one that puppet is meant for, and one that always looks like a camera."""
    hands.load("v4l2loopback", video_nr=f"{VIRTUAL},{FEED}", exclusive_caps="1,0", card_label="puppet,Virtual feed")
    yield VIRTUAL, FEED
    hands.unload("v4l2loopback")


@pytest.fixture
def virtual_camera():
    hands.load("v4l2loopback", video_nr=VIRTUAL, exclusive_caps=1, card_label="puppet")
    yield VIRTUAL
    hands.unload("v4l2loopback")


@pytest.fixture
def words(bundle_folder, tmp_path_factory):
    """Options that all scenarios share: small, and with avatars that are enrolled once."""
    data = tmp_path_factory.getbasetemp() / "data"
    size, colour = "{}x{}".format(*SIZE_WH), "#{:02x}{:02x}{:02x}".format(*BACKDROP)
    return ["--headless", "--size", size, "--fps", "10", "--backdrop", colour,
            "--data-dir", str(data), "--bundle", str(bundle_folder)]  # fmt: skip
