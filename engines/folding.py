"""Graphs made ready for a GPU's builder, each rewriting exact by itself.

    name_dtypes          CastLike becomes Cast
    fold                 what depends on weights alone is computed now, so that a builder sees constants
    cast_at_the_edges    bytes become numbers before they are moved about, and numbers bytes after it: TensorRT knows
                         uint8 only as what enters and leaves a network
    halve_convolutions   convolutions compute in float16, everything between them stays in float32

Folding depends on the graph's structure, never on the weights' values: another set of weights under the same graph
gives constants of the same names and shapes, which is what refitting needs.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from engines.base import EngineLoadError
from engines.inlined import inlined

VERSION = "1"
"""Of everything in this file; part of the key under which engines are kept."""

CONVOLUTIONS = ("Conv", "ConvTranspose")

_NEVER = ("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "If", "Loop", "Scan")

_MOVES = ("Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze")
"""Operators that move numbers about without looking at them; the first input is what they move."""


def prepared(path: Path, weights: bytes | None = None, *, half: bool = False) -> bytes:
    """A model in one piece, ready for a builder.

    Args:
        path: An ONNX file with fixed shapes.
        weights: Stands in for the file beside the model that holds its external data.
        half: See `halve_convolutions`.

    Raises:
        EngineLoadError: The file is missing, damaged, or has an operator that ONNX does not know.
    """
    try:
        model = onnx.load(path) if weights is None else onnx.load_from_string(inlined(path, weights))
    except (OSError, DecodeError, ValueError, onnx.checker.ValidationError) as error:
        raise EngineLoadError(f"{path} is not a model that ONNX can load: {error}") from error
    name_dtypes(model)
    fold(model)
    cast_at_the_edges(model)
    if half:
        halve_convolutions(model)
    content: bytes = model.SerializeToString(deterministic=True)
    return content


def name_dtypes(model: ModelProto) -> None:
    """Say to what each CastLike casts, in place, so that constants no longer depend on what they stand beside."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    dtypes = {value.name: value.type.tensor_type.elem_type for value in (*graph.input, *graph.value_info)}
    dtypes |= {tensor.name: tensor.data_type for tensor in graph.initializer}
    for node in model.graph.node:
        if node.op_type == "CastLike" and dtypes.get(node.input[1]):
            to = dtypes[node.input[1]]
            del node.input[1]
            node.op_type = "Cast"
            node.attribute.append(helper.make_attribute("to", to))


def fold(model: ModelProto) -> None:
    """Replace what depends on constants alone by constants, in place.

    Raises:
        EngineLoadError: An operator is unknown, or fails on its constants.
    """
    known = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    made: dict[str, np.ndarray] = {}
    kept = []
    for node in model.graph.node:
        if node.op_type in _NEVER or any(name and name not in known for name in node.input):
            kept.append(node)
            continue
        made |= _computed(model, node, known)
        known |= made
    outputs = {value.name for value in model.graph.output}
    used = {name for node in kept for name in node.input} | outputs
    constants = [tensor for tensor in model.graph.initializer if tensor.name in used]
    constants += [numpy_helper.from_array(array, name) for name, array in made.items() if name in used]
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.initializer.extend(constants)
    model.graph.node.extend(kept)


