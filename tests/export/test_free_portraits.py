import hashlib
import io
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from export.free_portraits import PORTRAITS, Portrait, content_of, main, rendered
from puppet.errors import PictureError
from puppet.tracker import PortraitTracker

CONTENT = b"a picture"
PICTURE = Portrait(
    "me.jpg", "Some-Pictures==1.0", True, "data/me.jpg", hashlib.sha256(CONTENT).hexdigest(), "CC0-1.0", "me"
)


def write_wheel(folder: Path, content: bytes) -> None:
    with zipfile.ZipFile(folder / "some_pictures-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(PICTURE.path, content)


def write_sdist(folder: Path, content: bytes) -> None:
    with tarfile.open(folder / "some_pictures-1.0.tar.gz", "w:gz") as sdist:
        member = tarfile.TarInfo(f"some_pictures-1.0/{PICTURE.path}")
        member.size = len(content)
        sdist.addfile(member, io.BytesIO(content))


@pytest.mark.parametrize("write", [write_wheel, write_sdist])
def test_a_picture_is_read_out_of_an_archive_and_only_that_picture(tmp_path: Path, write) -> None:
    assert content_of(PICTURE, tmp_path) is None
    write(tmp_path, CONTENT)
    assert content_of(PICTURE, tmp_path) == CONTENT
    assert content_of(replace(PICTURE, package="other==1"), tmp_path) is None
    write(tmp_path, CONTENT + b".")
    with pytest.raises(PictureError, match="is not the picture whose licence was read"):
        content_of(PICTURE, tmp_path)


def test_an_installed_package_needs_no_archive() -> None:
    hopper = next(portrait for portrait in PORTRAITS if portrait.name == "grace_hopper.jpg")
    assert hashlib.sha256(content_of(hopper, None) or b"").hexdigest() == hopper.sha256


def test_what_is_missing_is_named_with_what_brings_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "packages").mkdir()
    assert main(["--packages", str(tmp_path / "packages"), "--out", str(tmp_path / "out")]) == 1
    assert "pip download --no-deps --no-binary Wand Wand==0.7.2" in capsys.readouterr().err
    assert (tmp_path / "out" / "grace_hopper.jpg").is_file()


def test_every_portrait_says_where_it_is_from_and_why_it_may_be_used() -> None:
    assert len({portrait.name for portrait in PORTRAITS}) == len({portrait.sha256 for portrait in PORTRAITS})
    for portrait in PORTRAITS:
        assert portrait.licence and portrait.origin and "==" in portrait.package


def test_a_rendered_portrait_has_a_face_and_is_always_the_same(data_folder: Path) -> None:
    first = rendered(data_folder / "ict_facekit", 3)
    assert first == rendered(data_folder / "ict_facekit", 3)
    tracker = PortraitTracker()
    face = tracker.find(np.array(Image.open(io.BytesIO(first))))
    tracker.close()
    assert face is not None and face.height_px > 200
