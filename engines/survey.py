"""Graphs from strangers: what an ONNX file asks of this machine is looked at before a runtime gets it.

    operators       of ONNX itself, from a list of those that move and compute numbers; none that holds another graph:
                    nothing loops
    weights         inside the file, or in one plain file beside it, no link, whose bytes are there
    sizes           every tensor's shape follows from the file, and what lies in memory at once is bounded
                    (`engines.tensor_sizes`)

Runtimes refuse much of this too, each in its own way, some only while they compute, and loops they obey for ever. How
long a graph computes is not bounded: a slow model is slow.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from engines.base import EngineLoadError
from engines.tensor_sizes import largest_moment

if TYPE_CHECKING:
    import onnx

FILE_LIMIT = 1 << 30
"""Bytes of a graph with all that it holds; the largest that is known, e4e, has 840 MB."""

NODES_LIMIT = 20_000
"""The authors' largest networks have some 1,500."""

NUMBERS_LIMIT = 1 << 29
"""Numbers that may lie in memory at once, constants among them: 2 GiB in float32."""

OPERATORS = frozenset(
    (
        "Abs", "Acos", "Add", "And", "ArgMax", "ArgMin", "Asin", "Atan", "AveragePool", "BatchNormalization", "Cast",
        "CastLike", "Ceil", "Celu", "Clip", "Concat", "Constant", "ConstantOfShape", "Conv", "ConvTranspose", "Cos",
        "CumSum", "DepthToSpace", "Div", "Elu", "Equal", "Erf", "Exp", "Expand", "Flatten", "Floor", "Gather",
        "GatherElements", "GatherND", "Gelu", "Gemm", "GlobalAveragePool", "GlobalMaxPool", "Greater", "GreaterOrEqual",
        "GroupNormalization", "HardSigmoid", "HardSwish", "Identity", "InstanceNormalization", "IsInf", "IsNaN",
        "LayerNormalization", "LeakyRelu", "Less", "LessOrEqual", "Log", "LogSoftmax", "LpNormalization", "MatMul",
        "Max", "MaxPool", "Mean", "Min", "Mish", "Mod", "Mul", "Neg", "Not", "Or", "PRelu", "Pad", "Pow", "Range",
        "Reciprocal", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMean", "ReduceMin",
        "ReduceProd", "ReduceSum", "ReduceSumSquare", "Relu", "Reshape", "Resize", "Round", "ScatterElements",
        "ScatterND", "Selu", "Shape", "Sigmoid", "Sign", "Sin", "Size", "Slice", "Softmax", "Softplus", "Softsign",
        "SpaceToDepth", "Split", "Sqrt", "Squeeze", "Sub", "Sum", "Tan", "Tanh", "Tile", "Transpose", "Unsqueeze",
        "Upsample", "Where", "Xor",
    )
)  # fmt: skip

