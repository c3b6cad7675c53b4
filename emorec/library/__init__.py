"""A library of results: the tables of many recordings, read and asked about together."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from emorec.errors import EmorecError

if TYPE_CHECKING:
    from emorec.library.reading import Library

NO_FOLDER = "A library is opened with the paths of its folders, one after the other, not with a {kind}."


def open(*folders: str | PathLike[str], memory: float = 2.0, seconds: float = 600.0) -> Library:
    """The results in some folders, for questions in SQL: ``emorec.library.open(DIR).query("select ...")``.

    ``memory`` (GB) and ``seconds`` limit each query. Raises EmorecError.
    """
    from emorec.library.reading import Library

    for folder in folders:
        if not isinstance(folder, str | PathLike):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise EmorecError(NO_FOLDER.format(kind=type(folder).__name__))
    return Library([Path(folder) for folder in folders], memory, seconds)
