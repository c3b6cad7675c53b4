"""The one error that a user can cause, with its most common case, and lists of words in sentences."""

import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

MAX_LISTED = 12  # words of a list in a sentence
FOLDER = Path(__file__).resolve().parents[1]  # of the clone, or where packages are installed


class EmorecError(ValueError):
    """Something that the user gave cannot be used. Its text is one sentence: what is wrong, and what to do.

    It is a ``ValueError``, so code that catches those from other libraries catches it as well.
    """


def require(extra: str, *modules: str) -> None:
    """Raise EmorecError, naming the extra to install, unless all of these top-level modules can be imported.

    Nothing is imported here, so a check costs next to nothing.
    """
    if missing := [module for module in modules if find_spec(module) is None]:
        raise EmorecError(
            f"This needs packages that are not installed ({', '.join(missing)}): run {install_command(extra)}."
        )


def install_command(extra: str) -> str:
    """The command that installs an extra, for a sentence.

    In a clone pip may not know the name emorec (`make app` does not install it), so the command is for the clone's
    folder, and for the Python that runs if it lies there. It names no absolute path, because visitors of the page may
    read it.
    """
    if not (FOLDER / "pyproject.toml").exists():
        return f"pip install 'emorec[{extra}]'"
    running = Path(sys.executable)
    python = running.relative_to(FOLDER) if running.is_relative_to(FOLDER) else "python"
    return f"{python} -m pip install '.[{extra}]' in emorec's folder"


def listed(words: Sequence[str], most: int = MAX_LISTED) -> str:
    """Words as a list, "a, b and c", at most so many of them; "nobody" without any."""
    if len(words) > most:
        return f"{', '.join(words[:most])} and {len(words) - most} more"
    *first, last = words or ["nobody"]
    return f"{', '.join(first)} and {last}" if first else last
