"""YuNet's network run by onnxruntime and its outputs decoded to faces: 2.5 times as fast as OpenCV does both."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime

from emorec.face.detector import suppress_overlaps

Session = onnxruntime.InferenceSession

STRIDES = (8, 16, 32)  # pixels between neighbouring positions of the three output maps

OUTPUTS = ("cls", "obj", "bbox", "kps")  # class score, objectness, box, landmarks (keypoints)
NAMES = [f"{name}_{stride}" for name in OUTPUTS for stride in STRIDES]

# The published file fixes height and width of the input at 640: in protobuf, two dimensions that hold a value. Each is
# replaced by a dimension that holds a name of as many bytes, so that the network takes images of any size.
FIXED_SIZE = b"\x0a\x03\x08\x80\x05" * 2
FREE_SIZE = b"\x0a\x03\x12\x01h\x0a\x03\x12\x01w"


def load(file: Path) -> Session | None:
    """The network in a file as an onnxruntime session; None if it is not the published one. Raises OSError."""
    content = Path(file).read_bytes()
    if content.count(FIXED_SIZE) != 1:
        return None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # feature extraction has its own threads
    options.log_severity_level = 3  # hide warnings about the size of the outputs, which the file fixes as well
    try:
        return Session(content.replace(FIXED_SIZE, FREE_SIZE), options, providers=["CPUExecutionProvider"])
    except Exception:  # onnxruntime's exceptions have no common class
        return None


def detect(session: Session, planes: np.ndarray, min_score: float, max_overlap: float) -> np.ndarray:
    """Faces as rows (N, 15), best first: left, top, width, height, five landmarks (x, y), score; in pixels.

    ``planes`` (1, 3, H, W) float32 are blue, green and red from 0 to 255; H and W are multiples of 32. Of
    faces whose boxes overlap by more than ``max_overlap`` (intersection over union) only the best one is returned.
    """
    arrays = [np.asarray(output) for output in session.run(NAMES, {"input": planes})]
    outputs = dict(zip(NAMES, arrays, strict=True))
    rows = np.concatenate([_decode(outputs, stride, planes.shape[3] // stride, min_score) for stride in STRIDES])
    rows = rows[np.argsort(-rows[:, 14], kind="stable")]
    boxes = rows[:, :4].astype(np.int32)  # whole pixels, as in OpenCV
    return rows[suppress_overlaps(boxes, max_overlap)]


def _decode(outputs: dict[str, np.ndarray], stride: int, columns: int, min_score: float) -> np.ndarray:
    """A row for every position of one output map whose score reaches ``min_score``."""
    class_score, objectness, box, landmarks = (outputs[f"{name}_{stride}"][0] for name in OUTPUTS)
    score = np.sqrt(np.clip(class_score[:, 0], 0, 1) * np.clip(objectness[:, 0], 0, 1))
    chosen = np.flatnonzero(score >= min_score)
    position = np.stack([chosen % columns, chosen // columns], axis=1).astype(np.float32)
    size = np.exp(box[chosen, 2:]) * stride
    corner = (position + box[chosen, :2]) * stride - size / 2
    points = (np.tile(position, 5) + landmarks[chosen]) * stride
    return np.concatenate([corner, size, points, score[chosen, None]], axis=1)
