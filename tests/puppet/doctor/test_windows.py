import pytest

from puppet.doctor.windows import FILTER, UNINSTALL, examine


@pytest.fixture
def library(tmp_path):
    path = tmp_path / "obs-virtualcam-module64.dll"
    path.touch()
    return str(path)


def found(registry):
    return {finding.name: finding for finding in examine(lambda key, value: registry.get((key, value)))}


def test_a_machine_that_is_ready_has_nothing_to_mend(library):
    findings = found({(FILTER, ""): library, (UNINSTALL, "DisplayVersion"): "31.0.2"})
    assert [(finding.state, finding.mend) for finding in findings.values()] == [("ok", ""), ("ok", "")]
    assert findings["OBS Studio"].says == "31.0.2"


def test_a_registered_camera_alone_is_enough(library):
    assert {finding.state for finding in found({(FILTER, ""): library}).values()} == {"ok"}


@pytest.mark.parametrize(
    ("registry", "name", "says"),
    [
        ({}, "virtual camera", "is not installed"),
        ({(UNINSTALL, "DisplayVersion"): "31.0.2"}, "virtual camera", "is not registered"),
        ({(FILTER, ""): r"C:\gone.dll", (UNINSTALL, "DisplayVersion"): "31.0.2"}, "virtual camera", "gone.dll is mis"),
        ({(UNINSTALL, "DisplayVersion"): "25.0.8"}, "OBS Studio", "25.0.8 is too old"),
    ],
)
def test_what_is_missing_fails_and_one_command_mends_it(registry, name, says):
    finding = found(registry)[name]
    assert finding.state == "failure" and says in finding.says and finding.mend.startswith("winget ")
