"""Child processes: modules of this program that run beside it, each in a fresh interpreter, in lines of JSON.

    parent ── {"…": …} ──> child's stdin        child's stdout ── {"…": …} ──> parent

A child gets nothing of its parent's memory, only words. When its input ends, its parent is gone. Ctrl-C in a terminal
does not reach it: the parent decides how it ends. In the app, which has no interpreter to start, a child is the app
itself with a first word that only its own start knows (`app/start.py`).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import IO, Any

Message = Mapping[str, Any]
"""Plain JSON values under names."""

_CHATTER = re.compile(r"[IWEF][0-9]{4} |INFO: |WARNING: |\[PYI-[0-9]+:")
"""How the lines begin that MediaPipe writes while it works and ends, and the app when a child breaks."""

MODULE_WORD = "--module-of-puppet"
"""The app's first word, when it is started to be a child."""

PATIENCE_S = 2.0
"""How long a child that was asked to end may take before it is killed."""

_NOTHING: Mapping[str, str] = MappingProxyType({})


class Child:
    """The parent's side: starts `python -m MODULE ARGUMENTS`. One thread owns it; any may `kill`."""

    def __init__(self, module: str, *arguments: str, environment: Mapping[str, str] = _NOTHING) -> None:
        """Start the process.

        Args:
            module: Its main module.
            arguments: Its command line.
            environment: Variables that it has unless this process has others of these names.

        Raises:
            OSError: The system starts no process.
        """
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `end`)
        self._process: subprocess.Popen[bytes] = subprocess.Popen(
            [sys.executable, *_words(module), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**environment, **os.environ},
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._in, self._out = self._process.stdin, self._process.stdout
        self._last_words = ""

    @property
    def pid(self) -> int:
        """The system's number for the process."""
        return self._process.pid

    @property
    def code(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._process.poll()

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._process.poll() is None

    def send(self, message: Message) -> None:
        """Say something.

        Raises:
            BrokenPipeError: The child has ended.
        """
        _write(self._in, message)

    def receive(self) -> dict[str, Any] | None:
        """Wait for the child to say something; None when it has ended, or says what is no message."""
        line = self._out.readline()
        with suppress(ValueError):
            message = json.loads(line)
            if isinstance(message, dict):
                return message
        return None

    def end(self, patience_s: float = PATIENCE_S) -> str:
        """Close its input, wait a little, then kill it, and let go of everything. A second call does nothing.

        Args:
            patience_s: How long it may take to end by itself.

        Returns:
            The last line of its error output, but for MediaPipe's chatter: why it ended, when it did not say so itself.
        """
        if self._errors.closed:
            return self._last_words
        with suppress(OSError):
            self._in.close()
        try:
            self._process.wait(patience_s)
        except subprocess.TimeoutExpired:
            self.kill()
        self._out.close()
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").strip().splitlines()
        lines = [line for line in said if not _CHATTER.match(line)]
        self._errors.close()
        self._last_words = lines[-1] if lines else f"it ended with code {self._process.returncode}"
        return self._last_words

    def kill(self) -> None:
        """End it at once; its owner still has to call `end`."""
        self._process.kill()
        self._process.wait()


def run_tool(command: Sequence[str], patience_s: float) -> str:
    """Run a tool of the system's once, and wait for its end.

    Args:
        command: The program and its arguments.
        patience_s: After so long it is killed.

    Returns:
        Why it failed, as its last line of output; empty when it worked.

    Raises:
        OSError: It cannot be started, or did not end in time.
    """
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=patience_s,
            env=_outside(os.environ),
        )
    except subprocess.TimeoutExpired as error:
        raise TimeoutError(f"{command[0]} did not end within {patience_s:g} s") from error
    lines = done.stdout.decode(errors="replace").strip().splitlines()
    return "" if done.returncode == 0 else lines[-1] if lines else f"it ended with code {done.returncode}"


class Parent:
    """The child's side. Made first: from then on, what libraries print goes to the error output."""

    def __init__(self) -> None:
        """Take over standard output."""
        self._out = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)

    def tell(self, message: Message) -> None:
        """Say something.

        Raises:
            BrokenPipeError: The parent is gone.
        """
        _write(self._out, message)

    def messages(self) -> Iterator[dict[str, Any]]:
        """What the parent says, one after the other; ends when it has no more to say, or is gone."""
        for line in sys.stdin.buffer:
            yield json.loads(line)


def _words(module: str) -> list[str]:
    """What makes the executable run a module, which is never taken from the current folder."""
    return [MODULE_WORD, module] if in_app() else ["-P", "-m", module]


def in_app() -> bool:
    """Whether this is the app, a program with its own Python inside, rather than a package in somebody's Python."""
    return bool(getattr(sys, "frozen", False))


def _outside(environment: Mapping[str, str]) -> dict[str, str]:
    """What the system's tools are told: as it was before the app's start named the folder of its own libraries."""
    words = dict(environment)
    if in_app():
        words.pop("LD_LIBRARY_PATH", None)
        if (before := words.pop("LD_LIBRARY_PATH_ORIG", None)) is not None:
            words["LD_LIBRARY_PATH"] = before
    return words


def _write(pipe: IO[bytes], message: Message) -> None:
    pipe.write(json.dumps(message).encode() + b"\n")
    pipe.flush()
