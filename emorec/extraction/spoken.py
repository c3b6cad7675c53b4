"""What the arrays of voice hops say of speech: which hops hold some, and whose it is."""

from __future__ import annotations

SPEECH = 0.5  # probability of speech at which a hop counts as speech

# Arrays that tell who speaks, (H,) each: the person's number, OFF_SCREEN or UNSURE, and its probability.
PERSON, PROBABILITY = "voice_person", "voice_person_probability"
OFF_SCREEN = -1  # somebody who is not visible speaks, or nobody
UNSURE = -2  # somebody speaks, and it is not known who
