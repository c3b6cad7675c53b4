"""A small colour picture of a face, with some of the hair and the clothes."""

from __future__ import annotations

import cv2
import numpy as np

SIDE = 64  # pixels
AROUND = 1.7  # side of the square against the longer side of the face's box
QUALITY = 80  # of JPEG, 0 to 100
BLOCKS = 6  # of a mosaic along a side; a face fills about three and a half of them


def cut_out(image: np.ndarray, box: np.ndarray) -> np.ndarray:
    """The square around a box (left, top, width, height, fractions) of a picture RGB (H, W, 3): uint8 (SIDE, SIDE, 3).

    It is moved into the picture if it reaches beyond its edges.
    """
    height, width = image.shape[:2]
    left, top, box_width, box_height = box * np.array([width, height, width, height])
    side = max(1, round(min(AROUND * max(box_width, box_height), width, height)))
    x = round(float(np.clip(left + box_width / 2 - side / 2, 0, width - side)))
    y = round(float(np.clip(top + box_height / 2 - side / 2, 0, height - side)))
    part = image[y : y + side, x : x + side]
    return cv2.resize(part, (SIDE, SIDE), interpolation=cv2.INTER_AREA if side > SIDE else cv2.INTER_LINEAR)


def jpeg(picture: np.ndarray) -> bytes:
    """A picture RGB uint8 (H, W, 3) as JPEG."""
    done, content = cv2.imencode(".jpg", picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    assert done  # an array in memory can always be encoded
    return content.tobytes()


def mosaic(content: bytes) -> bytes:
    """A JPEG as coarse blocks of its mean colours, in which nobody can be recognised."""
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None  # what this package wrote can be read
    blocks = cv2.resize(picture, (BLOCKS, BLOCKS), interpolation=cv2.INTER_AREA)
    return jpeg(cv2.resize(blocks, (SIDE, SIDE), interpolation=cv2.INTER_NEAREST)[:, :, ::-1])  # it takes RGB
