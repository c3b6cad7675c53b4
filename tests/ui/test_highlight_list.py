"""The list of highlights: what it holds, its filters and keys in a browser, and its place on the page."""

import contextlib
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from emorec.output.highlights import Highlight, find_highlights
from emorec.ui import highlight_list
from emorec.ui.highlight_list import MAX_LISTED, MAX_PICTURES, highlights_html, strongest
from emorec.ui.page.layout import ASSETS
from support import factories
from support.factories import sure
from support.make_tracks import record_tracks, speech
from support.pages import analyze, change, now, set_number, visiting
from support.paths import ROOT
from train.evaluation.corruptions import write_wave

JPEG = b"\xff\xd8picture"
ITEM = re.compile(r'<li data-kind="(\w+)" data-emotion="(\w+)" data-person="(-?\d+)"')
RATE, SHOT, BLANK, SHOTS = 5, 4.0, 4.0, 5  # pictures a second; seconds of a portrait, and of a grey picture after it


def changing(seconds, count):
    """A timeline in which two persons take turns, and happy and sad as well, in ``count`` stretches of ``seconds``."""
    rows = [sure("happy" if stretch % 2 else "sad") for stretch in range(count) for _ in range(seconds)]
    person = np.repeat(np.arange(count) // 2 % 2, seconds)
    return replace(factories.timeline(rows, person=person), names={0: "Anna", 1: "<b>Eva"})


def with_pictures(timeline, tracks):
    """Features of the persons of a timeline, in ``tracks`` tracks of equal length with a picture each."""
    times = factories.frame_times(float(timeline.end[-1]))
    row = np.minimum(times.astype(int), len(timeline) - 1)
    features = factories.observations(float(timeline.end[-1]), factories.seen(times, timeline.person[row]))
    features.__dict__["arrays"] = features.arrays | {
        "face_track": np.arange(len(times)) * tracks // len(times),
        "thumbnail_track": np.arange(tracks),
        "thumbnail_quality": np.linspace(0, 1, tracks).astype(np.float32),
        "thumbnail_bytes": np.full(tracks, len(JPEG)),
        "thumbnail_jpeg": np.frombuffer(JPEG * tracks, np.uint8),
    }
    return features


def test_all_highlights_are_listed_in_order_of_time():
    timeline = changing(20, 12)
    html = highlights_html(timeline)
    found = find_highlights(timeline, None)
    assert len(found) > 15 and [kind for kind, *_ in ITEM.findall(html)] == [each.kind for each in found]
    starts = [float(start) for start in re.findall(r'data-seek="([\d.]+)"', html)]
    assert starts == sorted(starts)
    assert {person for *_, person in ITEM.findall(html)} == {"0", "1"}
    assert '<option value="1">&lt;b&gt;Eva</option>' in html and "<b>Eva" not in html
    assert "Nothing stands out" in highlights_html(factories.timeline(np.full((3, 7), np.nan)))


def test_the_pictures_of_a_list_are_prepared_once(monkeypatch):
    timeline, made = changing(20, 12), []

    class Counted(highlight_list.Portraits):
        def __init__(self, features):
            made.append(features)
            super().__init__(features)

    monkeypatch.setattr(highlight_list, "Portraits", Counted)
    html = highlights_html(timeline, with_pictures(timeline, 12))
    assert html.count("background-image") > 5 and len(made) == 1


def test_very_many_highlights_are_the_strongest_of_each_kind():
    found = [
        Highlight(time, time + 1, kind, "sad", time / 1000, "") for time in range(900) for kind in ("peak", "shift")
    ]
    found.insert(0, Highlight(0, 9, "unsure", "sad", 0.001, ""))
    kept = strongest(found, 201)
    assert len(kept) == 201 and [each.start for each in kept] == sorted(each.start for each in kept)
    assert sum(each.kind == "peak" for each in kept) == 100 and kept[0].kind == "unsure" and kept[1].start == 800


def test_the_list_of_a_long_recording_stays_small():
    timeline = changing(8, 600)  # 80 minutes, with a change every eight seconds
    html = highlights_html(timeline, with_pictures(timeline, 600))
    assert html.count("<li ") == MAX_LISTED and f"The {MAX_LISTED} strongest of" in html
    pictures = re.findall(r"\.face-(\d+)\{", html)
    assert len(pictures) == len(set(pictures)) <= MAX_PICTURES + 2
    assert html.count('<span class="face ') > MAX_PICTURES
    assert len(html) < 400_000  # and 15 kB when it is compressed


def test_filters_and_keys(chromium, tmp_path):
    """The scripts of the page over a list, without a server."""
    timeline = changing(20, 12)
    scripts = "".join(f"({(ASSETS / name).read_text(encoding='utf-8')})();" for name in ("page.js", "highlights.js"))
    html = (
        f'<meta charset="utf-8"><div id="player"><audio src="sound.wav"></audio></div><input id="words">'
        f'<label id="only"><input type="checkbox"></label><div id="status" tabindex="-1"></div>'
        f'<div id="summary"><div data-duration="{timeline.duration}"></div></div>'
        f'<div id="highlights">{highlights_html(timeline, with_pictures(timeline, 12))}</div><script>{scripts}</script>'
    )
    (tmp_path / "list.html").write_text(html, encoding="utf-8")
    write_wave(tmp_path / "sound.wav", np.zeros(round(timeline.duration * 8000)), rate=8000)
    page = chromium.new_page()
    page.goto((tmp_path / "list.html").as_uri())
    page.wait_for_function("document.querySelector('audio').readyState > 0")

    def shown():
        return page.locator("#highlights li:not([hidden])")

    def starts():
        return page.eval_on_selector_all(
            "#highlights li:not([hidden]) [data-seek]", "all => all.map(b => +b.dataset.seek)"
        )

    everything, words = shown().count(), page.locator("#highlights [role=status]")
    assert words.inner_text() == f"{everything} in all" and page.locator("#highlights .face").count() > 10
    page.select_option("[data-filter=kind]", "peak")
    page.select_option("[data-filter=emotion]", "sad")
    page.select_option("[data-filter=person]", "1")
    kinds = page.eval_on_selector_all("#highlights li:not([hidden])", "all => all.map(one => ({ ...one.dataset }))")
    assert 1 < len(kinds) < everything and words.inner_text() == f"{len(kinds)} of {everything}"
    assert {(one["kind"], one["emotion"], one["person"]) for one in kinds} == {("peak", "sad", "1")}

    page.locator("[data-filter=person]").blur()
    page.keyboard.press("n")
    assert now(page) == starts()[0] and words.inner_text() == f"1 of {len(kinds)}"
    # The same keys of a Cyrillic keyboard; on one for Dvorak the letter counts, not the place.
    for key, code, place in (("т", "KeyN", 1), ("З", "KeyP", 0), ("n", "KeyL", 1), ("p", "KeyR", 0), ("b", "KeyN", 0)):
        event = f"new KeyboardEvent('keydown', {{ key: '{key}', code: '{code}', bubbles: true }})"
        page.evaluate(f"document.body.dispatchEvent({event})")
        assert now(page) == starts()[place]
    page.keyboard.press("n")
    assert now(page) == starts()[1]
    page.focus("#status")  # where the page itself moves the focus when it shows a result
    page.keyboard.press("p")
    assert now(page) == starts()[0] and page.locator("#highlights [aria-current]").count() == 1
    page.keyboard.press("p")  # there is none before
    page.fill("#words", "")
    page.type("#words", "n")
    assert now(page) == starts()[0] and page.input_value("#words") == "n"
    page.locator("#words").blur()
    page.evaluate("document.querySelector('audio').currentTime = 150")  # elsewhere, by hand
    page.keyboard.press("p")
    assert now(page) == max(start for start in starts() if start < 150)

    # Another list, as after a redraw: the same filters hold.
    page.evaluate("const one = document.querySelector('#highlights'); one.innerHTML = String(one.innerHTML)")
    page.wait_for_function("document.querySelector('[data-filter=kind]').value === 'peak'")
    assert shown().count() == len(kinds)
    # Or another list in the same element, as Gradio writes it: items are not hidden any more.
    page.evaluate(
        """() => {
          const section = document.querySelector(".moments");
          for (const item of section.querySelectorAll("li")) item.removeAttribute("hidden");
          section.setAttribute("data-drawn", "another");
        }"""
    )
    page.wait_for_function("count => document.querySelectorAll('li:not([hidden])').length === count", arg=len(kinds))
    for name in ("kind", "emotion", "person"):
        page.select_option(f"[data-filter={name}]", "")
    page.select_option("[data-filter=rank]", "10")
    assert words.inner_text() == f"10 of {everything}" and starts() == sorted(starts())
    ranks = "all => all.map(one => +one.dataset.rank).sort((one, other) => one - other)"
    assert page.eval_on_selector_all("#highlights li:not([hidden])", ranks) == list(range(10))
    page.select_option("[data-filter=kind]", "peak")  # the strongest of these
    assert words.inner_text() == f"10 of {everything}"
    page.select_option("[data-filter=kind]", "")
    page.select_option("[data-filter=rank]", "")
    assert shown().count() == everything
    # A result may have no player.
    page.evaluate("document.querySelector('audio').remove()")
    page.locator("#highlights [data-seek]").nth(2).click()
    assert page.evaluate("window.emorecAt()") == starts()[2]
    for key, place in (("n", 3), ("n", 4), ("p", 3)):
        page.keyboard.press(key)
        assert page.evaluate("window.emorecAt()") == starts()[place]
    page.evaluate("window.emorecView = { part: [40, 80] }")
    page.check("#only input")
    assert 0 < shown().count() < everything and all(30 < start < 80 for start in starts())
    page.evaluate("window.emorecView.part = [0, 0]; document.dispatchEvent(new Event('emorec-part'))")
    assert words.inner_text() == f"none of {everything} fits these choices"
    page.evaluate("window.emorecView.part = null; document.dispatchEvent(new Event('emorec-part'))")
    assert shown().count() == everything
    # A redraw that keeps the element of the current one for another one.
    page.locator("#highlights [data-seek]").nth(2).click()
    marked = "document.querySelector('#highlights [aria-current]').dataset.seek"
    before = page.evaluate(marked)
    page.evaluate(
        """() => {
          const [one, other] = [...document.querySelectorAll("#highlights li")].slice(2, 4);
          one.querySelector("button").removeAttribute("aria-current");
          [one.innerHTML, other.innerHTML] = [other.innerHTML, one.innerHTML];
          [one.dataset.kind, other.dataset.kind] = [other.dataset.kind, one.dataset.kind];
          document.querySelector(".moments").dataset.drawn = "one more";
        }"""
    )
    assert page.evaluate(marked) == before
    # A letter is meant for the list only where the focus is on it, or on nothing.
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<button id=other>Other</button>')")
    page.focus("#other")
    page.keyboard.press("n")
    assert page.evaluate(marked) == before
    page.focus("#highlights [aria-current]")
    page.keyboard.press("n")
    assert page.evaluate(marked) != before
    page.close()


@pytest.fixture(scope="module")
def portraits(tmp_path_factory):
    """A recording in which a portrait is seen SHOTS times, in another place each time."""
    with Image.open(ROOT / "emorec" / "ui" / "assets" / "portrait.jpg") as opened:
        portrait = opened.convert("L")
        portrait.thumbnail((220, 220))
    face, pictures = np.asarray(portrait), []
    for shot in range(SHOTS):
        picture = np.full((240, 400), 90, np.uint8)
        picture[10 : 10 + face.shape[0], 10 + 40 * shot : 10 + 40 * shot + face.shape[1]] = face
        pictures += [picture] * round(SHOT * RATE) + [np.full_like(picture, 90)] * round(BLANK * RATE)
    frames = np.stack(pictures).astype(float) + np.random.default_rng(0).normal(0, 2, (len(pictures), 240, 400))
    path = tmp_path_factory.mktemp("portraits") / "portraits.mkv"
    seconds = SHOTS * (SHOT + BLANK)
    return record_tracks(path, [speech(seconds)], [frames.clip(0, 255).astype(np.uint8)], rate=RATE)


def test_the_filters_but_not_the_person_outlast_the_recording(chromium, tmp_path):
    timeline = changing(20, 12)
    scripts = "".join(f"({(ASSETS / name).read_text(encoding='utf-8')})();" for name in ("page.js", "highlights.js"))
    (tmp_path / "list.html").write_text(
        '<meta charset="utf-8"><div id="overview"><div class="overview" data-recording="aa"></div></div>'
        f'<div id="highlights">{highlights_html(timeline)}</div><script>{scripts}</script>',
        encoding="utf-8",
    )
    with contextlib.closing(chromium.new_page()) as page:
        page.goto((tmp_path / "list.html").as_uri())
        page.select_option("[data-filter=kind]", "peak")
        page.select_option("[data-filter=person]", "1")
        show = """(recording) => {
          const host = document.querySelector("#highlights");
          host.innerHTML = String(host.innerHTML);
          document.querySelector(".overview").dataset.recording = recording;
        }"""
        values = "[...document.querySelectorAll('[data-filter]')].map((one) => one.value).join()"
        page.evaluate(show, "aa")  # drawn again
        page.wait_for_function(f"{values} === 'peak,,1,'")
        page.evaluate(show, "bb")
        page.wait_for_function(f"{values} === 'peak,,,'")
        shown = page.eval_on_selector_all("#highlights li:not([hidden])", "all => all.map((one) => one.dataset.person)")
        assert {*shown} == {"0", "1"}


def test_the_page_lists_all_highlights_with_faces(chromium, page_server, portraits):
    with visiting(chromium, page_server) as page:
        analyze(page, portraits)
        page.wait_for_function(f"document.querySelectorAll('#highlights li[data-kind=peak]').length >= {SHOTS}")
        faces = page.locator("#highlights li[data-kind=peak] .face")
        assert faces.count() >= SHOTS
        drawn = faces.evaluate_all("all => all.map(one => getComputedStyle(one).backgroundImage.slice(0, 30))")
        assert all(one.startswith('url("data:image/jpeg;base64,') for one in drawn)
        page.select_option("[data-filter=kind]", "peak")
        change(page, lambda: set_number(page, "Step", 2))
        page.wait_for_function("document.querySelector('[data-filter=kind]').value === 'peak'")
        change(page, lambda: page.get_by_label("Even", exact=True).check())
        page.wait_for_function(
            "document.querySelector('#summary caption').textContent.includes('even')"
            " && document.querySelectorAll('#highlights li:not([hidden])').length > 1"
            " && !document.querySelector('#highlights li:not([hidden], [data-kind=peak])')"
        )
        page.evaluate("document.activeElement.blur()")
        times = page.eval_on_selector_all(
            "#highlights li:not([hidden]) [data-seek]", "all => all.map(b => +b.dataset.seek)"
        )
        page.keyboard.press("n")
        first = now(page)
        page.evaluate(  # a redraw replaces the list, and the next one is still the next one
            "(() => { const list = document.querySelector('#highlights .moments'); list.innerHTML = list.innerHTML;"
            " list.dataset.drawn = 'again'; })()"
        )
        page.wait_for_function("document.querySelector('#highlights li[data-kind]:not([data-kind=peak])').hidden")
        page.keyboard.press("n")
        assert first in times and now(page) == pytest.approx(times[times.index(first) + 1], abs=0.05)
        page.keyboard.press("p")
        assert now(page) == pytest.approx(first, abs=0.05)
        page.set_viewport_size({"width": 390, "height": 800})  # there fingers need 44 px
        heights = page.locator("[data-filter]").evaluate_all("all => all.map(one => one.offsetHeight)")
        assert heights and min(heights) >= 44
