"""A small real network with two inputs and two outputs: as an ONNX file over safetensors weights, and in torch."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from safetensors.torch import save_file

from engines import TensorSpec

INPUTS = (TensorSpec("w", (1, 6), "float32"), TensorSpec("picture", (1, 64, 64, 3), "uint8"))
OUTPUTS = (TensorSpec("rgba", (1, 64, 64, 4), "uint8"), TensorSpec("mean", (1, 4), "float32"))


class Net(torch.nn.Module):
    """Convolve a picture, scale its channels by a code, round to bytes."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.weight = torch.nn.Parameter((torch.randn(4, 3, 3, 3, generator=generator) / 5).half().float())
        self.affine = torch.nn.Parameter((torch.randn(6, 4, generator=generator) / 3).half().float())

    def forward(self, w, picture):
        x = picture.permute(0, 3, 1, 2).float() / 255
        y = torch.nn.functional.conv2d(x, self.weight, padding=1) * (w @ self.affine)[:, :, None, None]
        return ((y + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous(), y.mean((2, 3))


def write_model(net: Net, folder: Path) -> Path:
    """Net as `net.onnx`, whose initializers are float16 external data inside `weights.safetensors`."""
    save_file(
        {name: tensor.detach().half() for name, tensor in net.state_dict().items()}, folder / "weights.safetensors"
    )
    raw = (folder / "weights.safetensors").read_bytes()
    header = int.from_bytes(raw[:8], "little")
    initializers, nodes = [], []
    for name, entry in json.loads(raw[8 : 8 + header]).items():
        begin, end = entry["data_offsets"]
        tensor = TensorProto(
            name=f"{name}.f16",
            data_type=TensorProto.FLOAT16,
            dims=entry["shape"],
            data_location=TensorProto.EXTERNAL,
        )
        place = {"location": "weights.safetensors", "offset": str(8 + header + begin), "length": str(end - begin)}
        for key, value in place.items():
            tensor.external_data.add(key=key, value=value)
        initializers.append(tensor)
        nodes.append(helper.make_node("Cast", [tensor.name], [name], to=TensorProto.FLOAT))
    for name, value in {"byte": 255.0, "one": 1.0, "half": 127.5, "low": 0.0}.items():
        initializers.append(helper.make_tensor(name, TensorProto.FLOAT, [], [value]))
    initializers.append(helper.make_tensor("hw", TensorProto.INT64, [2], [2, 3]))
    nodes += [
        helper.make_node("Cast", ["picture"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["float"], ["nchw"], perm=[0, 3, 1, 2]),
        helper.make_node("Div", ["nchw", "byte"], ["unit"]),
        helper.make_node("Conv", ["unit", "weight"], ["features"], pads=[1] * 4),
        helper.make_node("MatMul", ["w", "affine"], ["style"]),
        helper.make_node("Unsqueeze", ["style", "hw"], ["style4"]),
        helper.make_node("Mul", ["features", "style4"], ["y"]),
        helper.make_node("ReduceMean", ["y", "hw"], ["mean"], keepdims=0),
        helper.make_node("Add", ["y", "one"], ["y1"]),
        helper.make_node("Mul", ["y1", "half"], ["y2"]),
        helper.make_node("Round", ["y2"], ["y3"]),
        helper.make_node("Clip", ["y3", "low", "byte"], ["y4"]),
        helper.make_node("Transpose", ["y4"], ["y5"], perm=[0, 2, 3, 1]),
        helper.make_node("Cast", ["y5"], ["rgba"], to=TensorProto.UINT8),
    ]
    kinds = {"float32": TensorProto.FLOAT, "uint8": TensorProto.UINT8}
    values = [
        [helper.make_tensor_value_info(spec.name, kinds[spec.dtype], spec.shape) for spec in specs]
        for specs in (INPUTS, OUTPUTS)
    ]
    graph = helper.make_graph(nodes, "net", *values, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.save(model, folder / "net.onnx")
    onnx.checker.check_model(str(folder / "net.onnx"), full_check=True)
    return folder / "net.onnx"


@dataclass(frozen=True)
class Model:
    """The network in both forms, what it takes and gives, inputs for it, and what torch computes from them."""

    path: Path
    net: Net
    inputs: dict[str, np.ndarray]
    expected: dict[str, np.ndarray]
    takes: tuple[TensorSpec, ...] = INPUTS
    gives: tuple[TensorSpec, ...] = OUTPUTS


@pytest.fixture
def model(tmp_path: Path) -> Model:
    net = Net()
    rng = np.random.default_rng(0)
    inputs = {
        "w": rng.standard_normal((1, 6), dtype=np.float32),
        "picture": rng.integers(0, 256, (1, 64, 64, 3), dtype=np.uint8),
    }
    with torch.no_grad():
        rgba, mean = net(*(torch.from_numpy(inputs[spec.name]) for spec in INPUTS))
    return Model(write_model(net, tmp_path), net, inputs, {"rgba": rgba.numpy(), "mean": mean.numpy()})
