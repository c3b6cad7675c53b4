"""YuNet's network run by onnxruntime, and the faces read out of it, as OpenCV does both in two and a half times the
time."""

import numpy as np
import onnxruntime

STRIDES = (8, 16, 32)  # pixels between the places that the network judges, in its three maps
SIDES = 32  # pixels; width and height of what it sees are multiples of this

MAPS = ("cls", "obj", "bbox", "kps")  # likeness to a face, twice, and where its box and landmarks are
NAMES = [f"{name}_{stride}" for name in MAPS for stride in STRIDES]

# The published file fixes height and width to 640. Where it does (two dimensions of a protobuf, each a value), stands
# here a name each, of as many bytes, so that the network takes pictures of any size.
FIXED = b"\x0a\x03\x08\x80\x05" * 2
FREE = b"\x0a\x03\x12\x01h\x0a\x03\x12\x01w"


def load(file):
    """The network in a file as a session of onnxruntime, or None where it is not the one that is published."""
    with open(file, "rb") as opened:
        content = opened.read()
    if content.count(FIXED) != 1:
        return None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # stage 1 brings its own threads
    options.log_severity_level = 3  # it warns of the maps' sizes, which the file fixes as well
    try:
        return onnxruntime.InferenceSession(content.replace(FIXED, FREE), options, providers=["CPUExecutionProvider"])
    except Exception:  # its classes have no common one
        return None


def detect(session, planes, least_score, most_overlap):
    """Faces in a picture as planes of blue, green and red (1, 3, H, W), float32 from 0 to 255, as rows (N, 15): left,
    top, width, height, five landmarks, score. Height and width are multiples of SIDES.

    Best first; of faces that overlap by more than ``most_overlap`` (intersection over union) only the best.
    """
    maps = dict(zip(NAMES, session.run(NAMES, {"input": planes}), strict=True))
    rows = np.concatenate([_faces(maps, stride, planes.shape[3] // stride, least_score) for stride in STRIDES])
    return _best(rows[np.argsort(-rows[:, 14], kind="stable")], most_overlap)


def _faces(maps, stride, columns, least_score):
    """What one map says: a row for every place that looks like a face."""
    likely, is_face, box, landmarks = (maps[f"{name}_{stride}"][0] for name in MAPS)
    score = np.sqrt(np.clip(likely[:, 0], 0, 1) * np.clip(is_face[:, 0], 0, 1))
    chosen = np.flatnonzero(score >= least_score)
    place = np.stack([chosen % columns, chosen // columns], axis=1).astype(np.float32)
    size = np.exp(box[chosen, 2:]) * stride
    corner = (place + box[chosen, :2]) * stride - size / 2
    points = (np.tile(place, 5) + landmarks[chosen]) * stride
    return np.concatenate([corner, size, points, score[chosen, None]], axis=1)


def _best(rows, most_overlap):
    """Rows, best first, without those that overlap a better one too much."""
    boxes = rows[:, :4].astype(np.int32)  # whole pixels, as OpenCV compares them
    low, high, area = boxes[:, :2], boxes[:, :2] + boxes[:, 2:], boxes[:, 2] * boxes[:, 3]
    left, kept = np.arange(len(rows)), []
    while len(left):
        best, left = left[0], left[1:]
        kept.append(best)
        shared = np.clip(np.minimum(high[best], high[left]) - np.maximum(low[best], low[left]), 0, None).prod(axis=1)
        left = left[shared <= most_overlap * (area[best] + area[left] - shared)]
    return rows[kept]