def _computed(model: ModelProto, node: NodeProto, known: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The outputs of a node whose inputs are constants."""
    from onnx.reference import ReferenceEvaluator

    inputs = {name: known[name] for name in node.input if name}
    values = [helper.make_tensor_value_info(name, TensorProto.UNDEFINED, None) for name in inputs]
    names = [name for name in node.output if name]
    outputs = [helper.make_tensor_value_info(name, TensorProto.UNDEFINED, None) for name in names]
    graph = helper.make_graph([node], "one", values, outputs)
    one = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    try:
        results = ReferenceEvaluator(one).run(None, inputs)
    except (RuntimeError, ValueError, TypeError, IndexError, NotImplementedError, KeyError) as error:
        raise EngineLoadError(f"the graph's {node.op_type} cannot be computed ({error})") from error
    return {name: np.asarray(result) for name, result in zip(names, results, strict=True)}


def cast_at_the_edges(model: ModelProto) -> None:
    """Swap casts from and to bytes with what moves numbers about, in place."""
    graph = model.graph
    byte_inputs = [value for value in graph.input if value.type.tensor_type.elem_type == TensorProto.UINT8]
    for value in byte_inputs:
        _cast_first(graph, value.name)
    for value in graph.output:
        if value.type.tensor_type.elem_type == TensorProto.UINT8:
            _cast_last(graph, value.name)


def _cast_first(graph: onnx.GraphProto, name: str) -> None:
    """What was input → moves → Cast becomes input → Cast → moves."""
    chain: list[NodeProto] = []
    node = _only_user(graph, name)
    while node is not None and node.op_type in _MOVES:
        chain.append(node)
        node = _only_user(graph, node.output[0])
    if not chain or node is None or node.op_type != "Cast":
        return
    result = node.output[0]
    node.input[0], node.output[0] = name, f"{name} as numbers"
    chain[0].input[0] = node.output[0]
    chain[-1].output[0] = result
    _sort(graph)


def _cast_last(graph: onnx.GraphProto, name: str) -> None:
    """What was Cast → moves → output becomes moves → Cast → output."""
    maker: dict[str, NodeProto] = {output: node for node in graph.node for output in node.output}
    chain: list[NodeProto] = []
    node = maker.get(name)
    while node is not None and node.op_type in _MOVES and _only_user(graph, node.input[0]) is not None:
        chain.append(node)
        node = maker.get(node.input[0])
    if not chain or node is None or node.op_type != "Cast":
        return
    source = node.input[0]
    node.input[0], node.output[0] = f"{name} as numbers", name
    chain[-1].input[0] = source
    chain[0].output[0] = node.input[0]
    _sort(graph)


def _only_user(graph: onnx.GraphProto, name: str) -> NodeProto | None:
    """The node that takes a tensor, if it is the only one and the tensor is no output."""
    users = [node for node in graph.node if name in node.input]
    return users[0] if len(users) == 1 and all(value.name != name for value in graph.output) else None


def _sort(graph: onnx.GraphProto) -> None:
    """Nodes in an order in which each finds its inputs made."""
    made = {value.name for value in (*graph.input, *graph.initializer)} | {""}
    waiting, ordered = list(graph.node), []
    while waiting:
        ready = [node for node in waiting if all(name in made for name in node.input)]
        if not ready:
            raise EngineLoadError("the graph runs in a circle")
        made |= {output for node in ready for output in node.output}
        waiting = [node for node in waiting if node not in ready]
        ordered += ready
    del graph.node[:]
    graph.node.extend(ordered)


def halve_convolutions(model: ModelProto) -> None:
    """Let convolutions compute in float16, in place; their constants are stored so, pictures between them are not."""
    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    nodes, halved = [], set()
    for node in graph.node:
        if node.op_type not in CONVOLUTIONS:
            nodes.append(node)
            continue
        result = node.output[0]
        for i, name in enumerate(node.input):
            if name and name not in constants:
                nodes.append(helper.make_node("Cast", [name], [f"{result} in {i}"], to=TensorProto.FLOAT16))
                node.input[i] = f"{result} in {i}"
            elif name:
                halved.add(name)
                node.input[i] = f"{name}.half"
        node.output[0] = f"{result} half"
        nodes += [node, helper.make_node("Cast", [node.output[0]], [result], to=TensorProto.FLOAT)]
    for name in sorted(halved):
        half = numpy_helper.to_array(constants[name]).astype(np.float16)
        graph.initializer.append(numpy_helper.from_array(half, f"{name}.half"))
    copied = [NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del graph.node[:]
    graph.node.extend(copied)
    used = {name for node in graph.node for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
