"""``emorec image``: tables, annotated pictures and bad input, with the bundled networks on the shipped portrait."""

import csv
import io
import json
import sys

import numpy as np
import pytest
from PIL import Image

from emorec import annotate
from emorec import image as pictures
from emorec.cli import main
from emorec.cli.image import COLUMNS
from emorec.emotions import COLOURS, EMOTIONS
from emorec.image import FaceResult
from emorec.output.names import RECORDS
from emorec.ui.example import PORTRAIT
from support.command import emorec
from support.unread import full, unread


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """``two.png`` with the portrait twice, ``none.png`` without a face, ``=broken.jpg`` that is no picture."""
    folder = tmp_path_factory.mktemp("pictures")
    portrait = Image.open(PORTRAIT).convert("RGB")
    two = Image.new("RGB", (2 * portrait.width + 40, portrait.height), "white")
    two.paste(portrait, (0, 0))
    two.paste(portrait, (portrait.width + 40, 0))
    two.save(folder / "two.png")
    Image.linear_gradient("L").resize((320, 200)).save(folder / "none.png")
    (folder / "=broken.jpg").write_bytes(b"just words")
    return folder


@pytest.fixture(scope="module")
def done(folder):
    """What the command printed and wrote for all three pictures."""
    code, out, err = emorec("image", "two.png", "=broken.jpg", "none.png", "--format", "all", cwd=folder)
    return code, out, err, folder / "emorec-out"


def test_a_bad_picture_is_one_sentence_and_the_others_are_done(done):
    code, out, err, results = done
    assert code == 2
    assert err.startswith("emorec: =broken.jpg is not a picture that can be read") and err.count("\n") == 1
    assert "two.png: 2 faces\n" in out and "none.png: no face was found\n" in out
    assert {path.name for path in results.iterdir()} == {"faces.csv", "faces.json", "two.faces.jpg", RECORDS}


