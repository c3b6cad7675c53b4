"""Spoil training pictures of the face detector as recordings are: light, colours, covers, blur, noise, compression."""

import cv2
import numpy as np


def corrupt(picture, random, rows):
    """A picture in other light and colours, covered in places, blurred, noisy or compressed, as recordings are."""
    if random.random() < 0.2:
        _cover(picture, random, rows)
    if random.random() < 0.35:
        picture = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    picture = _relight(picture, random)
    choice = random.random()
    if choice < 0.12:
        picture = cv2.GaussianBlur(picture, (0, 0), random.uniform(0.4, 1.6))
    elif choice < 0.18:
        length = random.integers(2, 7)
        kernel = np.full((1, length) if random.random() < 0.5 else (length, 1), 1 / length, np.float32)
        picture = cv2.filter2D(picture, -1, kernel)
    elif choice < 0.28:
        small = cv2.resize(picture, None, fx=(factor := random.uniform(0.4, 0.9)), fy=factor)
        picture = cv2.resize(small, picture.shape[1::-1])
    if random.random() < 0.2:
        noise = random.standard_normal(picture.shape[:2] + (1 if random.random() < 0.5 else 3,), np.float32)
        picture = np.clip(picture + noise * np.float32(random.uniform(2, 14)), 0, 255).astype(np.uint8)
    if random.random() < 0.35:
        _, coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(15, 90))])
        picture = cv2.imdecode(coded, cv2.IMREAD_COLOR)
        assert picture is not None
    return picture


def _relight(picture, random):
    """A picture uint8 in another light: one table of values for each colour."""
    values = np.repeat(np.arange(256)[:, None], 3, axis=1) / 255
    if random.random() < 0.4:
        values = np.clip(values * np.exp(random.normal(0, 0.12, 3)), 0, 1)
    if random.random() < 0.5:
        values **= np.exp(random.normal(0, 0.45))
    if random.random() < 0.6:
        values = (values - 0.5) * np.exp(random.normal(0, 0.25)) + 0.5 + random.normal(0, 0.1)
    return cv2.LUT(picture, np.clip(255 * values, 0, 255).astype(np.uint8)[None])


def _cover(picture, random, rows):
    """Hide a part of one face behind a plain patch, less than a third of it."""
    for left, top, width, height in rows[: random.integers(0, 4), :4]:
        size = np.array([width, height]) * random.uniform(0.15, 0.5, 2)
        low = np.array([left, top]) + random.uniform(0, 1, 2) * (np.array([width, height]) - size)
        low, high = np.clip(np.array([low, low + size]), 0, picture.shape[1::-1]).astype(int)
        picture[low[1] : high[1], low[0] : high[0]] = random.integers(0, 256, 3)