_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def survey(path: Path, weights_size: int | None = None) -> None:
    """Look at a graph before it is used.

    Args:
        path: An ONNX file.
        weights_size: Bytes of what stands in for the file beside it; None where nothing does.

    Raises:
        EngineLoadError: It is missing or damaged, or asks for what a network does not need.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        size = path.stat().st_size if path.is_file() else None
        if size is None:
            raise EngineLoadError(f"expected an ONNX model at {path}; there is no such file")
        if size > FILE_LIMIT:
            raise EngineLoadError(f"{path} is larger than the {FILE_LIMIT >> 30} GiB that a graph may have")
        model = onnx.load(path, load_external_data=False)
    except (OSError, DecodeError) as error:
        raise EngineLoadError(f"{path} is not a model that ONNX can load: {error}") from error
    for fault in _faults(model, path.parent, weights_size):
        raise EngineLoadError(f"{path} is not a model that this program can load: {fault}")


def _faults(model: onnx.ModelProto, folder: Path, weights_size: int | None) -> Iterator[str]:
    """What is wrong with a graph; the first is enough."""
    graph = model.graph
    if len(graph.node) > NODES_LIMIT:
        yield f"it has {len(graph.node):,} operators, and {NODES_LIMIT:,} are read"
    if not all(isinstance(word, str) for word in _words(graph)):  # protobuf gives bytes for what is not UTF-8
        yield "it has names that are no text"
        return
    if model.functions or model.training_info or graph.sparse_initializer:
        yield "it has functions, a training or sparse weights, which no network here needs"
    for node in graph.node:
        yield from _operator_faults(node)
    for tensor in graph.initializer:
        yield from _weights_faults(tensor, folder, weights_size)
    yield from _size_faults(model)


def _size_faults(model: onnx.ModelProto) -> Iterator[str]:
    graph = model.graph
    made = [name for node in graph.node for name in node.output if name]
    weights = {tensor.name for tensor in graph.initializer}
    inputs = {value.name for value in graph.input} - weights  # older graphs list their weights as inputs too
    if len({*made, *weights, *inputs}) < len(made) + len(graph.initializer) + len(inputs):
        yield "it makes a tensor twice"
    numbers = largest_moment(model)
    if isinstance(numbers, str):
        yield f"{numbers[:80]!r} should have a fixed shape, and none follows from the file"
    elif numbers > NUMBERS_LIMIT:
        yield f"it has {numbers:,} numbers in memory at once; at most {NUMBERS_LIMIT:,} are held"


def _words(graph: onnx.GraphProto) -> Iterator[object]:
    """All names in a graph."""
    for node in graph.node:
        yield from (node.op_type, node.domain, *node.input, *node.output, *(each.name for each in node.attribute))
    for value in (*graph.input, *graph.output):
        yield value.name
    for tensor in graph.initializer:
        yield tensor.name
        for entry in tensor.external_data:
            yield from (entry.key, entry.value)


def _operator_faults(node: onnx.NodeProto) -> Iterator[str]:
    from onnx import AttributeProto, TensorProto

    plain = (
        AttributeProto.FLOAT, AttributeProto.INT, AttributeProto.STRING, AttributeProto.TENSOR, AttributeProto.FLOATS,
        AttributeProto.INTS,
    )  # fmt: skip
    if node.domain not in ("", "ai.onnx") or node.op_type not in OPERATORS:
        yield f"it has the operator {f'{node.domain} {node.op_type}'.strip()[:80]!r}, which no network here needs"
    for attribute in node.attribute:
        if attribute.type not in plain:
            yield f"its {node.op_type} holds more than numbers"
        if attribute.t.data_location == TensorProto.EXTERNAL:
            yield f"its {node.op_type} keeps numbers in another file"


def _weights_faults(tensor: onnx.TensorProto, folder: Path, weights_size: int | None) -> Iterator[str]:
    from onnx import TensorProto

    if tensor.data_location != TensorProto.EXTERNAL:
        return
    place = {entry.key: entry.value for entry in tensor.external_data}
    location = place.get("location", "")
    begin, length = _whole(place.get("offset", "0")), _whole(place.get("length", ""))
    if not _PLAIN_NAME.fullmatch(location):
        yield f"it looks for weights at {location[:100]!r}; only a plain name in its own folder is allowed"
    elif begin is None or length is None:
        yield f"it does not say where in {location} {tensor.name[:80]!r} lies"
    else:
        beside = folder / location
        if weights_size is None and (beside.is_symlink() or not beside.is_file()):
            yield f"its weights {location} are missing, or not a file"
            return
        size = beside.stat().st_size if weights_size is None else weights_size
        if begin + length > size:
            yield f"it looks for {tensor.name[:80]!r} where {size:,} bytes of weights have nothing"


def _whole(word: str) -> int | None:
    """A number of bytes; None for anything else."""
    return int(word) if re.fullmatch(r"[0-9]{1,15}", word) else None
