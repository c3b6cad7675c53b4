"""Jobs on the page in a real browser: progress, cancel, queue, errors; visitors that come and leave."""

import json
import signal
import time
from urllib.parse import urlparse
from urllib.request import urlopen

import pytest

from emorec.emotions import EMOTIONS
from emorec.ui import app
from emorec.ui.jobs.analyzers import NO_TOKEN
from emorec.ui.server import temp_dir
from support import make_media
from support.pages import PATIENCE, analyze, dismiss, download, finished, table, toast, upload, visiting
from support.paths import CLIP_SECONDS, find_files

# Uploads of the page begin a second later.
SLOW = """() => {
  const plain = window.fetch;
  window.fetch = async (...request) => {
    if (String(request[0]).includes("/upload")) await new Promise((resolve) => setTimeout(resolve, 1000));
    return plain(...request);
  };
}"""
EVENT_OF_ANALYZE = """() => {
  const { components, dependencies } = window.gradio_config;
  const { id } = components.find(({ props }) => props.elem_id === "analyze");
  return dependencies.find(({ targets }) => targets.some(([at, what]) => at === id && what === "click")).id;
}"""
LONG = 1500  # seconds of a recording that is still being analysed when it is cancelled
NARROW = {"width": 380, "height": 800}


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    sound = make_media.Audio(codec="flac", rate=16_000, duration=LONG, tones=((0.0, LONG),))
    return make_media.record(tmp_path_factory.mktemp("long") / "slow.flac", audio=sound)


def test_the_timeline_grows_a_short_recording_does_not_wait_and_cancel_keeps_it(page, long, chromium, page_server):
    upload(page, long)
    page.click("#analyze")
    page.wait_for_selector("#timeline svg.marks")
    page.wait_for_selector("#status [role=progressbar]:not([aria-valuenow='0'], [aria-valuenow='100'])")
    assert page.wait_for_selector("#status >> text=/\\d+% · .+ of 25:00 · [\\d.]+× real time · .+ left/")

    with visiting(chromium, page_server) as other:
        sound = long.with_name("short.wav")
        make_media.record(sound, audio=make_media.Audio(codec="pcm_s16le", rate=16_000, duration=5, tones=((0, 5),)))
        analyze(other, sound)
        assert len(table(other)) == 5
    assert page.locator("#status [role=progressbar]").is_visible()

    page.click("#cancel")
    page.wait_for_selector("#status >> text=Stopped at")

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


def test_what_the_field_for_files_shows_is_analysed(page, tmp_path):
    for name in ("first", "second"):
        sound = make_media.Audio(codec="pcm_s16le", rate=16_000, duration=2, tones=((0, 1),))
        make_media.record(tmp_path / f"{name}.wav", audio=sound)
    analyze(page, tmp_path / "first.wav")
    page.evaluate(SLOW)
    page.locator("#file").get_by_label("Clear").click()
    page.set_input_files("#file input[type=file]", tmp_path / "second.wav")
    started, number = [], page.evaluate(EVENT_OF_ANALYZE)
    page.on("request", lambda sent: started.append(sent.post_data_json["fn_index"]) if "/join" in sent.url else None)
    page.dblclick("#analyze")
    page.wait_for_selector("#held >> text=its analysis begins when it is here")
    page.wait_for_selector("#held", state="detached")
    page.wait_for_selector("#recents button.name >> text=second.wav")
    assert page.get_attribute("#player audio", "src").endswith("/second.wav")
    assert started.count(number) == 1
    assert not page.locator("[data-testid=toast-text]").count()

    page.click("#recents button.name >> text=first.wav")
    page.wait_for_selector("#status >> text=Opened first.wav")
    page.wait_for_selector("#file input[type=file]", state="attached")  # the field is empty
    page.click("#analyze")
    finished(page)
    assert page.get_attribute("#player audio", "src").endswith("/first.wav")


def test_a_file_that_is_not_a_recording_is_reported_and_the_page_goes_on(page, clip, tmp_path):
    page.click("#analyze")
    assert toast(page) == "Choose a video or audio file first."
    dismiss(page)

    notes = tmp_path / "notes.txt"
    notes.write_text("These are words, and no recording.\n" * 20, encoding="utf-8")
    upload(page, notes)
    page.click("#analyze")
    shown_text = toast(page)
    assert shown_text.startswith("notes.txt is text, not a recording; ")
    page.wait_for_selector("#status .callout")
    assert page.inner_text("#status .callout") == shown_text
    assert page.locator("#results").is_hidden()

    page.get_by_label("Clear", exact=True).click()
    analyze(page, clip)
    assert len(table(page)) == CLIP_SECONDS
    assert not page.locator("#status .callout").count()


def test_a_broken_link_is_reported_and_the_page_goes_on(page, clip):
    page.get_by_role("tab", name="Link").click()
    page.click("#analyze")
    assert "link" in toast(page)
    dismiss(page)
    page.get_by_label("Link").last.fill("http://127.0.0.1:9/clip.mp4")
    page.click("#analyze")
    callout = page.wait_for_selector("#status .callout").inner_text()
    assert callout.endswith(".") and "Traceback" not in callout and "127.0.0.1" in callout
    page.get_by_role("tab", name="Video or audio").click()
    analyze(page, clip)
    assert len(table(page)) == CLIP_SECONDS


