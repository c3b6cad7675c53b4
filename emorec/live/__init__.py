"""Live sessions: ``Live`` takes pictures and sound as they come, ``Reading`` is what they show and sound like now."""

from emorec.live.reading import Reading, reading_of
from emorec.live.session import Live

__all__ = ["Live", "Reading", "reading_of"]
