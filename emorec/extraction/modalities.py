"""The modalities that stage 1 decodes."""

from __future__ import annotations

from collections.abc import Iterable

from emorec.errors import EmorecError

MODALITIES = ("face", "voice")

NO_MODALITY = "The modality {name!r} does not exist; choose from face and voice."
NO_MODALITIES = "There is no modality to use; choose face, voice or both."
MODALITY_MISSING = "The fusion {name!r} needs the modality {name}; add it, or choose another fusion."


def checked_modalities(modalities: Iterable[str], fusion: str) -> tuple[str, ...]:
    """The modalities to decode. Raises EmorecError for unknown ones and for a fusion that needs another."""
    if not isinstance(modalities, Iterable):
        raise EmorecError(NO_MODALITY.format(name=modalities))
    given = (modalities,) if isinstance(modalities, str) else tuple(modalities)
    for name in given:
        if name not in MODALITIES:
            raise EmorecError(NO_MODALITY.format(name=name))
    if not given:
        raise EmorecError(NO_MODALITIES)
    if fusion in MODALITIES and fusion not in given:
        raise EmorecError(MODALITY_MISSING.format(name=fusion))
    return ("voice",) if fusion == "voice" else given
