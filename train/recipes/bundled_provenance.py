"""Metadata of the bundled checkpoint: persons and data of training, and known limits."""

from pathlib import Path
from typing import Any

from train.data import datasets
from train.recipes import voice_head

FOLD = 0  # the people of this fold are held out of the training of the bundled weights

LIMITS = (
    "It names expressions as actors and strangers' votes named them, not what a person feels.",
    "Voices: acted English, Polish, Amharic, Javanese and Korean speech, and calm English and Korean; emotions in "
    "spontaneous speech and in other languages are untested.",
    "Voices of a language that no training corpus speaks are recognised far less well: acted Korean emotions, whose "
    "corpus was left out, with 28 % recall among four emotions, where chance is 25 %; elsewhere 36 % on average, by "
    "networks of this recipe without its second trunk.",
    "Singing and laughter are read as a voice, and may be named an emotion with a high probability, most of all under "
    "the even prior; instruments and most music are not.",
    "Faces: mostly frontal pictures from the web; disgust, fear and contempt are rare there and recognised least.",
    "Probabilities hold under the prior that a result names; another prior gives other probabilities.",
    "Not for decisions about people: hiring, grading, policing, diagnosis.",
)
LICENCE = "cc-by-nc-sa-4.0"
SOURCES = (
    {"name": "FER+", "use": "face", "items": "28,385 of 28,558 Train pictures", "licence": "research use"},
    {"name": "RAVDESS", "use": "voice", "items": "actors outside the held-out fold", "licence": "CC BY-NC-SA 4.0"},
    {"name": "nEMO", "use": "voice", "items": "all 9 speakers", "licence": "CC BY-NC-SA 4.0"},
    {"name": "ASED", "use": "voice", "items": "all 65 speakers", "licence": "none stated"},
    {"name": "Javanese voices", "use": "voice", "items": "actors outside the held-out fold", "licence": "MIT"},
    {
        "name": "Picovoice barista",
        "use": "voice, last layer",
        "items": "420 calm recordings",
        "licence": "Apache 2.0",
    },
    {
        "name": "speechocean762",
        "use": "voice, last layer",
        "items": "768 calm recordings of 128 speakers",
        "licence": "free for any use",
    },
    {
        "name": "emotiontts_open_db",
        "use": "voice, last layer",
        "items": "470 calm and acted Korean recordings",
        "licence": "CC BY-NC-SA 4.0",
    },
    {
        "name": "WebFaces (muxspace/facial_expressions)",
        "use": "calibration of faces",
        "items": "people of its train split",
        "licence": "Apache 2.0",
    },
    {
        "name": "Resemblyzer 0.1.4",
        "use": "taught the voice network's second trunk",
        "items": "what its speaker encoder hears in the four voice corpora, people outside the held-out fold",
        "licence": "Apache 2.0",
    },
    {
        "name": "Moonshine tiny, English",
        "use": "taught the voice network's second trunk",
        "items": "what its encoder hears in the same recordings",
        "licence": "MIT",
    },
    {
        "name": "Javanese audio-visual clips",
        "use": "fusion, calibration",
        "items": "actors outside the held-out fold",
        "licence": "MIT",
    },
    {
        "name": "pairs of a FER+ Valid face and a voice of the held-out RAVDESS actors that share a label",
        "use": "fusion",
        "items": "about 4,000 pairs of different people; no real recording shows them together",
        "licence": "as their parts",
    },
)


NOISE = {
    "name": "PhoneNoise (RakshakTeam)",
    "use": "noise in voices, last layer",
    "items": "all recordings",
    "licence": "CC BY-NC-SA 4.0",
}


def metadata_of(data: Path, augmented: int = 0) -> dict[str, Any]:
    """The training metadata of the bundled checkpoint; ``augmented`` recordings took part a second time."""
    voices = voice_head.all_items(data)
    persons = {item.person: fold for item, fold in zip(voices, datasets.folds_of(voices), strict=True)}
    named = {
        person: fold for person, fold in persons.items() if "/" not in person
    }  # the others are files without a named speaker
    return {
        "held_out_fold": FOLD,
        "persons": sorted(person for person, fold in named.items() if fold != FOLD),
        "held_out": sorted(person for person, fold in named.items() if fold == FOLD),
        "sources": [*SOURCES, *([NOISE] if augmented else ())],
        voice_head.AUGMENTED_ROWS: augmented,
        "limits": list(LIMITS),
        "licence": LICENCE,
    }
