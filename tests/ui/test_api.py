"""The endpoints for programs, called with gradio_client."""

import csv
import io
import json
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

import emorec
from emorec.affect import valence_arousal
from emorec.emotions import EMOTIONS
from emorec.models import pretrained
from emorec.ui.example import PORTRAIT
from emorec.ui.jobs.analyzers import NOT_ON_THE_HUB
from support import command, make_media
from support.paths import ROOT

SECONDS = 5


@pytest.fixture(scope="module")
def client(page_server):
    return Client(page_server, verbose=False, analytics_enabled=False)


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    audio = make_media.Audio(codec="pcm_s16le", rate=16_000, duration=SECONDS, tones=((0.0, SECONDS),))
    return make_media.record(tmp_path_factory.mktemp("sound") / "tone.wav", audio=audio)


@pytest.fixture(scope="module")
def analysed(client, sound):
    return client.predict(handle_file(str(sound)), api_name="/analyze")


def refused(client, *given, **choices):
    with pytest.raises(AppError) as caught:
        client.predict(*given, **choices)
    return str(caught.value)


def test_there_are_four_endpoints_and_nothing_else(client):
    endpoints = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert set(endpoints) == {"/analyze", "/redraw", "/image", "/info"}
    assert all(endpoint.get("description") for endpoint in endpoints.values())


def test_analyze_returns_the_rows_of_the_csv(analysed, sound, tmp_path):
    rows = analysed["rows"]
    code, _, errors = command.emorec("analyze", sound, "--out", tmp_path, "--no_plot")
    assert code == 0, errors
    theirs = list(csv.DictReader(io.StringIO((tmp_path / "tone.csv").read_text(encoding="utf-8"))))
    assert [list(row) for row in rows] == [list(row) for row in theirs]
    assert [str(row["start"]) for row in rows] == [row["start"] for row in theirs]
    assert [row["dominant"] or "" for row in rows] == [row["dominant"] for row in theirs]
    assert analysed["complete"] is True and analysed["duration"] == pytest.approx(SECONDS, abs=0.1)
    assert {"shares", "unsure", "known", "face", "speech", "confidence"} <= set(analysed["summary"])


def test_redraw_infers_again_and_decodes_nothing(client, analysed, page_folder):
    opened = (page_folder / "opened").stat().st_size
    again = client.predict(analysed["recording"], fusion="voice", step=0.5, api_name="/redraw")
    assert len(again["rows"]) == 2 * SECONDS
    assert client.predict(analysed["recording"], api_name="/redraw")["rows"] == analysed["rows"]
    assert (page_folder / "opened").stat().st_size == opened


def test_errors_are_one_sentence(client, sound, tmp_path):
    words = tmp_path / "words.txt"
    words.write_text("Words, and no recording.\n" * 30)
    assert "words.txt is text" in refused(client, handle_file(str(words)), api_name="/analyze")
    assert "not a picture" in refused(client, handle_file(str(words)), api_name="/image")
    assert "The fusion 'both'" in refused(client, handle_file(str(sound)), fusion="both", api_name="/analyze")
    assert "call /analyze again" in refused(client, "nothing", api_name="/redraw")


def test_persons_are_chosen_by_name_and_names_are_given_as_an_object_never_as_a_path(client, analysed, tmp_path):
    (tmp_path / "names.json").write_text('{"persons": []}')
    again = client.predict(analysed["recording"], person="all", people={"persons": []}, api_name="/redraw")
    assert again["rows"] == analysed["rows"] and again["names"] == {}
    assert "no person called 'Bob'" in refused(client, analysed["recording"], person="Bob", api_name="/redraw")
    for wrong in (str(tmp_path / "names.json"), {"persons": 3}):
        assert "is not a names file" in refused(client, analysed["recording"], people=wrong, api_name="/redraw")


