"""The one error that a user can cause."""


class EmorecError(ValueError):
    """Something that the user gave cannot be used. Its text is one sentence: what is wrong, and what to do.

    It is a ``ValueError``, so code that catches those from other libraries catches it as well.
    """
