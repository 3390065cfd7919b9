"""Whose work puppet stands on: the name, version, licence and licence texts of everything that is installed with it.

Read from what is installed at this moment, so that the list cannot be out of date.
"""

from __future__ import annotations

import platform
import re
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path

from puppet.bundle import builtin_bundle_path
from puppet.errors import PuppetError
from puppet.installed import installed

EVERY = "all"

LPIPS = Path(__file__).parent / "networks" / "lpips_notice.txt"

PYTHON = Path(sysconfig.get_path("stdlib")) / "LICENSE.txt"

_TEXT = re.compile(r"(licen[cs]e|copying|copyright|notice|third.?party|authors)[^/]*$", re.IGNORECASE)
"""How files with licence texts are called."""

_CODE = {".py", ".pyc", ".pyi", ".so", ".pyd", ".h", ".json"}


@dataclass(frozen=True, slots=True)
class Work:
    """Something that puppet is made of.

    Attributes:
        name: As its makers call it.
        version: Installed here.
        licence: Its name, or where it is told.
        texts: Files with what the licence says, and whose work it is.
    """

    name: str
    version: str
    licence: str
    texts: tuple[Path, ...]

    def __str__(self) -> str:
        """All texts, under a heading."""
        heading = f"{self.name} {self.version}: {self.licence}"
        texts = [path.read_text(encoding="utf-8", errors="replace").strip("\n") for path in self.texts]
        return "\n\n".join([f"{heading}\n{'=' * len(heading)}", *(texts or ["No text comes with it."])])


def works() -> list[Work]:
    """Everything: what puppet brings, Python, and every package in its environment, each once, by name."""
    model = installed(())[0]
    own = [
        Work("the built-in model", model.version, model.licence, (builtin_bundle_path() / "LICENSE",)),
        Work("LPIPS's channel weights", "0.1", "BSD-2-Clause", (LPIPS,)),
        Work("Python", platform.python_version(), "PSF-2.0", tuple(filter(Path.is_file, (PYTHON,)))),
    ]
    packages = {package.name.lower(): _work(package) for package in distributions()}
    puppet = packages.pop("puppet")
    return [puppet, *own, *(packages[name] for name in sorted(packages))]


def licence_words(names: Sequence[str]) -> str:
    """What the user reads.

    Args:
        names: Whose licence texts to give, or `all`; without any, a line for each work.

    Raises:
        PuppetError: There is none with such a name.
    """
    every, wanted = works(), {name.lower() for name in names}
    unknown = wanted - {EVERY, *(work.name.lower() for work in every)}
    if unknown:
        raise PuppetError(f"expected names that `puppet licences` lists, got {', '.join(sorted(unknown))}")
    if not wanted:
        widths = [max(len(word) for word in column) for column in zip(*map(_line, every), strict=True)]
        return "\n".join("  ".join(map(str.ljust, _line(work), widths)).rstrip() for work in every)
    return "\n\n\n".join(str(work) for work in every if EVERY in wanted or work.name.lower() in wanted)


def text_files(package: Distribution) -> list[Path]:
    """The files of an installed package that hold licence texts."""
    paths = [Path(file) for file in package.files or () if _TEXT.search(str(file)) and file.suffix not in _CODE]
    return [found for path in paths if (found := Path(str(package.locate_file(path)))).is_file()]


def _line(work: Work) -> tuple[str, str, str]:
    return work.name, work.version, work.licence


def _work(package: Distribution) -> Work:
    return Work(package.name, package.version, _licence(package), tuple(text_files(package)))


def _licence(package: Distribution) -> str:
    """Its name, from the field of today's metadata, else from those of earlier ones."""
    words = package.metadata
    if "License-Expression" in words:
        return words["License-Expression"]
    told = words["License"].strip() if "License" in words else ""
    classified = [line for line in words.get_all("Classifier", []) if line.startswith("License ::")]
    names = classified if "\n" in told or told in {"", "UNKNOWN"} else [told]
    return ", ".join(name.rpartition(" :: ")[2] for name in names) or "see its text"
