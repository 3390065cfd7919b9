import json
import shutil

from puppet.cli import main
from puppet.installed import installed


def test_bundles_are_listed_with_what_they_say(bundle_folder, tmp_path, capsys):
    place = tmp_path / "bundles"
    folder = shutil.copytree(bundle_folder, place / "tiny")
    manifest = json.loads((folder / "bundle.json").read_text())
    manifest |= {"origin": "made by a test", "licence": "for non-commercial research"}
    (folder / "bundle.json").write_text(json.dumps(manifest))
    (place / "empty").mkdir()
    assert main(["bundles", "--data-dir", str(tmp_path), str(bundle_folder)]) == 0
    said = capsys.readouterr().out
    assert said.index("builtin") < said.index("made by a test") < said.rindex("tiny 1")
    assert "tiny 1, 32 x 32" in said and "for non-commercial research" in said and "CC0-1.0" in said


def test_each_bundle_once_and_the_builtin_always(bundle_folder, tmp_path):
    folder = shutil.copytree(bundle_folder, tmp_path / "tiny")
    found = installed([folder, tmp_path, tmp_path / "missing"])
    assert [each.name for each in found] == ["builtin", "tiny"] and found[0].size > 10**7
    assert found[1].folder == folder


def test_what_cannot_be_used_is_listed_with_the_reason(bundle_folder, tmp_path):
    folder = shutil.copytree(bundle_folder, tmp_path / "short")
    (folder / "pose.onnx").write_bytes(b"")
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "bundle.json").write_text("{")
    faults = {each.folder.name: str(each) for each in installed([tmp_path])[1:]}
    assert "should have" in faults["short"] and "is not a manifest" in faults["broken"]
    assert all("cannot be used" in fault for fault in faults.values())
