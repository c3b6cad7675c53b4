"""Still pictures, decoded by Pillow. Called in the decoding process; see ``sandbox``."""

import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from emorec.errors import EmorecError
from emorec.media import containers

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "AVIF")

# Percent of the pixels at either end of the range of a picture with more than 8 bits that may become black or white.
OUTLIERS = 0.1

NOT_A_JPEG = "This is not a picture that can be read; send a whole JPEG of at most {side} pixels a side."

RANGE_SIDE = 2048  # pixels of a row or column, at most, from which the range is computed


def read(path, max_pixels, max_side):
    """The picture in a file as uint8 RGB (H, W, 3), upright, its longer side at most ``max_side`` (px).

    Raises EmorecError if it cannot be read, or has more than ``max_pixels``.
    """
    name = Path(path).name
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of large pictures; max_pixels is the limit here
            with Image.open(path, formats=FORMATS) as picture:
                width, height = picture.size
                if width * height > max_pixels:
                    raise EmorecError(
                        f"{name} has {width * height / 1e6:.0f} million pixels; "
                        f"give a picture of at most {max_pixels / 1e6:.0f} million."
                    )
                if max(width, height) > max_side:
                    picture.draft(None, (max_side, max_side))  # a JPEG can be decoded at half its size at once
                ImageOps.exif_transpose(picture, in_place=True)  # a copy would take another 400 MB of the largest
                upright = _eight_bits(picture).convert("RGB")
                upright.thumbnail((max_side, max_side))
                return np.asarray(upright)
    except EmorecError:  # a ValueError, but already the sentence for the user
        raise
    except Image.DecompressionBombError:  # Pillow's own limit, which it applies before the size is known here
        raise EmorecError(
            f"{name} has more than {max_pixels / 1e6:.0f} million pixels; give a smaller picture."
        ) from None
    except (OSError, ValueError, SyntaxError, MemoryError):
        if containers.picture_kind(path) in ("HEIC", "HEIF"):
            raise EmorecError(
                f"{name} is a HEIC picture, which cannot be read here; save it as JPEG or PNG and give that."
            ) from None
        raise EmorecError(
            f"{name} is not a picture that can be read; give a whole JPEG, PNG, WebP, AVIF, BMP, GIF or TIFF file."
        ) from None


def read_jpeg(content, max_side):
    """A JPEG in memory as uint8 RGB (H, W, 3), with no side longer than ``max_side`` (px).

    Raises EmorecError if it cannot be read, or is larger.
    """
    try:
        with Image.open(io.BytesIO(content), formats=("JPEG",)) as picture:
            if max(picture.size) > max_side:
                raise EmorecError(NOT_A_JPEG.format(side=max_side))
            return np.asarray(picture.convert("RGB"))
    except EmorecError:
        raise
    except (OSError, ValueError, SyntaxError, MemoryError, Image.DecompressionBombError):
        raise EmorecError(NOT_A_JPEG.format(side=max_side)) from None


def _eight_bits(picture):
    """A picture with more than 8 bits (16 bits, floating point), whose white is unknown, scaled by its own range;
    others are returned unchanged."""
    if picture.mode != "F" and not picture.mode.startswith("I"):
        return picture
    values = np.asarray(picture).astype(np.float32)
    step = 1 + max(values.shape) // RANGE_SIDE
    known = values[::step, ::step]
    known = known[np.isfinite(known)]
    low, high = np.percentile(known, (OUTLIERS, 100 - OUTLIERS)) if known.size else (0.0, 0.0)
    if not high > low:
        low, high = low - 1, low + 1  # all the same: grey
    values -= low
    values *= 255 / (high - low)
    np.nan_to_num(values, copy=False, nan=0.0, posinf=255.0, neginf=0.0)
    return Image.fromarray(values.clip(0, 255, out=values).round(out=values).astype(np.uint8))
