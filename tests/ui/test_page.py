"""The result on the page in a real browser: the timeline and the player, choices, files, the table, what to trust."""

import json
from pathlib import Path

import pytest

from emorec.emotions import EMOTIONS
from emorec.output import charts
from support.command import emorec
from support.pages import (
    analyze,
    change,
    click_at,
    download,
    finished,
    ground,
    now,
    set_number,
    table,
    upload,
    visiting,
)
from support.paths import CLIP_SECONDS, ROOT, TALKING_HEAD

HEADER = (
    "start,end,person,angry,disgust,fear,happy,neutral,sad,surprise,dominant,confidence,face_coverage,speech_coverage,"
    "sure,evidence,row_face,row_speech,valence,arousal,name"
)


@pytest.fixture(scope="module")
def seen(chromium, page_server, clip):
    """The page with an analysed clip, shared by the tests that only read it and change choices."""
    with visiting(chromium, page_server) as opened:
        analyze(opened, clip)
        yield opened


@pytest.fixture
def real(clip):
    """Skips if there is only a drawn clip, without a face and speech."""
    if clip != TALKING_HEAD:
        pytest.skip("needs ../shared/media (a real recording), which is not here")


def test_a_recording_becomes_a_timeline_a_summary_and_files(seen, clip):
    page = seen
    assert page.title() == "emorec"
    assert page.locator("#player video").evaluate("player => player.duration") == pytest.approx(CLIP_SECONDS, abs=0.5)
    assert page.locator("#player .empty").is_hidden()
    name, text = download(page, "csv")
    assert name == f"{clip.stem}.csv"
    assert text.decode().splitlines()[0] == HEADER
    rows = table(page)
    assert len(rows) == CLIP_SECONDS
    for row in rows:
        if row["dominant"]:
            assert sum(float(row[emotion]) for emotion in EMOTIONS) == pytest.approx(1, abs=1e-4)
    assert len(json.loads(download(page, "json")[1])["rows"]) == CLIP_SECONDS


def test_the_csv_is_the_one_of_the_command_line(seen, clip, tmp_path):
    code, _, errors = emorec("analyze", clip, "--out", tmp_path, "--no_plot")
    assert code == 0, errors
    lines = (tmp_path / f"{clip.stem}.csv").read_text(encoding="utf-8").splitlines()
    theirs = [line.split(",") for line in lines]
    ours = [line.split(",") for line in download(seen, "csv")[1].decode().splitlines()]
    assert [row[:3] + row[10:11] for row in ours] == [row[:3] + row[10:11] for row in theirs]
    for mine, other in zip(ours[1:], theirs[1:], strict=True):
        numbers = [(float(a), float(b)) for a, b in zip(mine[3:10], other[3:10], strict=True) if a or b]
        assert [a for a, _ in numbers] == pytest.approx([b for _, b in numbers], abs=1e-4)


@pytest.mark.parametrize(
    ("kind", "ending", "begins"),
    [
        ("srt", ".srt", b"1\n"),
        ("vtt", ".vtt", b"WEBVTT"),
        ("png", ".png", b"\x89PNG"),
        ("svg", ".svg", b"<svg"),
        ("html", ".chart.html", b"<"),
        ("report", ".report.html", b"<!doctype html>"),
    ],
)
def test_the_other_downloads(seen, clip, real, kind, ending, begins):
    name, content = download(seen, kind)
    assert name == clip.stem + ending
    assert content.lstrip().startswith(begins)


@pytest.mark.parametrize(
    ("words", "ending", "begins"),
    [
        ("CSV with decimal commas", ".de.csv", "\ufeffstart;end;person".encode()),
        ("Excel", ".xlsx", b"PK"),
        ("Report with hidden faces", ".report.faces-hidden.html", b"<!doctype html>"),
        ("ELAN", ".eaf", b"<?xml"),
        ("Praat TextGrid", ".TextGrid", b"File type"),
    ],
)
def test_more_formats_are_in_a_list(seen, clip, words, ending, begins):
    seen.click("#more-format input")
    seen.get_by_role("option", name=words, exact=True).click()
    with seen.expect_download() as caught:
        seen.click("#more-save")
    assert caught.value.suggested_filename == clip.stem + ending
    assert Path(caught.value.path()).read_bytes().startswith(begins)


