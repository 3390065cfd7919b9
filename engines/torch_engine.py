"""PyTorch: runs a ready module, so a network can be driven before it is exported, or judged against its export."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from engines.base import EngineRunError, EngineUnavailable, TensorSpec, check_inputs

if TYPE_CHECKING:
    import torch


class TorchEngine:
    """A torch module as an engine, computing in the module's own precision.

    The module takes the inputs in their order and returns a tensor, or a tuple of tensors in the order of the outputs.
    """

    def __init__(
        self,
        module: torch.nn.Module,
        inputs: Sequence[TensorSpec],
        outputs: Sequence[TensorSpec],
        *,
        device: str = "cpu",
    ) -> None:
        """Take over a module.

        Args:
            module: Moved to `device` and set to evaluation mode here; no longer the caller's.
            inputs: What the module takes.
            outputs: What it returns; compared with the real tensors at every call.
            device: A torch device, as 'cpu' or 'cuda:0'.

        Raises:
            EngineUnavailable: torch cannot be imported, or has no such device.
        """
        try:
            import torch
        except ImportError as error:
            raise EngineUnavailable(f"torch cannot be imported ({error}); pip install torch") from error
        try:
            self._module: torch.nn.Module | None = module.to(device).eval()
        except (RuntimeError, AssertionError) as error:
            raise EngineUnavailable(f"torch cannot use the device {device} here ({error}); try cpu") from error
        self._device = torch.device(device)
        self.inputs = tuple(inputs)
        self.outputs = tuple(outputs)
        self._out = {spec.name: spec.empty() for spec in self.outputs}
        self._out_tensors = [torch.from_numpy(array) for array in self._out.values()]

    @property
    def name(self) -> str:
        """Runtime and device: 'torch cpu'."""
        return f"torch {self._device}"

    def run(self, inputs: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        """Compute all outputs, by name; borrowed until the next call.

        Raises:
            EngineRunError: Wrong inputs, a failure of torch, outputs unlike their description, or a closed engine.
        """
        import torch

        if self._module is None:
            raise EngineRunError("this torch engine is closed; make a new one")
        check_inputs(self.inputs, inputs)
        arguments = [torch.from_numpy(inputs[spec.name]).to(self._device) for spec in self.inputs]
        try:
            with torch.inference_mode():
                result = self._module(*arguments)
        except RuntimeError as error:
            raise EngineRunError(f"torch failed while computing: {error}") from error
        self._take(result if isinstance(result, tuple) else (result,))
        return self._out

    def _take(self, tensors: tuple[torch.Tensor, ...]) -> None:
        got = [(tuple(tensor.shape), tensor.dtype) for tensor in tensors]
        wanted = [(tuple(tensor.shape), tensor.dtype) for tensor in self._out_tensors]
        if got != wanted:
            raise EngineRunError(f"the module should return {wanted}; it returned {got}")
        for buffer, tensor in zip(self._out_tensors, tensors, strict=True):
            buffer.copy_(tensor)

    def close(self) -> None:
        """Forget the module. A second call does nothing."""
        self._module = None
