"""A GPU and a TensorRT that exist in this process's memory, with the rules of the real ones that engines rely on.

The driver has addresses, a stream that records, and memory that must be pinned before it is copied; a plan is the graph
that it was built from, and is computed by ONNX Runtime. Any function can be made to fail.
"""

from __future__ import annotations

import ctypes
import threading
import types
from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, numpy_helper

OUT_OF_MEMORY, LOST = 2, 46
NAMES = {OUT_OF_MEMORY: b"CUDA_ERROR_OUT_OF_MEMORY", LOST: b"CUDA_ERROR_DEVICE_UNAVAILABLE"}
INVALID_VALUE, INVALID_CONTEXT = 1, 201

ANYWHERE = {
    "cuInit", "cuDeviceGet", "cuDeviceGetName", "cuDeviceGetAttribute", "cuDeviceTotalMem_v2", "cuDriverGetVersion",
    "cuDevicePrimaryCtxRetain", "cuDevicePrimaryCtxRelease_v2", "cuCtxSetCurrent", "cuGetErrorName",
}  # fmt: skip
"""Functions that work on a thread which has entered no GPU."""


class PretendDriver:
    """NVIDIA's driver library; see `fail`."""

    def __init__(self, name: str = "Pretend GPU") -> None:
        self.name = name
        self.fail: dict[str, int] = {}
        """Codes that functions return instead of doing anything."""
        self.memory: dict[int, np.ndarray] = {}
        self.pinned: set[int] = set()
        self.open: set[int] = set()
        """Handles of contexts, streams and graphs that were not given back."""
        self.graphs: dict[int, list[Callable[[], None]]] = {}
        self.recording: list[Callable[[], None]] | None = None
        self.launches = 0
        self.thread = threading.local()
        self._handles = 0

    def __getattr__(self, function: str) -> Callable[..., int]:
        do = globals().get(f"_{function}")
        if do is None:
            raise AttributeError(function)

        def call(*arguments: object) -> int:
            if function not in ANYWHERE and getattr(self.thread, "context", None) not in self.open:
                return INVALID_CONTEXT
            return self.fail.get(function) or do(self, *arguments) or 0

        return call

    def enqueue(self, work: Callable[[], None]) -> None:
        """In its turn on the stream."""
        if self.recording is None:
            work()
        else:
            self.recording.append(work)

    def handle(self, reference) -> int:
        self._handles += 1
        reference._obj.value = self._handles
        self.open.add(self._handles)
        return self._handles


def _cuInit(driver, flags): ...


def _cuDeviceGet(driver, device, index):
    device._obj.value = index
    return INVALID_VALUE if index else 0


def _cuDevicePrimaryCtxRetain(driver, context, device):
    driver.handle(context)
    driver.context = context._obj.value


def _cuDevicePrimaryCtxRelease_v2(driver, device):
    driver.open.remove(driver.context)


def _cuCtxSetCurrent(driver, context):
    driver.thread.context = context.value


def _cuStreamCreate(driver, stream, flags):
    driver.handle(stream)


def _close(driver, handle):
    driver.open.remove(handle.value)


_cuStreamDestroy_v2 = _cuGraphDestroy = _cuGraphExecDestroy = _close


def _cuDeviceGetName(driver, name, size, device):
    name.value = driver.name.encode()


def _cuDeviceGetAttribute(driver, value, attribute, device):
    value._obj.value = {75: 9, 76: 0}[attribute]


def _cuDeviceTotalMem_v2(driver, size, device):
    size._obj.value = 1 << 34


def _cuDriverGetVersion(driver, version):
    version._obj.value = 13000


def _cuGetErrorName(driver, code, name):
    name._obj.value = NAMES.get(code, b"CUDA_ERROR_UNKNOWN")


def _cuMemAlloc_v2(driver, address, size):
    memory = np.full(size.value, 0xA5, np.uint8)
    driver.memory[memory.ctypes.data] = memory
    address._obj.value = memory.ctypes.data


def _cuMemFree_v2(driver, address):
    del driver.memory[address.value]


def _cuMemHostRegister_v2(driver, address, size, flags):
    driver.pinned.add(address.value)


def _cuMemHostUnregister(driver, address):
    driver.pinned.remove(address.value)


def _cuMemcpyHtoDAsync_v2(driver, target, source, size, stream):
    return _copy(driver, target, source, size, pinned=source, device=target)


def _cuMemcpyDtoHAsync_v2(driver, target, source, size, stream):
    return _copy(driver, target, source, size, pinned=target, device=source)


def _copy(driver, target, source, size, pinned, device):
    if pinned.value not in driver.pinned or size.value > driver.memory[device.value].nbytes:
        return INVALID_VALUE
    to, where, length = target.value, source.value, size.value
    driver.enqueue(lambda: ctypes.memmove(to, where, length))
    return 0


def _cuStreamBeginCapture_v2(driver, stream, mode):
    driver.recording = []


def _cuStreamEndCapture(driver, stream, graph):
    driver.graphs[driver.handle(graph)] = driver.recording
    driver.recording = None


def _cuGraphInstantiateWithFlags(driver, ready, graph, flags):
    driver.graphs[driver.handle(ready)] = driver.graphs[graph.value]


def _cuGraphLaunch(driver, ready, stream):
    driver.launches += 1
    for work in driver.graphs[ready.value]:
        work()


def _cuStreamSynchronize(driver, stream): ...