@pytest.mark.parametrize("share", [0.25, 0.7])
def test_a_click_on_the_timeline_seeks_and_the_playhead_goes_there(seen, share):
    click_at(seen, share)
    assert now(seen) == pytest.approx(share * CLIP_SECONDS, abs=0.2)
    place, head = ground(seen), seen.locator("#playhead").bounding_box()
    assert head["x"] + head["width"] / 2 == pytest.approx(place["x"] + share * place["width"], abs=3)
    assert (head["y"], head["height"]) == pytest.approx((place["y"], place["height"]), abs=2)


def test_the_playhead_moves_with_the_player_and_survives_a_redraw(seen):
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
    ground(seen)
    before = seen.evaluate("scrollY")
    click_at(seen, 0.5)
    assert head.evaluate("head => head === document.activeElement") and seen.evaluate("scrollY") == before
    for key, place in (("Home", 0), ("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("PageUp", 11)):
        seen.keyboard.press(key)
        assert now(seen) == pytest.approx(place, abs=0.01)
    assert head.get_attribute("aria-valuetext") == "0:11 of 0:12"
    taken = "key => !document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { cancelable: true, ...key }))"
    for key, modifier in (("ArrowLeft", "altKey"), ("Home", "ctrlKey"), ("End", "metaKey")):  # the browser's own
        assert not seen.evaluate(taken, {"key": key, modifier: True}) and now(seen) == pytest.approx(11, abs=0.01)
    assert seen.evaluate(taken, {"key": "ArrowRight"})


def test_the_tooltip_shows_face_and_voice(seen, real):
    place = ground(seen)
    seen.mouse.move(place["x"] + 0.3 * place["width"], place["y"] + place["height"] / 2)
    shown_text = seen.wait_for_selector("#vg-tooltip-element.visible").inner_text()
    for words in (
        "Time",
        "Probabilities",
        "Face says",
        "Voice says",
        "Face seen",
        "Speech counted",
        "Valence and arousal",
    ):
        assert words in shown_text
    seen.mouse.move(0, 0)


def test_valence_and_arousal_are_a_view_that_seeks_and_says_that_it_is_derived(seen, clip):
    change(seen, lambda: seen.get_by_role("radio", name="Valence and arousal").check())
    legend = seen.locator("#legend")
    seen.wait_for_function("document.querySelector('#legend').innerText.includes('arousal')")
    assert legend.locator("li").all_inner_texts() == ["valence", "arousal", "unsure"]
    assert "derived from the probabilities" in legend.inner_text() and "2013" in legend.inner_text()
    axis = seen.locator("#timeline .role-axis-label text").all_text_contents()
    assert {"+1", "0", "−1", "face", "speech"} <= set(axis)
    if clip == TALKING_HEAD:
        lines = seen.locator("#timeline .mark-line path")
        colours = lines.evaluate_all("lines => lines.map((line) => line.getAttribute('stroke'))")
        assert set(colours) == set(charts.AFFECT_COLOURS.values())
    click_at(seen, 0.6)
    assert now(seen) == pytest.approx(0.6 * CLIP_SECONDS, abs=0.2)
    place, head = ground(seen), seen.locator("#playhead").bounding_box()
    assert head["x"] + head["width"] / 2 == pytest.approx(place["x"] + 0.6 * place["width"], abs=3)
    assert (head["y"], head["height"]) == pytest.approx((place["y"], place["height"]), abs=2)
    change(seen, lambda: seen.get_by_label("Stacked").check())
    seen.wait_for_function("document.querySelectorAll('#legend li').length === 8")


def test_the_browser_can_draw_before_there_is_anything_to_draw(chromium, page_server, clip):
    """Gradio loads Vega with the first chart, which takes a second or more; the first features must not wait for it."""
    with visiting(chromium, page_server) as page:
        upload(page, clip)
        page.wait_for_selector("#timeline svg.marks", state="attached")
        page.wait_for_selector("body.draws", state="attached")
        assert page.locator("#awaited").is_visible() and not page.locator("#results").is_visible()
        page.click("#analyze")
        finished(page)
        assert not page.locator("#awaited").is_visible() and page.locator("#results").is_visible()
        # A browser that cannot draw yet shows the words instead of an empty place.
        # In one step, because the next chart that is drawn would say again that it can.
        seen = page.evaluate(
            """() => {
              document.body.classList.remove('draws');
              const places = ['#awaited', '#legend'].map((name) => document.querySelector(name));
              return places.map((place) => place.checkVisibility({ visibilityProperty: true }));
            }"""
        )
        assert seen == [True, False]


def test_a_moment_seeks_when_clicked(chromium, page_server, media):
    with visiting(chromium, page_server) as page:
        analyze(page, media / "expressions_silent_20s.mp4")
        page.wait_for_selector("#highlights [data-seek] >> nth=1")  # they are drawn after the chart
        moments = page.locator("[data-seek]")
        moment = moments.nth(moments.count() - 1)
        moment.click()
        assert now(page) == pytest.approx(float(moment.get_attribute("data-seek")), abs=0.05)


def test_each_choice_redraws_and_nothing_is_decoded(seen, real, page_folder):
    status, opened = seen.inner_text("#status"), (page_folder / "opened").stat().st_size
    assert opened
    late = table(seen)
    change(seen, lambda: set_number(seen, "Step", 0.5))
    assert len(table(seen)) == 2 * CLIP_SECONDS
    change(seen, lambda: set_number(seen, "Step", 1))
    for label in ("Face only", "Intermediate", "Voice only"):
        change(seen, lambda label=label: seen.get_by_label(label).check())
    voice = table(seen)
    assert [row["start"] for row in voice] == [row["start"] for row in late]
    assert [row["happy"] for row in voice] != [row["happy"] for row in late]
    assert {row["person"] for row in voice} == {""}
    change(seen, lambda: seen.get_by_label("Late (recommended)").check())

    for label, value, usual in (("Window", 1, 3), ("Smoothing", 2, 0)):
        change(seen, lambda label=label, value=value: set_number(seen, label, value))
        assert [row["happy"] for row in table(seen)] != [row["happy"] for row in late]
        change(seen, lambda label=label, usual=usual: set_number(seen, label, usual))
    for label in ("Even", "Adaptive"):
        change(seen, lambda label=label: seen.get_by_label(label, exact=True).check())
        assert [row["happy"] for row in table(seen)] != [row["happy"] for row in late]
    change(seen, lambda: seen.get_by_label("Everyday").check())
    assert table(seen) == late
    seen.get_by_role("combobox", name="Person").click()
    seen.get_by_role("option", name="person 0").click()
    change(seen, lambda: set_number(seen, "Step", 2))
    assert {row["person"] for row in table(seen)} <= {"0", ""}
    change(seen, lambda: set_number(seen, "Step", 1))

    assert (page_folder / "opened").stat().st_size == opened
    assert seen.inner_text("#status") == status


def test_a_wrong_checkpoint_is_reported_and_one_with_the_same_networks_is_used_at_once(
    seen, real, tmp_path, page_folder
):
    from emorec.models import checkpoint, pretrained
    from emorec.models.calibration import Calibration

    rows = table(seen)
    seen.click("text=Details of the recording")
    field = seen.get_by_label("Checkpoint")
    field.fill(str(tmp_path))
    field.press("Enter")
    assert seen.wait_for_selector("#note .callout").inner_text()
    assert table(seen) == rows

    other = checkpoint.load(pretrained.BUNDLED)
    other.calibration, other.training = Calibration(), {"limits": ["Only a test's."]}
    checkpoint.save(other, page_folder / "hub" / "org" / "other")
    field.fill("org/other")
    change(seen, lambda: field.press("Enter"))
    assert [row["happy"] for row in table(seen)] != [row["happy"] for row in rows]
    seen.click("text=What this can and cannot tell")
    seen.wait_for_selector("#trust >> text=Only a test's.")
    seen.click("text=What this can and cannot tell")
    field.fill("")
    change(seen, lambda: field.press("Enter"))
    assert table(seen) == rows
    seen.click("text=Details of the recording")


def test_the_table_shows_and_sorts_every_row(seen, real):
    seen.click("text=Every row")
    assert seen.wait_for_selector("#rows [data-testid=cell-0-3]").inner_text().strip() == "00:01.0"
    heads = [words.strip() for words in seen.locator("#rows thead").first.locator("th").all_inner_texts()]
    assert [words for words in heads if words][:5] == ["start", "dominant", "confidence", "end", "person"]
    assert seen.locator(".notranslate #rows, #rows.notranslate, #rows .notranslate").count() == 1
    header = seen.locator("#rows th", has_text="happy").first
    header.hover()
    header.get_by_label("Open cell menu").click()
    seen.get_by_role("menuitem", name="Sort ascending").click()
    seen.wait_for_function(
        "() => { const cells = [...document.querySelectorAll('#rows [data-testid^=cell-][data-testid$=\"-8\"]')]"
        ".map(cell => Number(cell.innerText));"
        " return cells.length > 2 && cells.every((value, row) => !row || cells[row - 1] <= value) }"
    )
    seen.click("text=Every row")


def test_a_click_on_a_row_of_the_table_goes_there_and_a_shadow_says_that_columns_follow(seen):
    seen.click("text=Every row")
    seen.wait_for_selector("#rows [data-testid=cell-6-0]")
    # Another test may have sorted the rows, and then the next one has not the next number.
    shown = seen.locator("#rows [data-testid^=cell-][data-testid$='-0']")
    names = shown.evaluate_all("cells => cells.map((cell) => cell.dataset.testid)")
    at = names.index("cell-5-0")
    first, second = (float(words.strip()[3:]) for words in shown.all_inner_texts()[at : at + 2])
    seen.evaluate("window.emorecSeek(11.5)")
    seen.click("#rows [data-testid=cell-5-1]")
    assert now(seen) == pytest.approx(first)
    assert not seen.locator("#rows .selection-button").locator("visible=true").count()
    seen.keyboard.press("ArrowDown")
    # Gradio moves the focus a moment later.
    of_row = "id => document.activeElement.closest('[role=row]')?.querySelector(`[data-testid=${id}]`)"
    seen.wait_for_function(of_row, arg=names[at + 1])
    seen.keyboard.press("Enter")
    assert now(seen) == pytest.approx(second)
    assert seen.locator("#rows .goes-on").count() == 1
    seen.evaluate("document.querySelector('#rows .virtual-table-viewport').scrollLeft = 1e5")
    seen.wait_for_selector("#rows .table-wrap:not(.goes-on)")
    seen.evaluate("document.querySelector('#rows .virtual-table-viewport').scrollLeft = 0")
    seen.wait_for_selector("#rows .goes-on")
    seen.click("text=Every row")


def test_the_panel_shows_the_evaluation_of_the_weights(seen):
    config = json.loads((ROOT / "emorec" / "weights" / "default" / "config.json").read_text(encoding="utf-8"))
    seen.click("text=What this can and cannot tell")
    seen.locator("#trust").get_by_text("CC BY-NC-SA 4.0").first.wait_for()  # what is folded is drawn when it is opened
    shown_text = seen.locator("#trust").inner_text()
    for measured in config["evaluation"].values():
        assert measured["what"] in shown_text
        for value in measured["results"].values():
            assert f"{value:.1%}" in shown_text
    for source in config["training"]["sources"]:
        assert source["name"] in shown_text
    for limit in config["training"]["limits"]:
        assert limit in shown_text
    assert "CC BY-NC-SA 4.0" in shown_text


def test_the_features_of_the_same_file_are_found_in_another_visit(seen, chromium, page_server, page_folder, clip):
    opened = (page_folder / "opened").stat().st_size
    with visiting(chromium, page_server) as again:
        analyze(again, clip)
        assert "loaded from the store" in again.inner_text("#status")
        assert len(table(again)) == CLIP_SECONDS
    assert (page_folder / "opened").stat().st_size == opened
