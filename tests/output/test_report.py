"""The report of a recording of two people: its pictures and lanes, hidden faces, and how it is printed."""

import base64
import io
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from emorec.analyzer import Analyzer
from emorec.extraction import thumbnails
from emorec.face import detection
from emorec.face.thumbnail import BLOCKS, SIDE
from emorec.inference import timeline as inference
from emorec.output import report
from emorec.output.highlights import Highlight
from emorec.output.lane_data import MAX_LANES
from emorec.output.portraits import NOBODY, Portraits, highlighted_person
from emorec.ui.page.downloads import HIDDEN, write_download
from support import factories, two_people
from support.factories import sure

PAPER = 680  # CSS pixels of A4 between its margins of 15 mm
PAPER_HEIGHT = 1009
PICTURE = re.compile(r'src="data:image/jpeg;base64,([^"]*)"')
# Elements that begin or end beyond the width of the page.
TOO_WIDE = """() => [...document.body.querySelectorAll("*")].filter((one) => {
  const box = one.getBoundingClientRect();
  return box.width && (box.left < -0.5 || box.right > innerWidth + 0.5);
}).map((one) => one.outerHTML.slice(0, 80))"""


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    return two_people.record(tmp_path_factory.mktemp("two") / "two.mkv")


@pytest.fixture(scope="module")
def bundled():
    return Analyzer.from_pretrained()


@pytest.fixture(scope="module")
def features(bundled, recording, tmp_path_factory):
    *_, features = bundled.extract(recording, tmp_path_factory.mktemp("cache"))
    return features


@pytest.fixture(scope="module")
def reports(bundled, features, tmp_path_factory):
    """The reports with faces and with hidden ones."""
    folder = tmp_path_factory.mktemp("reports")
    timeline = bundled.infer(features)
    names = {"persons": [{"number": 0, "name": "Anna & <b>Co"}]}
    for name, blur in (("open", False), ("hidden", True)):
        bundled.save_report(timeline, folder / f"{name}.html", features=features, people=names, blur=blur)
    return folder


def pictures(path):
    found = PICTURE.findall(path.read_text(encoding="utf-8"))
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(each))).convert("RGB")) for each in found]


def faces(picture):
    """How many faces the detector finds in a picture, made larger so that it finds any."""
    large = Image.fromarray(picture).resize((320, 320), Image.Resampling.BICUBIC)
    return len(detection.detector(None).detect(np.asarray(large)))


def test_every_person_has_a_lane_a_name_and_a_picture(reports, features):
    text = (reports / "open.html").read_text(encoding="utf-8")
    assert text.count('<div class="lane">') == 2
    assert "<b>Anna &amp; &lt;b&gt;Co</b>" in text and "<b>person 1</b>" in text
    assert not re.search(r'<script|<link|src="(?!data:)|@import|url\((?!#)', text)
    shown = pictures(reports / "open.html")
    assert len(shown) >= 3 and all(faces(picture) == 1 for picture in shown)  # two lanes, and a highlight at least
    first_words = re.findall("<p[^>]*>(.*?)</p>", text)[0]
    assert first_words.startswith("Tested on people it never met, the program ") and "unsure" in first_words
    for words in ("the highest confidence in", "everyday prior", "Average confidence", "prior shares", ">model</th>"):
        assert words in text


def test_hidden_faces_are_in_no_picture_of_the_file(reports, features):
    text = (reports / "hidden.html").read_text(encoding="utf-8")
    hidden = pictures(reports / "hidden.html")
    assert len(hidden) == len(pictures(reports / "open.html"))
    assert not any(faces(picture) for picture in hidden)
    for picture in hidden:
        blocks = Image.fromarray(picture).resize((BLOCKS, BLOCKS), Image.Resampling.BOX)
        again = np.asarray(blocks.resize((SIDE, SIDE), Image.Resampling.NEAREST)).astype(int)
        assert np.abs(again - picture).mean() < 8  # nothing but blocks
    for row in range(len(features.arrays["thumbnail_track"])):
        assert base64.b64encode(thumbnails.thumbnail_jpeg(features, row)).decode() not in text


def test_the_page_offers_a_report_with_hidden_faces(bundled, features, tmp_path):
    timeline = bundled.infer(features)
    shown, hidden = (
        pictures(write_download(kind, timeline, kind, bundled.model, tmp_path, features)) for kind in ("report", HIDDEN)
    )
    assert all(faces(picture) for picture in shown) and len(hidden) == len(shown)
    assert not any(faces(picture) for picture in hidden)