def test_pictures_are_done_although_nobody_reads_what_is_printed(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(folder)
    given = ["image", "none.png", "=broken.jpg", "two.png", "--out", str(tmp_path)]
    for more in ([], ["--json"]):
        with unread("stdout", "stderr"):
            assert main([*given, *more]) == 2
        assert {path.name for path in tmp_path.iterdir()} == {"faces.csv", "two.faces.jpg", RECORDS}
        (tmp_path / "faces.csv").unlink()


def test_pictures_are_done_although_the_disk_behind_the_output_is_full(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    with full():
        assert main(["image", "none.png", "two.png", "--out", str(tmp_path)]) == 0
        assert {path.name for path in tmp_path.iterdir()} == {"faces.csv", "two.faces.jpg", RECORDS}
        assert main(["image", "two.png", "--json"]) == 2  # all that there is was lost
    assert "No space left on device" in capsys.readouterr().err


def test_the_table_has_a_row_for_each_face(done, folder):
    results = done[-1]
    with (results / "faces.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert tuple(rows[0]) == COLUMNS
    assert [(row["file"], row["face"]) for row in rows] == [("two.png", "1"), ("two.png", "2")]
    assert float(rows[0]["left"]) + 0.4 < float(rows[1]["left"])
    for row in rows:
        values = [float(row[emotion]) for emotion in EMOTIONS]
        assert sum(values) == pytest.approx(1, abs=1e-5)
        assert row["dominant"] == EMOTIONS[int(np.argmax(values))]
        assert float(row["confidence"]) == max(values) and -1 <= float(row["valence"]) <= 1
    read = json.loads((results / "faces.json").read_text())
    assert [(picture["file"], len(picture["faces"])) for picture in read["pictures"]] == [
        ("two.png", 2),
        ("none.png", 0),
    ]
    assert (read["pictures"][1]["width"], read["pictures"][1]["height"]) == (320, 200)
    for row, face in zip(rows, read["pictures"][0]["faces"], strict=True):
        assert {name: str(face[name]) for name in COLUMNS[1:]} == {name: row[name] for name in COLUMNS[1:]}
    assert read["prior"] == "even" and read["schema"] == 1


def test_the_annotated_picture_differs_at_the_faces_only(done, folder):
    marked = np.asarray(Image.open(done[-1] / "two.faces.jpg"), int)
    plain = np.asarray(Image.open(folder / "two.png"), int)
    assert marked.shape == plain.shape
    changed = np.abs(marked - plain).max(axis=2) > 60
    row = next(csv.DictReader(io.StringIO((done[-1] / "faces.csv").read_text())))
    left, width = (float(row[name]) * plain.shape[1] for name in ("left", "width"))
    middle = round((float(row["top"]) + float(row["height"]) / 2) * plain.shape[0])
    near = changed[middle - 3 : middle + 3]
    assert near[:, round(left) : round(left) + 3].mean() > 0.5
    assert near[:, round(left + 0.2 * width) : round(left + 0.8 * width)].mean() < 0.05


@pytest.fixture(scope="module")
def faces(folder):
    from emorec import analyzer

    loaded = analyzer.load()
    image = pictures.read(folder / "two.png")
    return image, pictures.recognise(image, loaded.model, pictures.detector(None)), loaded


def test_blur_leaves_no_face_to_find(faces, folder, tmp_path):
    _, found, loaded = faces
    assert len(found) == 2
    code, _, _ = emorec("image", folder / "two.png", "--blur", "--format", "picture", "--out", tmp_path)
    hidden = pictures.read(tmp_path / "two.faces-hidden.jpg")
    assert code == 0 and pictures.recognise(hidden, loaded.model, pictures.detector(None)) == []
    assert [path.name for path in tmp_path.iterdir() if path.name != RECORDS] == ["two.faces-hidden.jpg"]


def test_pictures_with_and_without_faces_lie_side_by_side(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "boxes", lambda image, detector: [])
    given = ["image", str(folder / "two.png"), "--format", "picture", "--out", str(tmp_path)]
    assert main(given) == 0
    shown = (tmp_path / "two.faces.jpg").read_bytes()
    assert main([*given, "--blur"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"two.faces.jpg", "two.faces-hidden.jpg", RECORDS}
    assert (tmp_path / "two.faces.jpg").read_bytes() == shown


def test_a_mosaic_has_few_colours_and_covers_a_margin():
    noise = np.random.default_rng(0).integers(0, 255, (200, 300, 3)).astype(np.uint8)
    face = FaceResult((0.4, 0.4, 0.2, 0.3), 1.0, 1.0, np.eye(7)[3])
    hidden = annotate.draw_faces(noise, [face], blur=True)
    inside = hidden[85:135, 125:175]
    assert len(np.unique(inside.reshape(-1, 3), axis=0)) <= annotate.BLOCKS**2
    assert (hidden[141:148, 150] != noise[141:148, 150]).any()  # below the box, which ends at row 140
    assert (hidden[:20] == noise[:20]).all() and (hidden[:, 260:] == noise[:, 260:]).all()
    assert (annotate.draw_faces(noise, [face])[85:135, 125:175] == noise[85:135, 125:175]).all()
    assert noise.flags.owndata and (annotate.draw_faces(noise, []) == noise).all()
    also = annotate.draw_faces(noise, [face], blur=True, doubtful=[(0.0, 0.0, 0.2, 0.2)])
    assert len(np.unique(also[5:35, 5:55].reshape(-1, 3), axis=0)) <= annotate.BLOCKS**2


def test_what_may_be_a_face_is_hidden_even_if_it_is_not_named(faces, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "confirm", lambda image, found, detector: found[:1])
    monkeypatch.setattr(pictures, "boxes", lambda image, detector: [(0.0, 0.0, 1.0, 1.0)])
    code = main(["image", str(folder / "two.png"), "--blur", "--format", "picture", "--out", str(tmp_path)])
    hidden = pictures.read(tmp_path / "two.faces-hidden.jpg")
    assert code == 0 and len(np.unique(hidden.reshape(-1, 3) // 16, axis=0)) < 200


@pytest.mark.parametrize("box", [(0, 0, 1, 1), (0.99, 0.99, 0.01, 0.01), (0, 0.5, 0, 0), (0.9, 0, 0.1, 0.2)])
@pytest.mark.parametrize("size", [(1, 1), (40, 700), (480, 640)])
@pytest.mark.parametrize("blur", [False, True])
def test_boxes_at_the_edge_are_drawn(box, size, blur):
    image = np.zeros((*size, 3), np.uint8)
    for emotion in COLOURS:
        face = FaceResult(box, 1.0, 1.0, np.eye(7)[EMOTIONS.index(emotion)])
        drawn = annotate.draw_faces(image, [face], blur)
        assert drawn.shape == image.shape and drawn.any()


def test_a_prior_changes_the_result_and_json_writes_nothing(folder, tmp_path):
    read = {}
    for prior in ("even", "everyday"):
        code, out, err = emorec("image", folder / "two.png", "--json", "--prior", prior, cwd=tmp_path)
        read[prior] = json.loads(out)
        assert (code, err) == (0, "")
    assert list(tmp_path.iterdir()) == []
    even, everyday = (read[prior]["pictures"][0]["faces"][0]["neutral"] for prior in ("even", "everyday"))
    assert everyday > even and read["everyday"]["prior_shares"]["neutral"] > 0.6


def test_results_of_other_pictures_are_kept(folder, tmp_path):
    (tmp_path / "other").mkdir()
    Image.open(PORTRAIT).save(tmp_path / "other" / "two.png")
    for given in (folder / "two.png", tmp_path / "other" / "two.png", folder / "two.png"):
        assert emorec("image", given, "--out", tmp_path / "out")[0] == 0
    written = {path.name for path in (tmp_path / "out").iterdir()} - {RECORDS}
    assert written == {"faces.csv", "faces-2.csv", "two.faces.jpg", "two.png.faces.jpg"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "Give at least one picture, as PICTURE."),
        (["a.png", "--format", "gif"], "The format 'gif' does not exist; choose from csv, json, picture, all."),
        (["a.png", "--format", ","], "The format ',' does not exist; choose from csv, json, picture, all."),
        (["a.png", "--prior", "nowhere.json"], "The prior nowhere.json is neither"),
        (["a.png", "--prior", "adaptive"], "The prior adaptive is estimated from a recording"),
        (["nowhere.png"], "There is no file nowhere.png; check the name."),
        (["none.png", "--out", "=broken.jpg"], "=broken.jpg cannot be written"),
    ],
)
def test_bad_input_is_one_sentence(folder, arguments, sentence):
    code, _, err = emorec("image", *arguments, cwd=folder)
    assert code == 2 and err.startswith(f"emorec: {sentence}") and err.count("\n") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="names of files cannot hold these characters there")
def test_a_name_makes_a_terminal_do_nothing(tmp_path):
    """It may clear the screen, forge a line, or turn around what follows."""
    seen, broken = "a\x1b[2J\nemorec: done\u202e.png", "b\x1b[2J\nemorec: done.png"
    Image.new("RGB", (90, 60)).save(tmp_path / seen)
    (tmp_path / broken).write_text("just words")
    code, out, err = emorec("image", seen, broken, cwd=tmp_path)
    assert code == 2 and not set("\x1b\u202e") & set(out + err)
    assert out.splitlines()[0] == "a\ufffd[2J\ufffdemorec: done\ufffd.png: no face was found"
    assert len(err.splitlines()) == 1 and "b\ufffd[2J\ufffdemorec: done.png" in err
