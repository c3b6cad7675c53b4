"""Detect recordings whose faces lie on their side or are upside down, and suggest the rotation that corrects them."""

from __future__ import annotations

import numpy as np

from emorec.face.detection import Detector, Face

ROTATIONS = (90, 180, 270)  # degrees clockwise
SAMPLE_INTERVAL = 5  # images; at most one in so many is kept as a sample
MAX_SAMPLES = 8  # samples, after which they are searched rotated
MIN_SAMPLES = 2  # samples; fewer decide nothing
CLEAR_SCORE = 0.85  # least score of a clear face; false detections mostly stay below it
# The detectors also find upside-down faces and take them for upright ones. Turned upright they score higher: by 0.06 to
# 0.12 with YuNet (three recordings), by 0.1 and more with the bundled detector, whose upright faces mostly score over
# UPRIGHT_SCORE. Of 22 recordings turned by 180 degrees, 21 are told with this score, 17 with 0.9.
UPRIGHT_SCORE = 0.95
MIN_GAIN = 0.04
MAX_ROLL = 45.0  # degrees from upright
MAX_UPRIGHT = 0.1  # share of the images with a clear upright face above which nothing is suggested
MIN_AGREEMENT = 0.7  # share of the samples that have to agree on a rotation


class OrientationCheck:
    """Checks the first images of a recording until their orientation is clear.

    If hardly any clear upright face is found, a few samples are searched again, rotated. A wrong suggestion does more
    harm than none, so a face has to be clear, and clearer than in any other orientation.
    """

    def __init__(self, detector: Detector, rotated: int = 0):
        """``rotated`` is by how much (degrees clockwise) the images are rotated already."""
        self._detector, self._rotated = detector, rotated
        self._samples: list[tuple[np.ndarray, float]] = []
        self._count, self._upright, self._finished = 0, 0, False

    def add(self, image: np.ndarray, faces: list[Face]) -> str | None:
        """Take in one RGB image (H, W, 3) and its faces; returns the suggestion as soon as there is one."""
        if self._finished:
            return None
        score = _upright_score(faces)
        self._upright += score >= UPRIGHT_SCORE
        if score < UPRIGHT_SCORE and self._count % SAMPLE_INTERVAL == 0:
            self._samples.append((image, score))
        self._count += 1
        # With many upright faces there is nothing to suggest, so the check can end early.
        if len(self._samples) == MAX_SAMPLES or self._upright > MAX_UPRIGHT * SAMPLE_INTERVAL * MAX_SAMPLES:
            return self.finish()
        return None

    def finish(self) -> str | None:
        """The suggestion, from the images so far; None if there is none, or if it was returned before."""
        if self._finished:
            return None
        self._finished, samples, self._samples = True, self._samples, []
        if len(samples) < MIN_SAMPLES or self._upright > MAX_UPRIGHT * self._count:
            return None
        rotations = [self._clearest_rotation(image, score) for image, score in samples]
        best = max(ROTATIONS, key=rotations.count)
        if rotations.count(best) < MIN_AGREEMENT * len(rotations):
            return None
        state = "are upside down" if best == 180 else "lie on their side"
        return f"Most faces {state}: choose --rotate {(self._rotated + best) % 360}."

    def _clearest_rotation(self, image: np.ndarray, score: float) -> int:
        """The rotation that shows a clear face, clearer than any other and than none (``score``); 0 if none does."""
        scores = {rotation: _upright_score(self._detector.detect(_rotate(image, rotation))) for rotation in ROTATIONS}
        best = max(ROTATIONS, key=lambda rotation: scores[rotation])
        others = [score, *(scores[rotation] for rotation in ROTATIONS if rotation != best)]
        return best if scores[best] >= max(CLEAR_SCORE, max(others) + MIN_GAIN) else 0


def _rotate(image: np.ndarray, rotation: int) -> np.ndarray:
    return np.ascontiguousarray(np.rot90(image, -rotation // 90))


def _upright_score(faces: list[Face]) -> float:
    """The score of the most certain face that looks upright, 0 if there is none."""
    return max((face.score for face in faces if _roll(face) <= MAX_ROLL), default=0.0)


def _roll(face: Face) -> float:
    """Degrees between the line of the eyes and the horizontal."""
    across, down = face.landmarks[1] - face.landmarks[0]
    return abs(float(np.degrees(np.arctan2(down, across))))
