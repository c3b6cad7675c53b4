"""A library of results: the tables of many recordings, read and asked about together."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emorec.library.reading import Library


def open(*folders: str | PathLike[str], memory: float = 2.0, seconds: float = 600.0) -> Library:
    """The results in some folders, for questions in SQL: ``emorec.library.open(DIR).query("select ...")``.

    ``memory`` (GB) and ``seconds`` limit each query. Raises EmorecError.
    """
    from emorec.library.reading import Library

    return Library([Path(folder) for folder in folders], memory, seconds)