def test_one_session_can_use_nothing_of_another(client, page_server, analysed, sound):
    """Neither the path of an upload nor the name of a recording can be used by another session."""
    sent = {"files": ("only-mine.wav", sound.read_bytes())}
    (uploaded,) = httpx.post(f"{page_server}/gradio_api/upload", files=sent, timeout=60).json()
    named = {"path": uploaded, "meta": {"_type": "gradio.FileData"}}

    def ask(session, endpoint, *data):
        given = {"data": list(data), "session_hash": session}
        event = httpx.post(f"{page_server}/gradio_api/call/{endpoint}", json=given, timeout=60).json()["event_id"]
        return httpx.get(f"{page_server}/gradio_api/call/{endpoint}/{event}", timeout=300).text

    choices = ("voice", 1.0, 3.0, 0.0, None)
    found = ask("one", "analyze", named, *choices, "")
    assert "event: complete" in found
    assert "event: complete" in ask("one", "analyze", named, *choices, "")
    for session in ("two", None):
        assert "not uploaded in this session" in ask(session, "analyze", named, *choices, "")
        assert "not uploaded in this session" in ask(session, "image", named)
    assert "event: complete" in ask("one", "redraw", json.loads(found.split("data: ")[1])[0]["recording"], *choices)
    assert "call /analyze again" in ask("two", "redraw", analysed["recording"], *choices)


def test_eight_uploads_at_once_are_all_analysed_and_none_for_another(page_server, tmp_path):
    def analyse(seconds):
        audio = make_media.Audio(codec="pcm_s16le", rate=16_000, duration=seconds, tones=((0.0, seconds),))
        sound = make_media.record(tmp_path / str(seconds) / "same-name.wav", audio=audio)
        visitor = Client(page_server, verbose=False, analytics_enabled=False)
        return visitor.predict(handle_file(str(sound)), api_name="/analyze")

    lengths = range(3, 11)
    for seconds in lengths:
        (tmp_path / str(seconds)).mkdir()
    with ThreadPoolExecutor(len(lengths)) as visitors:
        found = list(visitors.map(analyse, lengths))
    assert [len(one["rows"]) for one in found] == list(lengths)
    assert [one["duration"] for one in found] == pytest.approx(list(lengths), abs=0.1)
    assert len({one["recording"] for one in found}) == len(lengths)


def test_a_folder_that_a_client_names_is_not_opened(client, sound, tmp_path):
    errors = {
        refused(client, handle_file(str(sound)), checkpoint=str(folder), api_name="/analyze")
        for folder in (tmp_path, tmp_path / "missing", pretrained.BUNDLED)
    }
    assert errors == {NOT_ON_THE_HUB}


def test_image_returns_a_row_for_each_face(client):
    (face,) = client.predict(handle_file(str(PORTRAIT)), api_name="/image")
    assert sum(face[emotion] for emotion in EMOTIONS) == pytest.approx(1, abs=1e-4)
    assert face["confidence"] == face[face["dominant"]] == max(face[emotion] for emotion in EMOTIONS)
    derived = valence_arousal([face[emotion] for emotion in EMOTIONS])
    assert [face["valence"], face["arousal"]] == pytest.approx(derived, abs=1e-4)
    assert 0 < face["left"] < face["left"] + face["width"] < 1


def test_info_describes_the_weights(client):
    config = json.loads((ROOT / "emorec" / "weights" / "default" / "config.json").read_text(encoding="utf-8"))
    info = client.predict(api_name="/info")
    assert info["version"] == emorec.__version__ and info["emotions"] == list(EMOTIONS)
    assert info["evaluation"] == config["evaluation"]
    assert info["licence"] == config["training"]["licence"]


def test_the_example_of_the_guide_runs(page_server, tmp_path, sound):
    text = (ROOT / "docs" / "GUIDE.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(from gradio_client.*?)```", text, re.DOTALL)
    shutil.copy(sound, tmp_path / "interview.mp4")
    shutil.copy(PORTRAIT, tmp_path / "group.jpg")
    code = example.replace("http://127.0.0.1:7860", page_server)
    assert code != example and all(f'"/{name}"' in code for name in ("analyze", "redraw", "image", "info"))
    ended = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip()
