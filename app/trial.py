"""Asks an installed puppet for all that it can do on any machine, camera or not, and stops where it does not do it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ANY_MACHINE = {"packages", "model", "engine", "face tracker", "data folder"}
"""What the doctor must find in order wherever puppet is tried; a machine may have no camera and no screen."""


class Trial:
    """A puppet in some place, run from a folder in which there is nothing of this one."""

    def __init__(self, program: Path, folder: Path) -> None:
        """Remember it.

        Args:
            program: The executable.
            folder: Empty; for what it writes.
        """
        self._program, self._folder = program, folder
        self._words = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}

    def run(self, *arguments: str, codes: tuple[int, ...] = (0,)) -> str:
        """What it prints; ends everything where its exit code is another."""
        command = [str(self._program), *arguments]
        done = subprocess.run(
            command, cwd=self._folder, env=self._words, stdout=subprocess.PIPE, encoding="utf-8", check=False
        )
        if done.returncode not in codes:
            sys.exit(f"{' '.join(command)} ended with {done.returncode}\n{done.stdout}")
        return done.stdout

    def all(self, examples: Path, look: str) -> None:
        """Help, licences, doctor, an enrolment and a video.

        Args:
            examples: The folder with the example portrait and clip.
            look: What the portrait becomes; `photo` takes a minute.
        """
        print(self.run("--version").strip())
        if not self.run("--help").startswith("usage: puppet "):
            sys.exit("it gives no help")
        if "GNU GENERAL PUBLIC LICENSE" not in self.run("licences", "puppet"):
            sys.exit("it does not say its own licence")
        print(f"{len(self.run('licences').splitlines())} works in its list of licences")
        self._examine()
        source = str(examples / "portrait.png")
        print(self.run("enrol", source, "--look", look, *self._data()).strip().splitlines()[-1])
        film = self._folder / "out.mp4"
        what = ["--source", source, "--look", look, "--camera", str(examples / "driver.mp4"), "--output", str(film)]
        print(self.run(*what, "--every-frame", "--headless", *self._data()).strip())
        if film.stat().st_size == 0:
            sys.exit("the video is empty")

    def _examine(self) -> None:
        for finding in json.loads(self.run("doctor", "--json", *self._data(), codes=(0, 1)))["findings"]:
            print(f"{finding['state']:8} {finding['name']:24} {finding['says']}")
            if finding["state"] == "failure" and finding["name"] in ANY_MACHINE:
                sys.exit("it is not whole")

    def _data(self) -> tuple[str, str]:
        return "--data-dir", str(self._folder / "data")
