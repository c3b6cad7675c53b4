"""Stage 1: from a recording to features of its faces and voices, streamed and stored on disk."""
