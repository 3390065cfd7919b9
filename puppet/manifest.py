"""A bundle's manifest, `bundle.json`, as text and values; what they mean is up to `puppet.bundle`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from puppet.errors import BundleError

FORMAT = 1
"""The version of this file format, in the manifest; a program reads only its own."""

MANIFEST = "bundle.json"
MANIFEST_LIMIT = 1 << 20

LONGEST = 200
"""Characters of a name, a licence or an origin."""


Word = TypeVar("Word", bound=str)


def read_manifest(path: Path) -> bytes:
    """The content of a manifest.

    Raises:
        BundleError: It is missing or too large.
    """
    try:
        with path.open("rb") as file:
            manifest = file.read(MANIFEST_LIMIT + 1)
    except OSError as error:
        raise BundleError(f"expected a model bundle in {path.parent}; {path.name} cannot be read: {error}") from error
    if len(manifest) > MANIFEST_LIMIT:
        raise BundleError(f"{path} is larger than the {MANIFEST_LIMIT >> 20} MiB that a manifest may have")
    return manifest


def parse_manifest(path: Path, manifest: bytes) -> dict[str, Any]:
    """Its values; of these only the format is checked.

    Raises:
        BundleError: It is no JSON, or of another format.
    """

    def refuse(constant: str) -> NoReturn:
        raise ValueError(f"{constant} is not a number")

    try:
        values = json.loads(manifest.decode("utf-8"), parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{path} is not a manifest ({error}); install the bundle again") from error
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        found = values.get("format") if isinstance(values, dict) else type(values).__name__
        raise BundleError(f"{path} should have the format {FORMAT}, not {found!r}; update the bundle or this program")
    return values


def text(path: Path, values: Mapping[str, Any], key: str) -> str:
    """A short text of it.

    Raises:
        BundleError: There is none, or one that cannot be shown.
    """
    found = values.get(key)
    if not isinstance(found, str) or not found or len(found) > LONGEST or not found.isprintable():
        raise BundleError(f"{path} needs a {key} of 1 to {LONGEST} printable characters")
    return found


def choice(path: Path, values: Mapping[str, Any], key: str, choices: tuple[Word, ...]) -> Word:
    """One of some words; the first where the key is not there.

    Raises:
        BundleError: It is another.
    """
    word = values.get(key, choices[0])
    if word not in choices:
        raise BundleError(f"{path} should have one of {', '.join(choices)} as {key}")
    return choices[choices.index(word)]
