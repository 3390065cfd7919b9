"""What is said where no window can be opened."""

from __future__ import annotations

import pytest

from puppet.screen import obstacle

THERE, MISSING = {"libc.so.6": "libc6"}, {"libc.so.6": "libc6", "libmissing.so.9": "libmissing9"}


@pytest.mark.skipif("sys.platform != 'linux'", reason="only Linux can be without a screen")
@pytest.mark.parametrize(
    ("environment", "libraries", "words"),
    [
        ({}, THERE, "no screen"),
        ({"DISPLAY": ""}, THERE, "no screen"),
        ({"DISPLAY": ":0"}, THERE, None),
        ({"DISPLAY": ":0"}, MISSING, "apt-get install libmissing9"),
        ({"WAYLAND_DISPLAY": "wayland-0"}, MISSING, None),
        ({"QT_QPA_PLATFORM": "offscreen"}, MISSING, None),
    ],
)
def test_obstacles(environment: dict[str, str], libraries: dict[str, str], words: str | None) -> None:
    found = obstacle(environment, libraries)
    assert found is None if words is None else found is not None and words in found
