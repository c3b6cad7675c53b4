"""The page in a real browser: upload, analyze, watch, cancel, wait for others, and what goes wrong."""

import json
import os
import subprocess
import sys
import time
from urllib.parse import urlparse
from urllib.request import urlopen

import pytest

import make_media
from conftest import FACE_MODEL, ROOT
from emorec.emotions import EMOTIONS
from pages import (
    PATIENCE,
    analyze,
    change,
    click_at,
    download,
    finished,
    ground,
    now,
    set_number,
    table,
    toast,
    upload,
    visiting,
)

TALKING_HEAD = ROOT.parent / "shared" / "media" / "talking_head_12s.mp4"
SECONDS = 12  # that the clip lasts
LONG = 1500  # seconds of a recording that is still being analysed when it is cancelled
HEADER = (
    "start,end,person,angry,disgust,fear,happy,neutral,sad,surprise,dominant,confidence,face_coverage,speech_coverage"
)
NARROW = {"width": 380, "height": 800}


@pytest.fixture
def page(chromium, page_server):
    with visiting(chromium, page_server) as opened:
        yield opened


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A recording of SECONDS: a talking head where there is one, else a drawn one."""
    if TALKING_HEAD.exists():
        return TALKING_HEAD
    drawn = tmp_path_factory.mktemp("clip") / "drawn.mp4"
    return make_media.record(drawn, make_media.Video(duration=SECONDS), make_media.Audio(duration=SECONDS))


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    sound = make_media.Audio(codec="flac", rate=16_000, duration=LONG, tones=((0.0, LONG),))
    return make_media.record(tmp_path_factory.mktemp("long") / "long.flac", audio=sound)


@pytest.fixture(scope="module")
def seen(chromium, page_server, clip):
    """The page with an analysed clip, shared by the tests that only look at it and change what is decided."""
    with visiting(chromium, page_server) as opened:
        analyze(opened, clip)
        yield opened


@pytest.fixture
def real(clip):
    """Skips where only a drawn clip is there, which shows no face and says nothing."""
    if clip != TALKING_HEAD:
        pytest.skip("needs ../shared/media (a real recording), which is not here")


def test_a_recording_becomes_a_timeline_a_summary_and_files(seen, clip):
    page = seen
    assert page.title() == "emorec"
    assert page.locator("#player video").evaluate("player => player.duration") == pytest.approx(SECONDS, abs=0.5)
    assert page.locator("#player .empty").is_hidden()
    name, text = download(page, "csv")
    assert name == f"{clip.stem}.csv"
    assert text.decode().splitlines()[0] == HEADER
    rows = table(page)
    assert len(rows) == SECONDS
    for row in rows:
        if row["dominant"]:
            assert sum(float(row[emotion]) for emotion in EMOTIONS) == pytest.approx(1, abs=1e-4)
    assert len(json.loads(download(page, "json")[1])["rows"]) == SECONDS


def test_the_csv_is_the_one_of_the_command_line(seen, clip, tmp_path):
    run = [sys.executable, "-m", "emorec", "analyze", str(clip), "--out", str(tmp_path), "--no_plot"]
    subprocess.run(run, cwd=ROOT, check=True, capture_output=True, timeout=PATIENCE / 1000)
    lines = (tmp_path / f"{clip.stem}.csv").read_text(encoding="utf-8").splitlines()
    theirs = [line.split(",") for line in lines]
    ours = [line.split(",") for line in download(seen, "csv")[1].decode().splitlines()]
    assert [row[:3] + row[10:11] for row in ours] == [row[:3] + row[10:11] for row in theirs]
    for mine, other in zip(ours[1:], theirs[1:], strict=True):
        numbers = [(float(a), float(b)) for a, b in zip(mine[3:10], other[3:10], strict=True) if a or b]
        assert [a for a, _ in numbers] == pytest.approx([b for _, b in numbers], abs=1e-4)


@pytest.mark.parametrize(
    ("kind", "ending", "begins"),
    [("srt", ".srt", b"1\n"), ("vtt", ".vtt", b"WEBVTT"), ("png", ".png", b"\x89PNG"), ("svg", ".svg", b"<svg"),
     ("html", ".chart.html", b"<"), ("report", ".report.html", b"<!doctype html>")],
)  # fmt: skip
def test_everything_else_that_can_be_taken_away(seen, clip, real, kind, ending, begins):
    name, content = download(seen, kind)
    assert name == clip.stem + ending
    assert content.lstrip().startswith(begins)


@pytest.mark.parametrize("share", [0.25, 0.7])
def test_a_click_on_the_timeline_seeks_and_the_playhead_goes_there(seen, share):
    click_at(seen, share)
    assert now(seen) == pytest.approx(share * SECONDS, abs=0.2)
    place, head = ground(seen), seen.locator("#playhead").bounding_box()
    assert head["x"] + head["width"] / 2 == pytest.approx(place["x"] + share * place["width"], abs=3)
    assert (head["y"], head["height"]) == pytest.approx((place["y"], place["height"]), abs=2)


def test_the_playhead_moves_as_the_recording_plays_and_survives_another_timeline(seen):
    click_at(seen, 0.1)
    before = seen.locator("#playhead").bounding_box()["x"]
    seen.evaluate("document.querySelector('#player video').muted = true")
    seen.evaluate("document.querySelector('#player video').play()")
    seen.wait_for_function(
        "before => document.querySelector('#playhead').getBoundingClientRect().x > before + 10", arg=before
    )
    seen.evaluate("document.querySelector('#player video').pause()")
    change(seen, lambda: seen.get_by_label("Lines").check())
    change(seen, lambda: seen.get_by_label("Stacked").check())
    assert seen.locator("#playhead").is_visible()
    assert seen.locator("#playhead").bounding_box()["x"] > before + 10


def test_the_keyboard_steps_through_the_timeline(seen):
    head = seen.get_by_role("slider", name="Place in the recording")
    head.focus()
    for key, place in (("Home", 0), ("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("PageUp", 11)):
        seen.keyboard.press(key)
        assert now(seen) == pytest.approx(place, abs=0.01)
    assert head.get_attribute("aria-valuetext") == "0:11 of 0:12"


def test_the_pointer_is_told_both_opinions(seen, real):
    place = ground(seen)
    seen.mouse.move(place["x"] + 0.3 * place["width"], place["y"] + place["height"] / 2)
    told = seen.locator("#vg-tooltip-element").inner_text()
    for words in ("Time", "Probabilities", "Face says", "Voice says", "Face seen", "Speech heard"):
        assert words in told
    seen.mouse.move(0, 0)


def test_a_moment_seeks_when_clicked(seen, real):
    moments = seen.locator("[data-seek]")
    assert moments.count() >= 2
    moment = moments.nth(moments.count() - 1)
    moment.click()
    assert now(seen) == pytest.approx(float(moment.get_attribute("data-seek")), abs=0.05)


def test_every_choice_draws_anew_and_nothing_is_decoded(seen, real, page_folder):
    said, opened = seen.inner_text("#status"), (page_folder / "opened").stat().st_size
    assert opened
    late = table(seen)
    change(seen, lambda: set_number(seen, "Step", 0.5))
    assert len(table(seen)) == 2 * SECONDS
    change(seen, lambda: set_number(seen, "Step", 1))
    for label in ("Face only", "Intermediate", "Voice only"):
        change(seen, lambda label=label: seen.get_by_label(label).check())
    voice = table(seen)
    assert [row["start"] for row in voice] == [row["start"] for row in late]
    assert [row["happy"] for row in voice] != [row["happy"] for row in late]
    assert {row["person"] for row in voice} == {""}
    change(seen, lambda: seen.get_by_label("Late").check())

    seen.click("text=More choices")
    for label, value, usual in (("Window", 1, 3), ("Smoothing", 2, 0)):
        change(seen, lambda label=label, value=value: set_number(seen, label, value))
        assert [row["happy"] for row in table(seen)] != [row["happy"] for row in late]
        change(seen, lambda label=label, usual=usual: set_number(seen, label, usual))
    assert table(seen) == late
    seen.get_by_label("Person").click()
    seen.get_by_role("option", name="person 0").click()
    seen.wait_for_timeout(500)
    assert {row["person"] for row in table(seen)} <= {"0", ""}
    seen.click("text=More choices")

    assert (page_folder / "opened").stat().st_size == opened
    assert seen.inner_text("#status") == said


def test_a_checkpoint_that_is_none_is_said_and_one_with_the_same_networks_serves_at_once(seen, real, tmp_path):
    from emorec import checkpoint, weights
    from emorec.fusion import Calibration

    rows = table(seen)
    seen.click("text=More choices")
    field = seen.get_by_label("Checkpoint")
    field.fill(str(tmp_path))
    field.press("Enter")
    assert seen.wait_for_selector("#note .callout").inner_text()
    assert table(seen) == rows

    other = checkpoint.load(weights.BUNDLED)
    other.calibration, other.training = Calibration(), {"limits": ["Only a test's."]}
    checkpoint.save(other, tmp_path / "other")
    field.fill(str(tmp_path / "other"))
    change(seen, lambda: field.press("Enter"))
    assert [row["happy"] for row in table(seen)] != [row["happy"] for row in rows]
    seen.click("text=What this can and cannot tell")
    seen.wait_for_selector("#trust >> text=Only a test's.")
    seen.click("text=What this can and cannot tell")
    field.fill("")
    change(seen, lambda: field.press("Enter"))
    assert table(seen) == rows
    seen.click("text=More choices")


def test_the_table_shows_and_sorts_every_row(seen, real):
    seen.click("text=Every row")
    assert seen.wait_for_selector("#rows [data-testid=cell-0-1]").inner_text().strip() == "1"
    header = seen.locator("#rows th", has_text="happy").first
    header.hover()
    header.get_by_label("Open cell menu").click()
    seen.get_by_role("menuitem", name="Sort ascending").click()
    seen.wait_for_function(
        "() => { const cells = [...document.querySelectorAll('#rows [data-testid^=cell-][data-testid$=\"-6\"]')]"
        ".map(cell => Number(cell.innerText));"
        " return cells.length > 2 && cells.every((value, row) => !row || cells[row - 1] <= value) }"
    )
    seen.click("text=Every row")


def test_what_to_trust_is_said_from_the_weights_themselves(seen):
    config = json.loads((ROOT / "emorec" / "weights" / "default" / "config.json").read_text(encoding="utf-8"))
    seen.click("text=What this can and cannot tell")
    told = seen.locator("#trust").inner_text()
    for measured in config["evaluation"].values():
        assert measured["what"] in told
        for value in measured["results"].values():
            assert f"{value:.0%}" in told
    for source in config["training"]["sources"]:
        assert source["name"] in told
    for limit in config["training"]["limits"]:
        assert limit in told
    assert "CC BY-NC-SA 4.0" in told


def test_the_same_file_in_another_visit_is_found_in_store(seen, chromium, page_server, page_folder, clip):
    opened = (page_folder / "opened").stat().st_size
    with visiting(chromium, page_server) as again:
        analyze(again, clip)
        assert "found in store" in again.inner_text("#status")
        assert len(table(again)) == SECONDS
    assert (page_folder / "opened").stat().st_size == opened


def test_the_timeline_grows_and_cancel_keeps_what_there_is_while_another_waits(page, long, clip, chromium, page_server):
    upload(page, long)
    page.click("#analyze")
    page.wait_for_selector("#timeline svg.marks")
    bar = page.locator("#status [role=progressbar]")
    assert 0 < float(bar.get_attribute("aria-valuenow")) < 100
    assert page.wait_for_selector("#status >> text=/\\d+% · .+ of 25:00 · [\\d.]+× real time · .+ left/")

    with visiting(chromium, page_server) as other:
        sound = long.with_name("short.wav")
        make_media.record(sound, audio=make_media.Audio(codec="pcm_s16le", rate=16_000, duration=5, tones=((0, 5),)))
        upload(other, sound)
        other.click("#analyze")
        other.wait_for_selector("#status >> text=In the queue, place 2: one analysis before yours")
        page.click("#cancel")
        page.wait_for_selector("#status >> text=Stopped at")
        finished(other)
        assert len(table(other)) == 5

    assert page.get_by_text("of 25:00. What was analysed until then is kept").is_visible()
    page.wait_for_selector("#timeline svg.marks")
    assert 0 < len(table(page)) < LONG
    assert page.locator("#analyze").is_enabled()
    assert page.locator("#cancel").is_disabled()


def test_two_visitors_at_once_both_finish(page, chromium, page_server, tmp_path):
    clips = []
    for seconds in (6, 7):
        sound = make_media.Audio(codec="pcm_s16le", rate=16_000, duration=seconds, tones=((0, seconds),))
        clips.append(make_media.record(tmp_path / f"{seconds}.wav", audio=sound))
    with visiting(chromium, page_server) as other:
        for visitor, clip in zip((page, other), clips, strict=True):
            upload(visitor, clip)
        page.click("#analyze")
        other.click("#analyze")
        for visitor, seconds in ((page, 6), (other, 7)):
            finished(visitor)
            assert len(table(visitor)) == seconds


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


def test_a_link_that_leads_nowhere_is_said_in_one_sentence_and_the_page_goes_on(page, clip):
    page.get_by_role("tab", name="Link").click()
    page.click("#analyze")
    assert "link" in toast(page)
    page.click("[data-testid=toast-close]")
    page.get_by_label("Link").last.fill("http://127.0.0.1:9/clip.mp4")
    page.click("#analyze")
    said = page.wait_for_selector("#status .callout").inner_text()
    assert said.endswith(".") and "Traceback" not in said and "127.0.0.1" in said
    page.get_by_role("tab", name="Video or audio").click()
    analyze(page, clip)
    assert len(table(page)) == SECONDS


def test_where_nothing_is_seen_or_heard_nothing_is_guessed(page, tmp_path):
    drawn = tmp_path / "drawn.mp4"
    make_media.record(drawn, make_media.Video(duration=4), make_media.Audio(duration=4, tones=()))
    analyze(page, drawn)
    assert page.wait_for_selector("#summary .callout").inner_text().startswith("Neither was a face seen nor speech")
    assert {row["dominant"] for row in table(page)} == {""}


def test_a_recording_that_is_cut_off_is_analysed_and_the_damage_said(page, tmp_path):
    whole = make_media.record(
        tmp_path / "whole.mkv", make_media.Video(duration=SECONDS), make_media.Audio(duration=SECONDS)
    )
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    analyze(page, cut)
    assert 0 < len(table(page)) < SECONDS
    assert page.locator("#status .callout").count() >= 1


def test_what_a_visitor_brought_goes_with_the_visitor(chromium, page_server, page_folder, tmp_path):
    sound = make_media.Audio(codec="pcm_s16le", rate=16_000, duration=3, tones=((0, 1),))
    mine = make_media.record(tmp_path / "mine-alone.wav", audio=sound)
    with visiting(chromium, page_server) as visitor:
        analyze(visitor, mine)
        download(visitor, "csv")
        assert len(list((page_folder / "uploads").rglob("mine-alone.*"))) == 2
    deadline = time.monotonic() + PATIENCE / 1000
    while list((page_folder / "uploads").rglob("mine-alone.*")):
        assert time.monotonic() < deadline, "what a visitor brought is still there"
        time.sleep(0.5)


def test_the_example_is_there_for_one_visitor_after_another(chromium, page_server, page_folder):
    for _ in range(2):
        with visiting(chromium, page_server) as visitor:
            visitor.click("#example button")
            visitor.wait_for_selector("#player video", state="attached")
            visitor.click("#analyze")
            finished(visitor)
        time.sleep(3)  # for what a visitor brought to go
    assert list((page_folder / "uploads").rglob("example.mp4"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_a_narrow_screen(chromium, page_server, clip, scheme):
    with visiting(chromium, page_server, viewport=NARROW, color_scheme=scheme) as page:
        analyze(page, clip)
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
        assert page.locator("#timeline svg.marks").bounding_box()["width"] <= NARROW["width"]


def test_health_is_told_to_whoever_asks(page_server):
    with urlopen(page_server + "/health", timeout=PATIENCE / 1000) as answer:
        assert json.load(answer)["status"] == "ok"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("GRADIO_SERVER_PORT", None, "The port {} is taken; set GRADIO_SERVER_PORT to another one."),
        ("GRADIO_SERVER_PORT", "many", "GRADIO_SERVER_PORT is 'many'; set it to a number from 1 to 65535."),
        ("EMOREC_AUTH", "nobody", "EMOREC_AUTH must be user:password, both of them not empty."),
    ],
)
def test_settings_that_cannot_be_used_are_said_in_one_sentence(page_server, name, value, says):
    port = str(urlparse(page_server).port)
    ended = subprocess.run(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env=os.environ | {name: value or port},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE / 1000,
    )
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[-1] == "emorec: " + says.format(port)


@pytest.mark.skipif(not FACE_MODEL.exists(), reason="needs the face detector's file, which is not here")
def test_every_face_of_a_picture_is_boxed(page, media):
    page.get_by_role("tab", name="Picture").click()
    page.wait_for_selector("#recording", state="hidden")
    page.set_input_files("#picture input[type=file]", media / "five_faces.jpg")
    page.wait_for_selector("#faces .face")
    assert page.locator("#faces .box").count() == page.locator("#faces .face").count() == 5
    assert page.locator("#faces .face").first.locator("tr").count() == len(EMOTIONS)
