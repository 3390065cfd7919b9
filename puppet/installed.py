"""What bundles are there: their manifests are read, their files only counted, so that the list is quick."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from puppet.bundle import builtin_bundle_path
from puppet.bundle_files import read_entries
from puppet.errors import BundleError
from puppet.manifest import MANIFEST, parse_manifest, read_manifest, text

UNKNOWN = "not said"


@dataclass(frozen=True, slots=True)
class Installed:
    """A bundle that was found.

    Attributes:
        folder: Where it lies.
        name: Of the model.
        version: Of the model.
        licence: Of its weights.
        origin: Where they come from.
        resolution: Edge of the portrait in pixels; None where the manifest does not say.
        size: Bytes of all its files, by the manifest.
        fault: Why it cannot be used, else None; all before it but the folder is then empty.
    """

    folder: Path
    name: str = ""
    version: str = ""
    licence: str = ""
    origin: str = UNKNOWN
    resolution: int | None = None
    size: int = 0
    fault: str | None = None

    def __str__(self) -> str:
        """As the user reads it."""
        if self.fault is not None:
            return f"{self.folder}\n    cannot be used: {self.fault}"
        edge = "" if self.resolution is None else f", {self.resolution} x {self.resolution}"
        return (
            f"{self.name} {self.version}{edge}, {self.size / 1e6:.0f} MB\n"
            f"    folder   {self.folder}\n    licence  {self.licence}\n    origin   {self.origin}"
        )


def installed(folders: Sequence[Path]) -> list[Installed]:
    """The built-in bundle, then those that the folders are or hold, each once.

    Args:
        folders: Bundles, or folders of bundles; those that are not there hold none.
    """
    found = [builtin_bundle_path()]
    for folder in folders:
        inside = [folder] if (folder / MANIFEST).is_file() else sorted(folder.iterdir()) if folder.is_dir() else []
        found += [path for path in inside if (path / MANIFEST).is_file()]
    return [_look(path) for path in dict.fromkeys(path.resolve() for path in found)]


def _look(folder: Path) -> Installed:
    path = folder / MANIFEST
    try:
        values = parse_manifest(path, read_manifest(path))
        entries = read_entries(path, values, ())
        for name, entry in entries.items():
            entry.check_size(folder / name)
        generator = values.get("generator")
        resolution = generator.get("resolution") if isinstance(generator, dict) else None
        return Installed(
            folder,
            name=text(path, values, "name"),
            version=text(path, values, "version"),
            licence=text(path, values, "licence"),
            origin=text(path, values, "origin") if "origin" in values else UNKNOWN,
            resolution=resolution if type(resolution) is int else None,
            size=sum(entry.size for entry in entries.values()),
        )
    except BundleError as error:
        return Installed(folder, fault=str(error))
