"""The bundled face detector, run by onnxruntime: from a safetensors file and a picture to boxes, landmarks, scores."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from safetensors import SafetensorError
from safetensors.numpy import load_file

from emorec.face.detector_net import CHANNELS, MAX_LOG_SIZE, STRIDES, layers, maps, shapes


def load(file: Path) -> onnxruntime.InferenceSession:
    """A session of onnxruntime with the weights of a safetensors file.

    Raises OSError or ValueError when the file cannot be read or does not hold this network.
    """
    try:
        weights = load_file(file)
    except SafetensorError as error:
        raise ValueError(f"{file} is no safetensors file") from error
    if {name: value.shape for name, value in weights.items()} != shapes(layers()):
        raise ValueError(f"{file} does not hold the weights of the face detector")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # extraction has its own threads
    return onnxruntime.InferenceSession(graph(weights), options, providers=["CPUExecutionProvider"])


def graph(weights: dict[str, np.ndarray]) -> bytes:
    """The network with its folded weights as an ONNX model that takes "picture" (1, 3, H, W) float32, 0 to 255."""
    import onnx  # a fifth of a second, only when a detector is loaded

    operations = _Nodes(onnx, layers())
    outputs = maps(operations, "picture")
    helper, floats = onnx.helper, onnx.TensorProto.FLOAT
    described = helper.make_graph(
        operations.nodes,
        "face detector",
        [helper.make_tensor_value_info("picture", floats, [1, 3, "height", "width"])],
        [helper.make_tensor_value_info(name, floats, None) for name in outputs],
        [onnx.numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()]
        + [onnx.numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "twice")],
    )
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(described, opset_imports=opset, ir_version=8).SerializeToString()


def detect(session: onnxruntime.InferenceSession, planes: np.ndarray, min_score: float, max_overlap: float):
    """Faces in a picture as rows (N, 15) float32: left, top, width, height, five landmarks (x, y), score; in pixels.

    ``planes`` (1, 3, H, W) float32 are red, green and blue from 0 to 255; H and W are multiples of MULTIPLE. The best
    face comes first; of faces that overlap by more than ``max_overlap`` (intersection over union) only the best is
    returned.
    """
    min_logit = np.log(min_score / (1 - min_score))
    outputs = [np.asarray(output) for output in session.run(None, {"picture": planes})]
    rows = np.concatenate(
        [_rows(values[0], stride, min_logit) for stride, values in zip(STRIDES, outputs, strict=True)]
    )
    rows = rows[np.argsort(-rows[:, 14], kind="stable")]
    return rows[suppress_overlaps(rows[:, :4], max_overlap)]


def suppress_overlaps(boxes: np.ndarray, max_overlap: float) -> list[int]:
    """Non-maximum suppression: the indices of the boxes that overlap no better one by more than ``max_overlap``.

    ``boxes`` (N, 4) are left, top, width and height in pixels, best first; the overlap is intersection over union.
    """
    low, high = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
    area = boxes[:, 2] * boxes[:, 3]
    left, selected = np.arange(len(boxes)), []
    while len(left):
        first, left = left[0], left[1:]
        selected.append(int(first))
        sides = np.minimum(high[first], high[left]) - np.maximum(low[first], low[left])
        shared = np.clip(sides, 0, None).prod(axis=1)
        left = left[shared <= max_overlap * (area[first] + area[left] - shared)]
    return selected


def _rows(values, stride, min_logit):
    """The rows of one map (CHANNELS, h, w): a face for every cell whose logit is at least ``min_logit``."""
    columns = values.shape[2]
    values = values.reshape(CHANNELS, -1)
    chosen = np.flatnonzero(values[0] >= min_logit)
    if not len(chosen):  # as in most maps
        return np.zeros((0, CHANNELS), np.float32)
    values = values[:, chosen].T
    centre = np.stack([chosen % columns, chosen // columns], axis=1).astype(np.float32) + 0.5
    size = np.exp(np.minimum(values[:, 3:5], MAX_LOG_SIZE))
    corner = centre + values[:, 1:3] - size / 2
    points = np.tile(centre, 5) + values[:, 5:]
    score = 1 / (1 + np.exp(-values[:, :1]))
    return np.concatenate([np.concatenate([corner, size, points], axis=1) * stride, score], axis=1)


class _Nodes:
    """Builds the nodes of an ONNX graph; the values that it hands on are their outputs' names."""

    def __init__(self, onnx: Any, described: dict):
        self.nodes, self._onnx, self._layers = [], onnx, described

    def convolve(self, name, x):
        layer = self._layers[name]
        border = [layer.kernel // 2] * 4
        out = self._node(
            "Conv", [x, name + ".weight", name + ".bias"], strides=[layer.stride] * 2, pads=border, group=layer.groups
        )
        return self._node("Relu", [out]) if layer.relu else out

    def add(self, x, y):
        return self._node("Relu", [self._node("Add", [x, y])])

    def enlarge(self, x):
        return self._node(
            "Resize",
            [x, "", "twice"],
            mode="nearest",
            nearest_mode="floor",
            coordinate_transformation_mode="asymmetric",
        )

    def _node(self, kind, inputs, **attributes):
        name = f"value.{len(self.nodes)}"
        self.nodes.append(self._onnx.helper.make_node(kind, inputs, [name], **attributes))
        return name
