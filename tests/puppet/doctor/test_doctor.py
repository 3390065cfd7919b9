"""The whole of `puppet doctor`, on the machine that the tests run on."""

from __future__ import annotations

import json
import logging

import pytest

from puppet.cli import main
from puppet.devices import Device
from puppet.doctor import Finding, can_stream, to_json, verdict

OK, WARNING = Finding("a", "ok", "is there"), Finding("b", "warning", "is odd", "turn it")
FAILURE = Finding("c", "failure", "is not there", "get it")


@pytest.fixture
def words(bundle_folder, tmp_path):
    return ["doctor", "--bundle", str(bundle_folder), "--data-dir", str(tmp_path / "data")]


def test_only_a_failure_keeps_from_streaming():
    assert can_stream([OK, WARNING]) and not can_stream([OK, FAILURE, WARNING])
    assert verdict([WARNING]) != verdict([FAILURE])
    assert json.loads(to_json([FAILURE])) == {
        "can_stream": False,
        "findings": [{"name": "c", "state": "failure", "says": "is not there", "mend": "get it"}],
    }
    assert str(FAILURE).splitlines()[1].strip() == "mend: get it" and "\n" not in str(OK)


@pytest.mark.parametrize("camera", [[], [Device(0, "Desk", None, 0)]])
@pytest.mark.parametrize("virtual", [OK, FAILURE])
def test_the_exit_code_says_whether_streaming_can_work(words, camera, virtual, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("puppet.doctor.list_devices", lambda: camera)
    monkeypatch.setattr("puppet.doctor._virtual_camera", lambda: [virtual])
    monkeypatch.setattr("puppet.doctor.program.engines", lambda bundle, names, cache: [OK])
    monkeypatch.setattr("puppet.doctor.program.face_tracker", lambda: OK)
    code = main([*words, "--json"])
    values = json.loads(capsys.readouterr().out)
    assert code == (0 if camera and virtual is OK else 1)
    assert values["can_stream"] == (code == 0)
    assert [each["name"] for each in values["findings"] if each["name"] == "cameras"]
    assert all(each["mend"] for each in values["findings"] if each["state"] != "ok")
    assert not list(tmp_path.iterdir())


def test_it_says_each_finding_in_a_line_and_changes_nothing(words, tmp_path, capfd):
    main(words)
    out, err = capfd.readouterr()
    for name in ("packages", "model", "openvino", "onnxruntime", "face tracker", "cameras", "virtual camera", "data"):
        assert f" {name}" in out
    assert err == "" and out.count("mend: ") >= sum(line.startswith("failure") for line in out.splitlines())
    assert not list(tmp_path.iterdir())


def test_a_damaged_model_is_a_finding_not_an_end(words, tmp_path, capsys):
    assert main([*words[:1], "--bundle", str(tmp_path), *words[3:], "--json"]) == 1
    values = {each["name"]: each["state"] for each in json.loads(capsys.readouterr().out)["findings"]}
    assert values["model"] == "failure" and values["face tracker"] == "ok" and "openvino" not in values


def test_an_interrupt_ends_it_with_a_sentence(words, capsys, monkeypatch):
    def interrupted(folder):
        raise KeyboardInterrupt

    monkeypatch.setattr("puppet.doctor.program.model", interrupted)
    assert main(words) == 1
    assert capsys.readouterr().err == "puppet: interrupted\n"
    assert not logging.getLogger("puppet").handlers