def test_the_report_fits_a_narrow_screen_and_forced_colours(chromium, reports):
    page = chromium.new_page(viewport={"width": 320, "height": 256})  # 1280 px at 400 %, as WCAG 1.4.10 has it
    page.goto((reports / "open.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    page.emulate_media(forced_colors="active", color_scheme="dark")
    colours = page.evaluate("""() => {
      const colour = (selector) => getComputedStyle(document.querySelector(selector)).backgroundColor;
      return [colour("svg"), colour(".bar i"), getComputedStyle(document.querySelector("p")).color];
    }""")
    page.close()
    # The charts on white, the bar in the colour of its emotion, and the text in that of the system.
    assert colours[0] == colours[2] == "rgb(255, 255, 255)" and colours[1] not in ("rgb(0, 0, 0)", colours[0])


def test_the_report_is_printed_to_whole_pages(chromium, reports):
    page = chromium.new_page(viewport={"width": PAPER, "height": PAPER_HEIGHT})
    page.emulate_media(media="print")
    page.goto((reports / "open.html").as_uri())
    assert page.evaluate(TOO_WIDE) == []
    heights = page.eval_on_selector_all("svg, .lane, .whole, img", "all => all.map(one => one.offsetHeight || 0)")
    assert max(heights) < PAPER_HEIGHT  # what is not divided fits on a page
    content = page.pdf(prefer_css_page_size=True, outline=True, tagged=True)
    page.close()
    boxes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", content)
    assert 3 <= len(boxes) <= 8 and {tuple(round(float(side)) for side in box) for box in boxes} == {(595, 842)}  # A4
    for heading in (b"two.mkv: emotions over time", b"Summary", b"Each person", b"Highlights", b"Limits", b"Settings"):
        assert b"/Title (" + heading + b")" in content


def test_a_report_of_one_chosen_person_is_about_that_person_alone(bundled, features, tmp_path):
    bundled.save_report(bundled.infer(features, person=1), tmp_path / "one.html", features=features)
    text = (tmp_path / "one.html").read_text(encoding="utf-8")
    assert "<h2>Each person</h2>" not in text and "person 1" in text


def test_a_report_of_a_part_has_lanes_of_that_part(bundled, features, tmp_path):
    part = bundled.infer(features).between(4.0, 6.0)
    bundled.save_report(part, tmp_path / "part.html", features=features)
    text = (tmp_path / "part.html").read_text(encoding="utf-8")
    assert "0:04 to 0:06 of 0:06" in text
    assert "no evidence; face seen in 0% of the time" in text  # person 1 is gone by then


def test_lanes_are_made_with_the_baseline_and_the_prior_of_the_timeline(bundled, features, tmp_path):
    result = tmp_path / "earlier" / "usual.json"
    bundled.infer(features, person="all").to_json(result)  # its folder is not the working one
    timeline = bundled.infer(features, prior="adaptive", baseline=result)
    lanes = report._lane_timelines(timeline, bundled.model, features)
    whole = bundled.infer(features, person="all", prior="adaptive", baseline=result)
    assert len(lanes) == len(whole.people) == 2 and timeline.baseline.known
    for lane, person in zip(lanes, whole.people, strict=True):
        np.testing.assert_array_equal(lane.probabilities, person.probabilities)
        assert lane.prior.shares == timeline.prior.shares


def test_lanes_are_inferred_only_for_those_who_are_drawn():
    model, count = factories.checkpoint(), MAX_LANES + 2
    times = np.repeat(factories.frame_times(4.0), count)
    features = factories.observations(4.0, factories.seen(times, np.tile(np.arange(count), len(times) // count)))
    timeline = inference.infer(features, model, step=2.0)
    lanes = report._lane_timelines(timeline, model, features)
    whole = inference.infer(features, model, step=2.0, person="all")
    assert len(whole.people) == count and len(lanes) == MAX_LANES
    for lane, person in zip(lanes, whole.people, strict=False):
        np.testing.assert_array_equal(lane.probabilities, person.probabilities)
    for people in (lanes, whole.people):
        text = report.html_text(timeline, people=people)
        assert text.count('<div class="lane">') == MAX_LANES and "2 more persons are not drawn" in text


def test_a_highlight_is_about_the_one_who_shows_its_emotion_most():
    one = factories.timeline([sure("happy"), sure("sad")], person=np.zeros(2, int))
    other = factories.timeline([sure("sad"), sure("angry")], person=np.ones(2, int))
    unseen = factories.timeline([sure("sad")] * 2, person=np.full(2, 2), row_face=np.zeros(2))
    group = replace(one, person=np.full(2, -1), people=(one, other, unseen))
    assert highlighted_person(group, Highlight(0.0, 1.0, "peak", "sad", 1.0, "")) == 1
    assert highlighted_person(group, Highlight(1.0, 2.0, "peak", "sad", 1.0, "")) == 0
    assert highlighted_person(other, Highlight(1.0, 2.0, "peak", "sad", 1.0, "")) == 1
    assert highlighted_person(replace(group, people=(unseen,)), Highlight(0.0, 1.0, "peak", "sad", 1.0, "")) == NOBODY


def test_the_picture_is_of_the_track_that_is_visible_then():
    times = factories.frame_times(6.0)
    jpegs = [b"first", b"second, better", b"another person"]
    arrays = {
        "face_track": np.where(times > 4, 7, np.where(times > 2, 5, 3)),
        "thumbnail_track": np.array([3, 5, 7]),
        "thumbnail_quality": np.array([0.2, 0.9, 1.0], np.float32),
        "thumbnail_bytes": np.array([len(jpeg) for jpeg in jpegs]),
        "thumbnail_jpeg": np.frombuffer(b"".join(jpegs), np.uint8),
    }
    features = factories.observations(6.0, factories.seen(times, (times > 4).astype(int)))
    features.__dict__["arrays"] = features.arrays | arrays  # segments of the factory have no tracks

    def picture(*during):
        row = thumbnails.best_thumbnail(features, 0, during or None, 1.5)
        return None if row is None else thumbnails.thumbnail_jpeg(features, row)

    assert picture() == b"second, better" and picture(0.0, 1.0) == b"first"
    assert picture(5.0, 6.0) == b"second, better" and picture(5.6, 6.0) is None
    assert Portraits(features).best(9) is None and Portraits(features).url(None) == ""
