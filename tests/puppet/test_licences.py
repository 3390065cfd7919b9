from __future__ import annotations

import subprocess
import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path

import pytest

from puppet.cli import main
from puppet.licences import licence_words, text_files, works


class Package(Distribution):
    """An installed package with this metadata, and these files."""

    def __init__(self, folder: Path, metadata: str, *files: str) -> None:
        self.folder, self.words = folder, metadata
        self.names = files

    def read_text(self, filename: str) -> str | None:
        return {"METADATA": self.words, "RECORD": "".join(f"{name},,\n" for name in self.names)}.get(filename)

    def locate_file(self, path: object) -> Path:
        return self.folder / str(path)


def test_everything_that_is_installed_is_named_once() -> None:
    names = [work.name for work in works()]
    assert names[:4] == ["puppet", "the built-in model", "LPIPS's channel weights", "Python"]
    assert len(set(names)) == len(names)
    assert {package.name for package in distributions()} <= set(names)
    assert all(work.version and work.licence for work in works())


def test_what_puppet_brings_has_its_texts() -> None:
    own = {work.name: str(work) for work in works()[:3]}
    assert "GNU GENERAL PUBLIC LICENSE" in own["puppet"]
    assert "CC0" in own["the built-in model"] and "ICT-FaceKit" in own["the built-in model"]
    assert "Richard Zhang" in own["LPIPS's channel weights"]


def test_the_texts_of_what_is_named_are_printed_whole(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["licences", "NumPy"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("numpy ") and "Redistribution and use in source and binary forms" in said


def test_without_a_name_each_work_has_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["licences"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(works()) and lines[1].split() == [
        "the",
        "built-in",
        "model",
        works()[1].version,
        "CC0-1.0",
    ]


def test_all_of_them_are_every_text() -> None:
    every = licence_words(["all"])
    assert all(str(work) in every for work in works())


def test_a_name_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["licences", "numpy", "abacus"]) == 1
    assert capsys.readouterr().err == "puppet: expected names that `puppet licences` lists, got abacus\n"


@pytest.mark.parametrize(
    ("metadata", "licence"),
    [
        ("License-Expression: MIT\nLicense: other", "MIT"),
        ("License: BSD 2-Clause License", "BSD 2-Clause License"),
        ("License: OSI Approved :: Apache Software License", "Apache Software License"),
        ("License: UNKNOWN\nClassifier: License :: OSI Approved :: BSD License", "BSD License"),
        (
            "License: A long text\n        in several lines\nClassifier: License :: OSI Approved :: MIT License",
            "MIT License",
        ),
        ("Classifier: Typing :: Typed", "see its text"),
    ],
)
def test_a_licence_is_named_by_whatever_field_names_it(
    metadata: str, licence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = Package(tmp_path, f"Metadata-Version: 2.4\nName: abacus\nVersion: 3\n{metadata}\n")
    own = next(each for each in distributions() if each.name == "puppet")
    monkeypatch.setattr("puppet.licences.distributions", lambda: [own, package])
    work = works()[-1]
    assert (work.name, work.version, work.licence) == ("abacus", "3", licence)
    assert str(work).endswith("No text comes with it.")


def test_licence_texts_are_found_wherever_a_package_has_them(tmp_path: Path) -> None:
    texts = ["a-1.dist-info/licenses/LICENSE", "a/LICENSE-3RD-PARTY.txt", "a/COPYING", "a-1.dist-info/NOTICE.md"]
    others = ["a/license.py", "a/core.py", "a/licensed/thing.bin"]
    for name in [*texts, *others]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    package = Package(tmp_path, "Name: a\nVersion: 1\n", *texts, *others, "a/LICENSE.missing")
    assert text_files(package) == [tmp_path / name for name in texts]


def test_a_pager_may_stop_reading() -> None:
    command = [sys.executable, "-m", "puppet", "licences", "all"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        assert program.stdout is not None and program.stderr is not None
        assert program.stdout.readline().startswith(b"puppet ")
        program.stdout.close()
        assert program.stderr.read() == b"" and program.wait(60.0) == 0
