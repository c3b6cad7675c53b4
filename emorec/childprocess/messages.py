"""Messages between a process and its child: JSON objects and arrays, of bounded size. Nothing is unpickled.

A message is four bytes of length, a JSON object of that length, and the bytes of its arrays. The object's ``shapes``
lists the shapes of the arrays, and ``type`` is their common type, uint8 or float32.
"""

from __future__ import annotations

import json
import struct
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

LENGTH = struct.Struct(">I")
MAX_HEADER = 1 << 20  # bytes
MAX_BYTES = 1 << 28  # of the arrays of one message
MAX_ARRAYS = 4
MAX_SIDES = 4  # dimensions of an array
TYPES = ("uint8", "float32")

# What ``receive`` raises for a message that is malformed, incomplete or too large.
ERRORS = (OSError, EOFError, ValueError, KeyError, TypeError, OverflowError, RecursionError)


def send(stream: IO[bytes], header: dict, *arrays: np.ndarray) -> None:
    """Write one message; all ``arrays`` have the same type. Raises OSError if the other side has ended."""
    if arrays:
        header = header | {"shapes": [array.shape for array in arrays], "type": str(arrays[0].dtype)}
    text = json.dumps(header).encode()
    stream.write(LENGTH.pack(len(text)) + text)
    for array in arrays:
        if array.size:
            stream.write(memoryview(array).cast("B"))  # type: ignore[arg-type]
    stream.flush()


def receive(stream: IO[bytes]) -> tuple[dict, list[np.ndarray]]:
    """Read one message, as (header, arrays). Raises one of ERRORS, EOFError at the end of the stream."""
    (size,) = LENGTH.unpack(_read(stream, LENGTH.size))
    if size > MAX_HEADER:
        raise ValueError("the header is too large")
    header = json.loads(_read(stream, size))
    if not isinstance(header, dict):
        raise TypeError("the header is not an object")
    return header, _arrays(stream, header.get("shapes", []), header.get("type"))


def _arrays(stream: IO[bytes], shapes: object, kind: object) -> list[np.ndarray]:
    if not isinstance(shapes, list) or len(shapes) > MAX_ARRAYS:
        raise ValueError("shapes is not a short list")
    if not shapes:
        return []
    import numpy as np  # here, because the command line imports this file to answer --help

    if kind not in TYPES:
        raise ValueError("the type is not one of TYPES")
    array_type = np.dtype(kind)
    if sum(_count(shape) for shape in shapes) * array_type.itemsize > MAX_BYTES:
        raise ValueError("the arrays are too large")
    arrays = [np.empty(shape, array_type) for shape in shapes]
    for array in arrays:
        view: Any = memoryview(array).cast("B") if array.size else b""  # type: ignore[arg-type]
        if array.size and stream.readinto(view) < array.nbytes:  # type: ignore[attr-defined]
            raise EOFError
    return arrays


def _count(shape: object) -> int:
    """The number of values in an array of that shape."""
    if not isinstance(shape, list) or len(shape) > MAX_SIDES:
        raise ValueError("a shape is a short list")
    count = 1
    for side in shape:
        if type(side) is not int or not 0 <= side <= MAX_BYTES:
            raise ValueError("a side is a whole number")
        count *= side
    return count


def _read(stream: IO[bytes], size: int) -> bytes:
    content = stream.read(size)
    if len(content) < size:
        raise EOFError
    return content
