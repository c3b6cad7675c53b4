"""``emorec image PICTURE ...``: the emotions of the faces in still pictures, as tables and annotated pictures."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from emorec import files
from emorec._version import __version__
from emorec.cli import failures, printing, streams
from emorec.cli.options import DEFAULT_OUT
from emorec.emotions import EMOJI, EMOTIONS
from emorec.errors import EmorecError
from emorec.image import FaceResult
from emorec.inference import prior as priors
from emorec.output import names, tables
from emorec.output.rows import DIGITS

if TYPE_CHECKING:
    from emorec.analyzer import Analyzer

NO_PICTURE = "Give at least one picture, as PICTURE."
TABLE = "faces"  # name of the tables
PICTURE = "picture"
SHOWN, HIDDEN = ".faces.jpg", ".faces-hidden.jpg"  # suffixes of annotated pictures
FORMATS = ("csv", "json", PICTURE)
COLUMNS = ("file", "face", "left", "top", "width", "height", *EMOTIONS, "dominant", "confidence", "valence", "arousal")
SCHEMA = 1  # version of the JSON; it increases if a key changes its meaning


@dataclass(frozen=True)
class Recognised:
    """A picture file as it was given, its size in pixels as (width, height), and its faces from left to right."""

    file: str
    size: tuple[int, int]
    faces: list[FaceResult]


def run(options: argparse.Namespace) -> int:
    """Recognise every picture, write the results, and return the exit code: 2 if a picture cannot be used."""
    given = list(dict.fromkeys(options.media))
    if not given:
        raise EmorecError(NO_PICTURE)
    formats = _formats(options.format)
    prior = priors.resolve_for_still(options.prior)
    from emorec import analyzer, annotate
    from emorec import image as pictures

    loaded = analyzer.load(options.model_path, options.device)
    printing.print_notices(loaded)
    detector = pictures.detector(loaded.detector_file)
    folder = options.out or (None if options.json else Path(DEFAULT_OUT))
    recognised, failed, written = [], False, []
    for file in given:
        try:
            image = pictures.read(file)
            faces = pictures.recognise(image, loaded.model, detector, prior)
            recognised.append(Recognised(file, (image.shape[1], image.shape[0]), faces))
            if not options.json:
                with streams.tolerate_errors():
                    _print_picture(recognised[-1])
            if folder and PICTURE in formats and faces:
                doubtful = pictures.boxes(image, detector) if options.blur else []
                marked = annotate.draw_faces(image, faces, options.blur, doubtful)
                written.append(_write_picture(folder, file, marked, HIDDEN if options.blur else SHOWN))
        except (EmorecError, OSError) as error:
            failed = failures.report(error, file, given)
    facts = _facts_of_model(loaded, prior)
    if recognised and folder:
        written += _write_tables(folder, recognised, facts, formats)
    with streams.tolerate_errors(alone=not folder):
        if options.json:
            print(json.dumps(_as_dict(recognised, facts)))
        else:
            for path in written:
                print(f"wrote {streams.harmless(str(path))}")
    return failures.USER_ERROR if failed else 0


def rows(pictures: list[Recognised]) -> list[dict[str, Any]]:
    """One dict for each face with the keys of COLUMNS; the box as fractions of the picture."""
    return [
        {"file": files.shown(picture.file), "face": number} | _values(face)
        for picture in pictures
        for number, face in enumerate(picture.faces, 1)
    ]


def _values(face: FaceResult) -> dict[str, Any]:
    box = dict(zip(("left", "top", "width", "height"), face.box, strict=True))
    probabilities = {
        emotion: round(float(value), DIGITS) for emotion, value in zip(EMOTIONS, face.probabilities, strict=True)
    }
    affect = {"valence": round(face.valence, DIGITS), "arousal": round(face.arousal, DIGITS)}
    return box | probabilities | {"dominant": face.dominant, "confidence": round(face.confidence, DIGITS)} | affect


def _facts_of_model(loaded: Analyzer, prior: priors.Prior) -> dict[str, Any]:
    """The version, the prior and the model that made a result, as JSON values."""
    model, origin = loaded.model, loaded.origin
    name = str(origin) if origin and origin.repo else model.folder.name if model.folder else None
    shares = {emotion: round(share, 4) for emotion, share in zip(EMOTIONS, prior.shares, strict=True)}
    facts = {"emorec": __version__, "prior": prior.name, "prior_shares": shares}
    return facts | {"model": name, "fingerprint": model.fingerprint}


def _formats(given: str) -> set[str]:
    """The named formats. Raises EmorecError for an unknown one."""
    named = {name.strip().lower() for name in given.split(",") if name.strip()}
    unknown = sorted(named - {*FORMATS, "all"})
    if unknown or not named:
        wrong = (unknown or [given])[0]
        raise EmorecError(f"The format {wrong!r} does not exist; choose from {', '.join(FORMATS)}, all.")
    return {*FORMATS} if "all" in named else named


def _print_picture(picture: Recognised) -> None:
    count = len(picture.faces)
    words = {0: "no face was found", 1: "1 face"}.get(count, f"{count} faces")
    print(f"{streams.harmless(files.shown(picture.file))}: {words}")
    for number, face in enumerate(picture.faces, 1):
        print(f"  {number} {EMOJI[face.dominant]} {face.dominant:<8} {face.confidence:6.1%}")


def _as_dict(pictures: list[Recognised], facts: dict[str, Any]) -> dict[str, Any]:
    """The faces of all pictures, with the facts of the model, as plain JSON values."""
    described = [
        {
            "file": files.shown(picture.file),
            "width": picture.size[0],
            "height": picture.size[1],
            "faces": [{"face": number} | _values(face) for number, face in enumerate(picture.faces, 1)],
        }
        for picture in pictures
    ]
    return facts | {"emotions": list(EMOTIONS), "pictures": described, "schema": SCHEMA}


def _write_picture(folder: Path, file: str, image: np.ndarray, suffix: str) -> Path:
    from emorec import annotate

    name = names.claim(folder, Path(file), str(Path(file).resolve()), lambda stem: stem, [SHOWN, HIDDEN])
    files.write_result(folder / f"{name}{suffix}", annotate.jpeg(image))
    return folder / f"{name}{suffix}"


def _write_tables(folder: Path, pictures: list[Recognised], facts: dict[str, Any], formats: set[str]) -> list[Path]:
    """Write the tables of all pictures; only a newer result of the same pictures replaces them."""
    contents: dict[str, Callable[[], str]] = {
        "csv": lambda: tables.delimited(COLUMNS, (row.values() for row in rows(pictures))),
        "json": lambda: json.dumps(_as_dict(pictures, facts), indent=1) + "\n",
    }
    chosen = [name for name in contents if name in formats]
    if not chosen:
        return []
    owner = "\n".join(sorted(str(Path(picture.file).resolve()) for picture in pictures))
    stem = names.claim(folder, Path(TABLE), owner, lambda stem: stem, [f".{name}" for name in contents])
    paths = [folder / f"{stem}.{name}" for name in chosen]
    for name, path in zip(chosen, paths, strict=True):
        files.write_result(path, contents[name]().encode())
    return paths
