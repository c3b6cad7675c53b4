"""Still pictures, decoded by Pillow, for the process that reads files; see ``worker_child``."""

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from emorec.errors import EmorecError

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")


def read(path, most_pixels, longest_side):
    """The picture in a file as uint8 RGB (H, W, 3), upright, its longer side at most ``longest_side`` (px).

    Raises EmorecError where it is none that can be read, or has more than ``most_pixels``.
    """
    name = Path(path).name
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of large pictures; most_pixels is the limit here
            with Image.open(path, formats=FORMATS) as picture:
                width, height = picture.size
                if width * height > most_pixels:
                    raise EmorecError(
                        f"{name} has {width * height / 1e6:.0f} million pixels; "
                        f"give a picture of at most {most_pixels / 1e6:.0f} million."
                    )
                if max(width, height) > longest_side:
                    picture.draft(None, (longest_side, longest_side))  # a JPEG can be decoded at half its size at once
                upright = ImageOps.exif_transpose(picture).convert("RGB")
                upright.thumbnail((longest_side, longest_side))
                return np.asarray(upright)
    except (OSError, ValueError, SyntaxError, MemoryError, Image.DecompressionBombError):
        raise EmorecError(
            f"{name} is not a picture that can be read; give a whole JPEG, PNG, WebP, BMP, GIF or TIFF file."
        ) from None
