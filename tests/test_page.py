"""The page in a real browser: upload, analyze, watch, change, download, cancel, and what goes wrong."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlparse

import pytest

import make_media
from emorec.emotions import EMOTIONS

ROOT = Path(__file__).parent.parent
TALKING_HEAD = ROOT.parent / "shared" / "media" / "talking_head_12s.mp4"
SECONDS = 12  # that the clip lasts
LONG = 1500  # seconds of a recording that is still being analysed when it is cancelled

HEADER = (
    "start,end,person,angry,disgust,fear,happy,neutral,sad,surprise,dominant,confidence,face_coverage,speech_coverage"
)
PATIENCE = 120_000  # milliseconds that a step may take on a busy machine
NARROW = {"width": 380, "height": 800}


@pytest.fixture
def page(chromium, page_server):
    """The page in a browser of its own, which may ask nothing of any other machine."""
    context = chromium.new_context(accept_downloads=True)
    context.set_default_timeout(PATIENCE)
    opened, asked, broken = context.new_page(), set(), []
    opened.on("request", lambda request: asked.add(urlparse(request.url)))
    opened.on("pageerror", lambda error: broken.append(str(error)))
    opened.goto(page_server)
    opened.wait_for_selector("#analyze")
    yield opened
    context.close()
    assert {url.hostname for url in asked if url.scheme not in ("data", "blob")} == {"127.0.0.1"}
    assert broken == []


@pytest.fixture(scope="session")
def page_cache(session_environment):
    """Where the page stores what it observes: what is set before a test sets its own."""
    return Path(os.environ["EMOREC_CACHE"])


@pytest.fixture(scope="session")
def clip(tmp_path_factory):
    """A recording of SECONDS: a talking head where there is one, else a drawn one."""
    if TALKING_HEAD.exists():
        return TALKING_HEAD
    drawn = tmp_path_factory.mktemp("clip") / "drawn.mp4"
    return make_media.record(drawn, make_media.Video(duration=SECONDS), make_media.Audio(duration=SECONDS))


def upload(page, path):
    page.set_input_files("#file input[type=file]", path)
    page.wait_for_selector(f"#file >> text={path.suffix}")
    page.wait_for_selector("#player :is(video, audio)", state="attached")


def analyze(page, path):
    upload(page, path)
    page.click("#analyze")
    page.wait_for_selector("#status >> text=Analysed")
    ready(page)


def ready(page):
    """Wait until the timeline is drawn and its files are written."""
    page.wait_for_selector("#timeline svg.marks")
    page.wait_for_selector("#csv:not([disabled])")


def change(page, make):
    """Make a change and wait until another timeline is drawn and written."""
    before = page.inner_html("#timeline svg.marks")
    make()
    page.wait_for_function(
        "before => ![null, undefined, before].includes(document.querySelector('#timeline svg.marks')?.innerHTML)",
        arg=before,
    )
    ready(page)


def download(page, button):
    with page.expect_download() as caught:
        page.click(button)
    return caught.value.suggested_filename, Path(caught.value.path()).read_text(encoding="utf-8")


def table(page):
    """The rows of the CSV that the page gives, as dicts."""
    _, text = download(page, "#csv")
    assert text.splitlines()[0] == HEADER
    return list(csv.DictReader(text.splitlines()))


def toast(page):
    return page.wait_for_selector("[data-testid=toast-text]").inner_text()


def test_a_recording_becomes_a_timeline_a_summary_and_files(page, clip):
    assert page.title() == "emorec"
    analyze(page, clip)
    assert page.get_by_text(f"Analysed 0:{SECONDS} in").is_visible()
    assert page.locator("#player video").evaluate("player => player.duration") == pytest.approx(SECONDS, abs=0.5)

    name, text = download(page, "#csv")
    assert name == f"{clip.stem}.csv"
    rows = table(page)
    assert len(rows) == SECONDS
    for row in rows:
        if row["dominant"]:
            assert sum(float(row[emotion]) for emotion in EMOTIONS) == pytest.approx(1, abs=1e-4)
    name, text = download(page, "#json")
    assert name == f"{clip.stem}.json"
    assert len(json.loads(text)["rows"]) == SECONDS

    page.click("text=Every row")
    assert page.wait_for_selector("#rows [data-testid=cell-0-1]").inner_text().strip() == "1"
    if clip == TALKING_HEAD:
        assert page.locator("#summary tr").count() == len(EMOTIONS)
        assert page.locator("#timeline svg path[fill='#E69F00' i]").count()


def test_another_fusion_or_step_draws_anew_without_observing_again(page, clip, page_cache):
    analyze(page, clip)
    said = page.inner_text("#status")
    late = table(page)
    # With what is stored gone, only observing again could bring it back.
    for folder in page_cache.iterdir():
        shutil.rmtree(folder)

    step = page.get_by_label("number input for Step")
    change(page, lambda: (step.fill("0.5"), step.press("Enter")))
    assert len(table(page)) == 2 * SECONDS
    if clip == TALKING_HEAD:
        for label in ("Face only", "Intermediate", "Voice only"):
            change(page, lambda label=label: page.get_by_label(label).check())
        change(page, lambda: (step.fill("1"), step.press("Enter")))
        voice = table(page)
        assert [row["start"] for row in voice] == [row["start"] for row in late]
        assert [row["happy"] for row in voice] != [row["happy"] for row in late]
        assert {row["person"] for row in voice} == {""}
    assert list(page_cache.iterdir()) == []
    assert page.inner_text("#status") == said


def test_the_timeline_grows_and_cancel_keeps_what_there_is(page, tmp_path):
    sound = make_media.Audio(codec="flac", rate=16_000, duration=LONG, tones=((0.0, LONG),))
    upload(page, make_media.record(tmp_path / "long.flac", audio=sound))
    page.click("#analyze")
    page.wait_for_selector("#timeline svg.marks")
    bar = page.locator("#status [role=progressbar]")
    assert 0 < float(bar.get_attribute("aria-valuenow")) < 100
    assert not page.locator("#csv:not([disabled])").count()
    page.click("#cancel")
    page.wait_for_selector("#status >> text=Stopped at")
    assert page.get_by_text("of 25:00. What was analysed until then is kept").is_visible()
    ready(page)
    assert 0 < len(table(page)) < LONG
    assert page.locator("#analyze").is_enabled()
    assert page.locator("#cancel").is_disabled()


def test_what_is_no_recording_is_said_in_one_sentence_and_the_page_goes_on(page, clip, tmp_path):
    page.click("#analyze")
    assert toast(page) == "Choose a video or audio file first."
    page.click("[data-testid=toast-close]")

    notes = tmp_path / "notes.txt"
    notes.write_text("These are words, and no recording.\n" * 20, encoding="utf-8")
    upload(page, notes)
    page.click("#analyze")
    page.wait_for_selector("#status .callout")
    assert toast(page).startswith("notes.txt is text, not a recording; ")
    assert page.inner_text("#status .callout") == toast(page)
    assert page.locator("#results").is_hidden()

    page.get_by_label("Clear", exact=True).click()
    analyze(page, clip)
    assert len(table(page)) == SECONDS
    assert not page.locator("#status .callout").count()


def test_a_recording_that_is_cut_off_is_analysed_and_the_damage_said(page, tmp_path):
    whole = make_media.record(
        tmp_path / "whole.mkv", make_media.Video(duration=SECONDS), make_media.Audio(duration=SECONDS)
    )
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    analyze(page, cut)
    assert 0 < len(table(page)) < SECONDS
    assert page.locator("#status .callout").count() >= 1


def test_nothing_is_wider_than_a_narrow_screen(page, clip):
    page.set_viewport_size(NARROW)
    analyze(page, clip)
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    assert page.locator("#timeline svg.marks").bounding_box()["width"] <= NARROW["width"]


def test_a_port_that_is_taken_is_said_in_one_sentence(page_server):
    port = str(urlparse(page_server).port)
    ended = subprocess.run(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env=os.environ | {"GRADIO_SERVER_PORT": port},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE / 1000,
    )
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[-1] == f"emorec: The port {port} is taken; set GRADIO_SERVER_PORT to another one."
