"""An engine without a network, for tests: deterministic, checks its inputs like the real ones, can be told to fail."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from engines.base import EngineRunError, TensorSpec, check_inputs

Handler = Callable[[Mapping[str, np.ndarray], Mapping[str, np.ndarray]], None]
"""Called with the inputs and the output buffers, which it fills; raise EngineRunError to play a failing runtime."""


class FakeEngine:
    """An engine whose arithmetic is a Python function.

    With the default handler every output is filled with one number from 0 to 250, a checksum of all inputs: equal
    inputs give equal outputs, other inputs almost always other ones.
    """

    def __init__(
        self, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec], handler: Handler | None = None
    ) -> None:
        """Make an engine that takes `inputs` and returns `outputs`, filled by `handler`."""
        self.inputs = tuple(inputs)
        self.outputs = tuple(outputs)
        self._out = {spec.name: spec.empty() for spec in self.outputs}
        self._handler = _checksum if handler is None else handler
        self._closed = False

    @property
    def name(self) -> str:
        """Always 'fake'."""
        return "fake"

    def run(self, inputs: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        """Fill all outputs, by name; borrowed until the next call.

        Raises:
            EngineRunError: Wrong inputs, the handler's own error, or a closed engine.
        """
        if self._closed:
            raise EngineRunError("this fake engine is closed; make a new one")
        check_inputs(self.inputs, inputs)
        self._handler(inputs, self._out)
        return self._out

    def close(self) -> None:
        """Refuse to run from now on. A second call does nothing."""
        self._closed = True


def _checksum(inputs: Mapping[str, np.ndarray], outputs: Mapping[str, np.ndarray]) -> None:
    checksum = 0
    for array in inputs.values():
        checksum = zlib.crc32(array.data, checksum)
    for array in outputs.values():
        array.fill(checksum % 251)
