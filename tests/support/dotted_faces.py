"""Drawn faces for the face detector: a dot of its own colour at each landmark."""

import cv2
import numpy as np

POINTS = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]], np.float32)
COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255)]  # of the landmarks that are drawn


def face(left, top, side, score=0.9):
    """A row (15,)."""
    return np.concatenate([[left, top, side, side], ((POINTS * side) + [left, top]).ravel(), [score]]).astype(
        np.float32
    )


def draw(rows, width=160, height=120):
    """A grey picture with a dot of its own colour at each landmark."""
    picture = np.full((height, width, 3), 60, np.uint8)
    for row in rows:
        for (x, y), colour in zip(row[4:14].reshape(5, 2), COLOURS, strict=True):
            cv2.circle(picture, (round(float(x) - 0.5), round(float(y) - 0.5)), max(2, int(row[2] / 20)), colour, -1)
    return picture