def pretend_tensorrt(driver: PretendDriver) -> types.ModuleType:  # noqa: C901 (one module, as the real one)
    """The module `tensorrt` on this GPU."""
    trt = types.ModuleType("tensorrt")
    trt.__version__ = "11.0.0"
    trt.memory_is_short = False
    trt.builds = 0

    class ILogger:
        Severity = types.SimpleNamespace(ERROR="error", INTERNAL_ERROR="internal")

        def __init__(self) -> None: ...

    class Parser:
        def __init__(self, network, logger) -> None:
            self.network, self.errors = network, []

        num_errors = property(lambda self: len(self.errors))

        def parse(self, content: bytes) -> bool:
            try:
                _session(content)
                _check_bytes(onnx.load_from_string(content))
            except Exception as error:  # noqa: BLE001 (ONNX Runtime's errors share no base class)
                self.errors.append(str(error).partition("\n")[0])
                return False
            self.network.content = content
            return True

        def get_error(self, i: int) -> str:
            return self.errors[i]

    class Builder:
        def __init__(self, logger) -> None:
            self.logger = logger

        def create_network(self, flags: int):
            assert flags == 1 << trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED
            return types.SimpleNamespace(content=b"")

        def create_builder_config(self):
            return types.SimpleNamespace(flags=set(), set_flag=lambda flag: None)

        def build_serialized_network(self, network, config):
            if trt.memory_is_short:
                self.logger.log("error", "[memory.cpp] not enough\n memory")
                return None
            trt.builds += 1
            return driver.name.encode() + b"|" + network.content

    class Engine:
        def __init__(self, content: bytes) -> None:
            self.content = content
            self.model = onnx.load_from_string(content)
            values = (*self.model.graph.input, *self.model.graph.output)
            self.values = {value.name: value for value in values}
            self.inputs = {value.name for value in self.model.graph.input}

        num_io_tensors = property(lambda self: len(self.values))

        def get_tensor_name(self, i: int) -> str:
            return list(self.values)[i]

        def get_tensor_mode(self, name: str) -> str:
            return "input" if name in self.inputs else "output"

        def get_tensor_shape(self, name: str) -> list[int]:
            return [each.dim_value for each in self.values[name].type.tensor_type.shape.dim]

        def get_tensor_dtype(self, name: str) -> int:
            return self.values[name].type.tensor_type.elem_type

        def create_execution_context(self):
            return None if "context" in driver.fail else Context(self)

    class Context:
        def __init__(self, engine: Engine) -> None:
            self.engine, self.session, self.places = engine, _session(engine.content), {}

        def set_tensor_address(self, name: str, address: int) -> None:
            self.places[name] = address

        def execute_async_v3(self, stream: int) -> bool:
            driver.enqueue(self.compute)
            return True

        def compute(self) -> None:
            inputs = {name: self.array(name) for name in self.engine.inputs}
            names = [name for name in self.places if name not in inputs]
            for name, result in zip(names, self.session.run(names, inputs), strict=True):
                self.array(name)[...] = result

        def array(self, name: str) -> np.ndarray:
            memory = driver.memory[self.places[name]]
            return memory.view(trt.nptype(self.engine.get_tensor_dtype(name))).reshape(
                self.engine.get_tensor_shape(name)
            )

    class Runtime:
        def __init__(self, logger) -> None:
            self.logger = logger

        def deserialize_cuda_engine(self, plan: bytes):
            name, _, content = plan.partition(b"|")
            if name != driver.name.encode():
                self.logger.log("error", "the plan is for an incompatible device")
                return None
            return Engine(content)

    class Refitter:
        def __init__(self, engine: Engine, logger) -> None:
            self.engine, self.content = engine, None

        def refit_cuda_engine(self) -> bool:
            self.engine.content = self.content
            return True

    class OnnxParserRefitter:
        def __init__(self, refitter: Refitter, logger) -> None:
            self.refitter, self.logger = refitter, logger

        def refit_from_bytes(self, content: bytes) -> bool:
            old, new = self.refitter.engine.model.graph, onnx.load_from_string(content).graph
            same = [_shapes(old), list(old.node)] == [_shapes(new), list(new.node)]
            self.refitter.content = content
            if not same:
                self.logger.log("internal", "weights of another structure")
            return same

    trt.ILogger, trt.Builder, trt.OnnxParser, trt.Runtime = ILogger, Builder, Parser, Runtime
    trt.Refitter, trt.OnnxParserRefitter = Refitter, OnnxParserRefitter
    trt.NetworkDefinitionCreationFlag = types.SimpleNamespace(STRONGLY_TYPED=3)
    trt.BuilderFlag = types.SimpleNamespace(REFIT="refit")
    trt.TensorIOMode = types.SimpleNamespace(INPUT="input")
    trt.nptype = onnx.helper.tensor_dtype_to_np_dtype
    return trt


def _session(content: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def _shapes(graph: onnx.GraphProto) -> dict[str, tuple[int, ...]]:
    return {tensor.name: numpy_helper.to_array(tensor).shape for tensor in graph.initializer}


def _check_bytes(model: onnx.ModelProto) -> None:
    """Bytes enter and leave a network, and are cast there; nothing else is done to them."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    inside = [value.name for value in graph.value_info if value.type.tensor_type.elem_type == TensorProto.UINT8]
    entering = [value.name for value in graph.input if value.type.tensor_type.elem_type == TensorProto.UINT8]
    users = [node.op_type for node in graph.node if set(node.input) & set(entering)]
    if inside or any(user != "Cast" for user in users):
        raise ValueError("uint8 is for the network's inputs and outputs")
