"""The one error that a user can cause, and its most common case: a package that is not installed."""

from importlib.util import find_spec


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