def test_only_the_chosen_part_is_analysed(page, tmp_path):
    sound = make_media.Audio(codec="pcm_s16le", rate=16_000, duration=9, tones=((0, 9),))
    upload(page, make_media.record(tmp_path / "part.wav", audio=sound))
    page.click("text=Details of the recording")
    page.locator("#start input, #start textarea").fill("soon")
    page.click("#analyze")
    assert "'soon' is not a time" in toast(page)
    dismiss(page)
    page.locator("#start input, #start textarea").fill("0:02")
    page.locator("#end input, #end textarea").fill("6")
    page.click("#analyze")
    finished(page)
    rows = table(page)
    assert (float(rows[0]["start"]), float(rows[-1]["end"]), len(rows)) == (2.0, 6.0, 4)


def test_a_truncated_recording_is_analysed_and_the_damage_is_reported(page, tmp_path):
    whole = make_media.record(
        tmp_path / "whole.mkv", make_media.Video(duration=CLIP_SECONDS), make_media.Audio(duration=CLIP_SECONDS)
    )
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    analyze(page, cut)
    assert 0 < len(table(page)) < CLIP_SECONDS
    assert page.locator("#status .callout").count() >= 1


def test_the_files_of_a_visitor_are_removed_when_the_page_is_closed(chromium, page_server, page_folder, tmp_path):
    sound = make_media.Audio(codec="pcm_s16le", rate=16_000, duration=3, tones=((0, 1),))
    mine = make_media.record(tmp_path / "mine-alone.wav", audio=sound)
    with visiting(chromium, page_server) as visitor:
        analyze(visitor, mine)
        download(visitor, "csv")
        assert len(find_files(page_folder / "uploads", "mine-alone.*")) == 2
    wait_until_gone(page_folder, "mine-alone.*")


def test_the_example_stays_for_the_next_visitor(chromium, page_server, page_folder):
    for _ in range(2):
        with visiting(chromium, page_server) as visitor:
            visitor.click("#example button")
            visitor.wait_for_selector("#player video", state="attached")
            visitor.click("#analyze")
            finished(visitor)
            download(visitor, "csv")
        wait_until_gone(page_folder, "example.csv")
    assert find_files(page_folder / "uploads", "example.mp4")


def test_deletion_removes_files_and_stored_features_and_empties_the_page(page, page_folder, tmp_path):
    sound = make_media.Audio(codec="pcm_s16le", rate=16_000, duration=4, tones=((0, 1),))
    mine = make_media.record(tmp_path / "to-be-deleted.wav", audio=sound)
    analyze(page, mine)
    download(page, "csv")
    assert find_files(page_folder / "uploads", "to-be-deleted.*")
    opened = (page_folder / "opened").stat().st_size
    other = page.context.new_page()
    other.goto(page.url)
    other.wait_for_selector("#recents button.name")
    other.evaluate("window.shown = true")

    page.click("#erase")
    page.click("#erase-keep")
    page.click("#erase")
    page.click("#erase-sure")
    assert toast(page).startswith("Your recordings, their results and what was stored of them are deleted")
    dismiss(page)
    other.wait_for_selector("body[data-loaded]:not(:has(#recents button.name))")
    assert not other.evaluate("window.shown")  # it was loaded again
    other.close()
    assert not find_files(page_folder / "uploads", "to-be-deleted.*")
    page.wait_for_selector("#player .empty >> text=Your recording appears here")
    page.wait_for_selector("#summary [data-duration]", state="detached")
    assert page.locator("#results").is_hidden() and page.locator("#erase").is_visible()
    page.click("#analyze")
    assert toast(page) == "Choose a video or audio file first."
    dismiss(page)

    analyze(page, mine)  # from the start: nothing of it was in store
    assert (page_folder / "opened").stat().st_size > opened
    assert "loaded from the store" not in page.inner_text("#status")


def wait_until_gone(page_folder, name):
    """Wait until a file of a visitor is removed."""
    deadline = time.monotonic() + PATIENCE / 1000
    while find_files(page_folder / "uploads", name):
        assert time.monotonic() < deadline, f"{name} is still there"
        time.sleep(0.2)


def test_nothing_is_wider_than_a_narrow_screen(chromium, page_server, clip):
    with visiting(chromium, page_server, viewport=NARROW) as page:
        analyze(page, clip)
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.wait_for_function("dark => document.body.classList.contains('dark') === dark", arg=scheme == "dark")
            assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"], scheme
            assert page.locator("#timeline svg.marks").bounding_box()["width"] <= NARROW["width"], scheme


def test_the_health_check_needs_no_session(page_server):
    with urlopen(page_server + "/health", timeout=PATIENCE / 1000) as answer:
        assert json.load(answer)["status"] == "ok"


def test_a_port_that_is_taken_is_one_sentence(page_server, tmp_path, monkeypatch, capsys):
    port = str(urlparse(page_server).port)
    monkeypatch.setenv(temp_dir.VARIABLE, str(tmp_path))
    monkeypatch.setenv(NO_TOKEN, "")  # main sets it
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    assert app.main(["--port", port]) == 2
    sentence = f"emorec: The port {port} is taken; choose another one with --port."
    assert capsys.readouterr().err.splitlines()[-1] == sentence
    assert not list(tmp_path.iterdir())


def test_every_face_of_a_picture_is_boxed(page, media):
    page.get_by_role("tab", name="Picture").click()
    page.wait_for_selector("#recording", state="hidden")
    page.set_input_files("#picture input[type=file]", media / "five_faces.jpg")
    page.wait_for_selector("#faces .box")
    assert page.locator("#faces .box").count() == page.locator("#faces .face").count() == 5
    assert page.locator("#faces .face").first.locator("tr").count() == len(EMOTIONS)
