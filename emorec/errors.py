"""The one error that a user can cause, with its most common case, and lists of words in sentences."""

from collections.abc import Sequence
from importlib.util import find_spec

MAX_LISTED = 12  # words of a list in a sentence


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
            f"This needs packages that are not installed ({', '.join(missing)}): run pip install 'emorec[{extra}]'."
        )


def listed(words: Sequence[str], most: int = MAX_LISTED) -> str:
    """Words as a list, "a, b and c", at most so many of them; "nobody" without any."""
    if len(words) > most:
        return f"{', '.join(words[:most])} and {len(words) - most} more"
    *first, last = words or ["nobody"]
    return f"{', '.join(first)} and {last}" if first else last
