"""The one error that a user can cause."""


class EmorecError(Exception):
    """Something that the user gave cannot be used; its text is one sentence: what is wrong, and what to do."""
