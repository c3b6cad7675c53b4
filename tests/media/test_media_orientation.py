"""Display matrices: turned and mirrored pictures as a player shows them."""

import struct

import numpy as np
import pytest

from emorec.media import streams
from support.make_media import Video, record

SIZE = (192, 128)
ONE = 1 << 16
PLAIN = struct.pack(">9i", ONE, 0, 0, 0, ONE, 0, 0, 0, 1 << 30)
"""The matrix that changes nothing, as it lies in a file (ISO/IEC 14496-12, 6.2.2)."""

SHOWN = {
    (-1, 0, 0, 1): lambda image: image[:, ::-1],  # mirrored from left to right
    (1, 0, 0, -1): lambda image: image[::-1],  # mirrored from top to bottom
    (-1, 0, 0, -1): lambda image: image[::-1, ::-1],  # half a turn
    (0, 1, -1, 0): lambda image: np.rot90(image, -1),  # a quarter turn to the right
    (0, -1, 1, 0): lambda image: np.rot90(image),  # a quarter turn to the left
    (0, 1, 1, 0): lambda image: image.T,  # a quarter turn to the left, then upside down
    (0, -1, -1, 0): lambda image: image[::-1, ::-1].T,
    (0, 0, 0, 0): lambda image: image,  # senseless
}
"""A matrix (a, b, c, d), with x' = a x + c y and y' = b x + d y, and what it makes of a picture."""


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return record(tmp_path_factory.mktemp("orientation") / "plain.mp4", Video(size=SIZE, start=43.21, duration=0.2))


def test_the_matrices_make_different_pictures(plain):
    image = next(streams.frames(plain)).image[:, :, 0]
    shown = [SHOWN[matrix](image) for matrix in SHOWN]
    pairs = [(one, other) for k, one in enumerate(shown) for other in shown[:k] if one.shape == other.shape]
    assert len(pairs) == 12 and all(np.abs(one.astype(int) - other).mean() > 20 for one, other in pairs)


@pytest.mark.parametrize("matrix", SHOWN)
def test_a_picture_is_turned_and_mirrored_as_its_matrix_says(matrix, plain, tmp_path):
    a, b, c, d = (ONE * value for value in matrix)
    data = plain.read_bytes()
    assert data.count(PLAIN) == 2  # of the movie and of its track
    head, movie, rest = data.rpartition(PLAIN)
    path = tmp_path / "turned.mp4"
    path.write_bytes(head + struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30) + rest)
    frame, untouched = next(streams.frames(path)), next(streams.frames(plain))
    expected = SHOWN[matrix](untouched.image[:, :, 0])
    assert frame.image.shape[:2] == expected.shape == frame.grey.shape
    assert np.abs(frame.image[:, :, 0].astype(int) - expected).max() <= 2
    grey = frame.grey[: expected.shape[0], : expected.shape[1]]
    assert np.abs(grey.astype(int) - SHOWN[matrix](untouched.grey[: SIZE[1], : SIZE[0]])).max() <= 2
    info = streams.probe(path)
    assert (info.height, info.width) == expected.shape
