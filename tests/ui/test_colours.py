"""The colours of the emotions, as eyes of every kind see them."""

import itertools

import numpy as np
import pytest

from emorec.emotions import COLOURS, EMOTIONS

# Machado, Oliveira and Fernandes, 2009: what eyes without one kind of cone see of linear RGB.
BLINDNESS = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
DISTINCT = 10.0  # CIE76 difference; a just noticeable one is about 2.3


def lab(linear):
    """CIELAB of linear sRGB (3,), white D65."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    scaled = to_xyz @ linear / np.array([0.9505, 1.0, 1.089])
    cube = np.where(scaled > 0.008856, np.cbrt(scaled), 7.787 * scaled + 16 / 116)
    return np.array([116 * cube[1] - 16, 500 * (cube[0] - cube[1]), 200 * (cube[1] - cube[2])])


@pytest.mark.parametrize("eyes", ["usual", *BLINDNESS])
def test_every_two_colours_are_distinct_to_colour_blind_eyes(eyes):
    seen = {}
    for emotion in EMOTIONS:
        channels = np.array([int(COLOURS[emotion][at : at + 2], 16) for at in (1, 3, 5)]) / 255
        linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
        seen[emotion] = lab(np.clip(np.array(BLINDNESS.get(eyes, np.eye(3))) @ linear, 0, 1))
    distances = {(a, b): np.linalg.norm(seen[a] - seen[b]) for a, b in itertools.combinations(EMOTIONS, 2)}
    closest = min(distances, key=distances.get)
    assert distances[closest] >= DISTINCT, (closest, distances[closest])
