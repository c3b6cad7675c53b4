"""Paths of the project and of the development data, and facts of its clips."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared"
FACE_MODEL = SHARED / "models" / "face_detection_yunet_2023mar.onnx"

TALKING_HEAD = SHARED / "media" / "talking_head_12s.mp4"
CLIP_SECONDS = 12  # duration of TALKING_HEAD
