from __future__ import annotations

import json
import tarfile
import zipfile
from email import message_from_string
from hashlib import sha256
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parents[1]

PACKAGES = ("puppet", "engines", "export", "ui")

BUNDLE = "puppet/bundles/builtin"

DATA = {
    "puppet/py.typed",
    f"{BUNDLE}/LICENSE",
    f"{BUNDLE}/bundle.json",
    *(f"puppet/characters/{name}.png" for name in ("amara", "iris", "juno", "kaito", "leon", "milo", "nadia", "otto")),
    *(f"puppet/examples/{name}" for name in ("driver.mp4", "portrait.png")),
    *(f"puppet/networks/{name}" for name in ("lpips_alex.safetensors", "lpips_notice.txt")),
    "export/builtin_notice.txt",
}
"""What is no module, but for the files that the bundle's manifest names."""

ABOUT = {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    backend = pytest.importorskip(
        "hatchling.builders.wheel", reason="the build backend is missing: pip install hatchling"
    )
    folder = tmp_path_factory.mktemp("wheel")
    (path,) = backend.WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"])
    return zipfile.ZipFile(path)


def modules() -> set[str]:
    return {path.relative_to(ROOT).as_posix() for package in PACKAGES for path in (ROOT / package).rglob("*.py")}


def about(wheel: zipfile.ZipFile) -> str:
    return next(name for name in wheel.namelist() if name.endswith("/METADATA")).removesuffix("METADATA")


def test_the_wheel_has_what_the_program_needs_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    manifest = json.loads(wheel.read(f"{BUNDLE}/bundle.json"))
    wanted = modules() | DATA | {f"{BUNDLE}/{name}" for name in manifest["files"]}
    assert set(wheel.namelist()) == wanted | {about(wheel) + name for name in ABOUT}


def test_every_file_of_the_bundle_is_in_the_wheel_byte_for_byte(wheel: zipfile.ZipFile) -> None:
    for name, entry in json.loads(wheel.read(f"{BUNDLE}/bundle.json"))["files"].items():
        assert sha256(wheel.read(f"{BUNDLE}/{name}")).hexdigest() == entry["sha256"], name


def test_the_wheel_starts_the_program_and_says_its_licence(wheel: zipfile.ZipFile) -> None:
    assert wheel.read(about(wheel) + "entry_points.txt").decode().split() == [
        "[console_scripts]",
        "puppet",
        "=",
        "puppet.cli:main",
    ]
    metadata = message_from_string(wheel.read(about(wheel) + "METADATA").decode())
    assert metadata["License-Expression"] == "GPL-3.0-or-later"
    assert b"GNU GENERAL PUBLIC LICENSE" in wheel.read(about(wheel) + "licenses/LICENSE")


def test_the_source_archive_has_the_wheel_and_all_that_builds_and_tests_it(
    wheel: zipfile.ZipFile, tmp_path: Path
) -> None:
    backend = pytest.importorskip("hatchling.builders.sdist")
    (path,) = backend.SdistBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with tarfile.open(path) as archive:
        names = {str(PurePosixPath(*PurePosixPath(name).parts[1:])) for name in archive.getnames()}
    program = {name for name in wheel.namelist() if not name.startswith(about(wheel))}
    tests = {path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("*.py")}
    assert (
        program | tests | {"LICENSE", "README.md", "Makefile", "pyproject.toml", "docs/guide.md", "app/puppet.spec"}
        <= names
    )
    assert {PurePosixPath(name).parts[0] for name in names} <= {
        *PACKAGES, "tests", "docs", "app", "LICENSE", "README.md", "ARCHITECTURE.md", "CHANGELOG.md", "Makefile",
        "pyproject.toml", "PKG-INFO", ".gitignore",
    }  # fmt: skip
