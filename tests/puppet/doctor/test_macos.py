import plistlib

import pytest

from puppet.doctor.macos import APP, EXTENSION, examine


def install(root, version=None, extension=False, plugin=False):
    if version is not None:
        (root / APP).parent.mkdir(parents=True)
        (root / APP).write_bytes(plistlib.dumps({"CFBundleShortVersionString": version}))
    if extension:
        (root / "Library/SystemExtensions/3F2A" / EXTENSION).mkdir(parents=True)
    if plugin:
        (root / "Library/CoreMediaIO/Plug-Ins/DAL/obs-mac-virtualcam.plugin").mkdir(parents=True)


@pytest.mark.parametrize(
    ("system", "there"),
    [("14.5", {"version": "31.0.1", "extension": True}), ("12.7.6", {"version": "28.1.2", "plugin": True})],
)
def test_a_machine_that_is_ready_has_nothing_to_mend(tmp_path, system, there):
    install(tmp_path, **there)
    assert [(finding.state, finding.mend) for finding in examine(tmp_path, system)] == [("ok", ""), ("ok", "")]


@pytest.mark.parametrize(
    ("system", "there", "says", "mend"),
    [
        ("14.5", {}, "is not installed", "brew install --cask obs"),
        ("14.5", {"version": "29.1.3", "extension": True}, "29.1.3 is too old", "brew upgrade --cask obs"),
        ("14.5", {"version": "31.0.1"}, "was never started", "open -a OBS"),
        ("12.7.6", {"version": "28.1.2"}, "was never started", "open -a OBS"),
    ],
)
def test_what_is_missing_fails_and_one_command_mends_it(tmp_path, system, there, says, mend):
    install(tmp_path, **there)
    failures = [finding for finding in examine(tmp_path, system) if finding.state == "failure"]
    assert len(failures) == 1 and says in failures[0].says and failures[0].mend.startswith(mend)


def test_a_damaged_app_counts_as_absent(tmp_path):
    install(tmp_path, "31.0.1")
    (tmp_path / APP).write_bytes(b"no plist")
    assert "is not installed" in examine(tmp_path, "14.5")[0].says
