"""Several recordings at once, and what is chosen before Analyze, in a real browser."""

import base64
import csv
import io
import json
import re
import zipfile
from pathlib import Path

import pytest

from emorec.emotions import EMOTIONS
from emorec.ui.page import recordings
from support import make_media, make_tracks
from support.pages import MEDIA, browsing, download, finished, table, toast, upload, visiting

SIZES = {"wide": {"width": 1280, "height": 900}, "narrow": {"width": 380, "height": 800}}
FEW = 3  # recordings of the folder that are done, beside the one that fails
DROP = """([where, files]) => {
  const given = new DataTransfer();
  for (const [name, text] of files) {
    given.items.add(new File([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], name));
  }
  const target = document.querySelector(where);
  target.dispatchEvent(new DragEvent("drop", { dataTransfer: given, bubbles: true, cancelable: true }));
}"""

# Where the parts of the table of all recordings are, and what of two cells is behind a name when it is scrolled.
PLACES = """() => {
  const find = (name) => document.querySelector(`#combined ${name}`);
  const place = (name) => find(name).getBoundingClientRect().toJSON();
  const cells = [find("thead th"), find("tbody th")].map((cell) => getComputedStyle(cell));
  const see = (style) => (/^rgb\\(/.test(style.backgroundColor) && Number(style.zIndex) > 0
    && style.borderCollapse === "separate" ? "none" : style.backgroundColor);
  return { scroll: place(".scroll"), how: place(".caption"), name: place("tbody th"),
           angry: place("thead th:nth-child(3)"), problem: place("[data-state] td span"), opaque: cells.map(see) };
}"""

# What the page writes as the place of a player that is at so many seconds; afterwards it is where it was.
AT = """(seconds) => {
  const media = document.querySelector("#player :is(video, audio)");
  Object.defineProperty(media, "currentTime", { value: seconds, configurable: true });
  const words = window.emorecNow();
  delete media.currentTime;
  return words;
}"""


def sound(path, seconds):
    audio = make_media.Audio(codec="pcm_s16le", rate=16_000, duration=seconds, tones=((0, seconds),))
    return make_media.record(path, audio=audio)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with recordings in a folder of its own, one that is none, and what is left out at once."""
    made = tmp_path_factory.mktemp("several") / "Interviews"
    (made / "Anna").mkdir(parents=True)
    make_tracks.record_tracks(made / "Anna" / "voice.wav", [make_tracks.speech(14)])
    sound(made / "Anna" / "tone.wav", 4)
    sound(made / "tone.wav", 3)
    (made / "words.wav").write_text("These are words, and no recording.\n" * 20, encoding="utf-8")
    (made / "readme.txt").write_text("x")
    sound(made / ".hidden.wav", 1)
    return made


def test_files_are_added_whatever_the_clock_does(chromium, page_server, tmp_path):
    """A clock that was set back stands still for what is measured by it."""
    with browsing(chromium) as context:
        page = context.new_page()
        page.add_init_script("Date.now = () => 0")
        page.goto(page_server)
        page.wait_for_selector("#analyze")
        page.set_input_files("#pick input[type=file] >> nth=0", sound(tmp_path / "mine.wav", 2))
        page.wait_for_selector("#recordings >> text=mine.wav", timeout=30_000)


def test_files_that_are_chosen_before_the_server_knows_the_browser_are_not_lost(chromium, page_server, tmp_path):
    held, holding = [], True

    def hold(route):
        if holding:
            held.append(route)
        else:
            route.continue_()

    with browsing(chromium) as context:
        page = context.new_page()
        page.route("**/queue/join*", hold)  # among them the event of the load
        page.goto(page_server)
        page.wait_for_selector("#analyze")
        page.set_input_files("#pick [multiple]", [sound(tmp_path / f"{name}.wav", 1) for name in ("one", "two")])
        page.wait_for_timeout(1500)
        holding = False
        for route in reversed(held):  # a request for the list that did not wait would arrive before the load
            route.continue_()
            page.wait_for_timeout(500)
        page.wait_for_selector("#recordings [data-item] >> nth=1")
        page.wait_for_timeout(1000)
        assert page.locator("#recordings .name").all_inner_texts() == ["one.wav", "two.wav"]


def test_an_upload_whose_connection_breaks_is_sent_again(page, tmp_path):
    uploads = []

    def break_every_other(route):
        uploads.append(route)
        route.abort("connectionreset") if len(uploads) % 2 else route.continue_()

    page.route(re.compile(r"/upload(\?|$)"), break_every_other)
    upload(page, sound(tmp_path / "one.wav", 1))
    assert len(uploads) == 2 and not page.locator("[data-testid=toast-text]").count()
    page.set_input_files("#pick [multiple]", [sound(tmp_path / "two.wav", 1)])
    page.wait_for_selector("#recordings [data-item] >> text=two.wav")
    assert len(uploads) == 4 and page.inner_text("#pick .sending") == ""


def asset(name):
    return (Path(recordings.__file__).parent / "assets" / name).read_text(encoding="utf-8")


def test_files_that_the_page_does_not_answer_for_are_told(chromium, tmp_path):
    # The script alone, in a page whose server never changes what it shows.
    page_text = (
        '<div id="pick"><p class="sending"></p><input type="file" multiple></div>'
        '<div id="command"><input></div><div id="ack"><i data-ack="0"></i></div>'
    )
    script = asset("recordings.js")
    assert "const WAIT = 60000" in script
    with browsing(chromium) as context:
        page = context.new_page()
        page.route("http://list.test/**", lambda route: route.fulfill(body=page_text, content_type="text/html"))
        page.route("**/gradio_api/upload", lambda route: route.fulfill(json=["/stored"]))
        page.goto("http://list.test/")
        page.evaluate(asset("uploading.js"))
        page.evaluate(script.replace("const WAIT = 60000", "const WAIT = 300"))
        page.set_input_files("#pick input", [sound(tmp_path / f"{name}.wav", 1) for name in ("one", "two")])
        page.wait_for_selector("#pick >> text=2 files were uploaded, but the page got no answer")
        assert page.input_value("#command input").startswith("add [")


def test_analyze_all_also_takes_what_is_still_being_uploaded(chromium, tmp_path):
    # The script alone, as above.
    page_text = (
        '<div id="pick"><p class="sending"></p><input type="file" multiple></div><button id="analyze-all"></button>'
        '<div id="command"><input></div><div id="ack"><i data-ack="0"></i></div>'
    )
    script, held = asset("recordings.js"), []
    with browsing(chromium) as context:
        page = context.new_page()
        page.route("http://list.test/**", lambda route: route.fulfill(body=page_text, content_type="text/html"))
        page.route("**/gradio_api/upload", lambda route: held.append(route))
        page.goto("http://list.test/")
        page.evaluate(asset("uploading.js"))
        page.evaluate(script)
        for clicks in (False, True):
            page.set_input_files("#pick input", sound(tmp_path / "one.wav", 1))
            while not held:
                page.wait_for_timeout(20)
            if clicks:
                page.click("#analyze-all")
            held.pop().fulfill(json=["/stored"])
            word = "join" if clicks else "add"
            page.wait_for_function("word => document.querySelector('#command input').value.startsWith(word)", arg=word)
            page.evaluate("document.querySelector('#ack i').dataset.ack = 1")


def choose(page, folder):
    page.set_input_files("#pick [webkitdirectory]", folder)
    page.wait_for_function(
        "count => document.querySelectorAll('#recordings [data-item]').length === count", arg=FEW + 1
    )


def all_done(page):
    page.wait_for_selector(f"#recordings >> text={FEW} of {FEW + 1} done, 1 failed")
    page.wait_for_selector("#analyze-all:not([disabled])")


def line(page, name):
    return page.locator("#recordings [data-item]").filter(has_text=name)


def test_a_folder_is_analysed_and_a_bad_file_does_not_stop_the_others(page, folder):
    choose(page, folder)
    page.wait_for_selector("#pick >> text=2 files are not recordings and were left out.")
    assert set(page.locator("#recordings [data-state]").evaluate_all("all => all.map((one) => one.dataset.state)")) == {
        "waiting"
    }
    assert page.locator("#buttons").is_hidden()  # Analyze all is the button to press
    page.click("text=Details of the recording")
    page.locator("#rotate").get_by_label("180°").check()
    page.click("#analyze-all")
    all_done(page)
    assert "words.wav is text, not a recording" in line(page, "words.wav").inner_text()
    voice = line(page, "Anna/voice.wav")
    edges = page.eval_on_selector("#recordings ol", "list => getComputedStyle(list).backgroundImage")
    assert edges.count("linear-gradient") == 4  # shadows where the list goes on, and what covers them elsewhere
    assert (
        "of the time with evidence" in voice.inner_text() and "no evidence" in line(page, "Anna/tone.wav").inner_text()
    )

    rows = page.locator("#combined tbody tr")
    assert rows.count() == FEW + 1 and "Persons" not in page.inner_text("#combined thead")  # of sound alone
    assert "0:14" in rows.filter(has_text="Anna/voice.wav").inner_text()
    assert "words.wav is text, not a recording" in rows.filter(has_text="Interviews/words.wav").inner_text()

    found = {row["recording"]: row for row in read(page, "all-table")}
    assert set(found) == {f"Interviews/{each}" for each in ("Anna/voice.wav", "Anna/tone.wav", "tone.wav", "words.wav")}
    spoken = found["Interviews/Anna/voice.wav"]
    assert sum(float(spoken[name]) for name in (*EMOTIONS, "unsure")) == pytest.approx(1, abs=0.01)
    assert found["Interviews/words.wav"]["state"] == "failed" and found["Interviews/tone.wav"]["dominant"] == ""
    tidy = read(page, "all-rows")
    assert len(tidy) == 14 + 4 + 3 and list(tidy[0])[:3] == ["recording", "start", "end"]
    name, content = download(page, "all-zip")
    archive = zipfile.ZipFile(io.BytesIO(content))
    assert name == "recordings.zip" and archive.testzip() is None
    assert {"recordings.csv", "Interviews-Anna-voice.csv", "Interviews-Anna-voice.json"} <= set(archive.namelist())
    assert json.loads(archive.read("Interviews-Anna-voice.json"))["choices"]["rotate"] == 180

    voice.get_by_role("button", name="Interviews/Anna/voice.wav", exact=True).click()
    page.wait_for_selector("#status >> text=Opened voice.wav, analysed before: 0:14")
    page.wait_for_selector("#summary [data-complete][data-rows='14']", state="attached")
    page.wait_for_selector("#timeline svg.marks")
    assert page.evaluate(f"{MEDIA}.duration") == pytest.approx(14, abs=0.1)
    assert len(table(page)) == 14

    line(page, "words.wav").get_by_role("button", name="Remove").click()  # what failed would be tried again
    line(page, "words.wav").wait_for(state="detached")
    page.click("#analyze-all")
    assert "All of the list was analysed with these choices already" in toast(page)
    page.locator("#prior").get_by_label("Even").check()
    page.click("#analyze-all")
    page.wait_for_selector("#combined >> text=even prior")
    page.wait_for_selector(f"#recordings >> text={FEW} of {FEW} done")
    page.locator("#prior").get_by_label("Everyday").check()
    page.wait_for_selector("#timeline svg.marks")
    voice.get_by_role("button", name="Interviews/Anna/voice.wav", exact=True).click()
    page.wait_for_selector("#prior label:has(input:checked) >> text=Even")  # the choice of the line

    line(page, "Anna/tone.wav").get_by_role("button", name="Remove").click()
    line(page, "Anna/tone.wav").wait_for(state="detached")
    page.click("#empty-list")
    page.wait_for_selector("#several", state="hidden")


def read(page, kind):
    return list(csv.DictReader(download(page, kind)[1].decode().splitlines()))


def test_one_or_all_can_be_cancelled_and_analysed_later(page, tmp_path, folder):
    long = sound(tmp_path / "slow.wav", 600)
    page.set_input_files("#pick [multiple]", [long, folder / "tone.wav"])
    page.wait_for_selector("#recordings [data-item] >> nth=1")
    page.click("#analyze-all")
    page.wait_for_selector("#recordings [data-item] [role=progressbar][aria-label='slow.wav']")
    line(page, "slow.wav").get_by_role("button", name="Cancel").click()
    page.wait_for_selector("#recordings >> text=1 of 2 done")
    page.wait_for_selector("#recordings [data-state=stopped] >> text=slow.wav")
    page.click("#analyze-all")
    page.wait_for_selector("#recordings [data-state='at work'] >> text=slow.wav")
    page.click("#cancel-all")
    page.wait_for_selector("#recordings [data-state=stopped] >> text=slow.wav")
    assert page.locator("#cancel-all").is_disabled() and page.locator("#analyze-all").is_enabled()


def test_dropped_files_are_a_list_and_one_dropped_file_is_not(page, folder):
    content = base64.b64encode((folder / "tone.wav").read_bytes()).decode()
    page.wait_for_selector("body[data-loaded]", state="attached")  # nobody drops files before the page's scripts run
    page.evaluate(DROP, ["#file button", [["one.wav", content], ["two.wav", content]]])
    page.wait_for_selector("#recordings [data-item] >> nth=1")
    assert page.locator("#player .empty").is_visible()
    page.click("#empty-list")
    page.wait_for_selector("#several", state="hidden")
    page.evaluate(DROP, ["#file button", [["single.wav", content]]])
    page.wait_for_selector("#player audio", state="attached")
    assert not page.locator("#recordings [data-item]").count() and page.locator("#buttons").is_visible()


@pytest.mark.parametrize("size", SIZES)
def test_the_list_works_by_keyboard_alone_and_fits(chromium, page_server, folder, size):
    with visiting(chromium, page_server, viewport=SIZES[size], has_touch=size == "narrow") as page:
        choose(page, folder)
        page.focus("#analyze-all")
        page.keyboard.press("Enter")
        all_done(page)
        button = line(page, "Anna/voice.wav").locator("button.name")
        button.focus()
        page.keyboard.press("Enter")
        page.wait_for_selector("#summary [data-complete][data-rows='14']", state="attached")
        button.focus()
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Remove Interviews/Anna/voice.wav"
        page.keyboard.press("Enter")  # the list is written anew, and the focus stays in it
        line(page, "Anna/voice.wav").wait_for(state="detached")
        page.wait_for_function("document.activeElement.closest('#recordings')")
        assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size]["width"]
        if size == "narrow":
            heights = page.locator("#recordings button, #pick button, #recents button, #combined button").evaluate_all(
                "all => all.map((one) => one.getBoundingClientRect().height)"
            )
            assert heights and min(heights) >= 43.5


def test_on_a_phone_the_table_of_all_is_read_beside_the_names(chromium, page_server, folder):
    with visiting(chromium, page_server, viewport={"width": 360, "height": 800}, has_touch=True) as page:
        choose(page, folder)
        page.click("#analyze-all")
        all_done(page)
        page.wait_for_selector("#combined tbody tr[data-state=failed]")
        places = page.evaluate(PLACES)
        assert places["name"]["width"] <= 0.45 * places["scroll"]["width"]
        assert places["angry"]["right"] <= places["scroll"]["right"]  # the length and an emotion at least
        assert places["how"]["right"] <= places["scroll"]["right"] + 1 and places["how"]["height"] > 30
        for moved in (0, 150):
            page.evaluate("(moved) => { document.querySelector('.combined .scroll').scrollLeft = moved; }", moved)
            places = page.evaluate(PLACES)
            problem, name, scroll = places["problem"], places["name"], places["scroll"]
            assert name["left"] == pytest.approx(scroll["left"], abs=1)
            assert name["right"] <= problem["left"] and problem["right"] <= scroll["right"] + 1
        assert places["opaque"] == ["none", "none"]
        shadow = page.evaluate("getComputedStyle(document.querySelector('.combined .scroll')).background")
        assert shadow.count("gradient") == 2 and "local" in shadow  # it says that more columns follow


def test_a_file_of_another_visitor_cannot_be_put_into_the_list(page, chromium, page_server, folder):
    upload(page, folder / "tone.wav")
    source = page.get_attribute("#player audio", "src")
    path = source.partition("file=")[2]
    with visiting(chromium, page_server) as other:
        for words in (
            f'add [{{"path": "{path}", "name": "x"}}]',
            'add [{"path": "/etc/hostname", "name": "x"}]',
            "add 1",
        ):
            other.evaluate(
                """words => {
                  const field = document.querySelector("#command :is(textarea, input)");
                  Object.getOwnPropertyDescriptor(Object.getPrototypeOf(field), "value").set.call(field, words);
                  field.dispatchEvent(new Event("input", { bubbles: true }));
                }""",
                f"{words} #{len(words)}",
            )
            assert "not uploaded" in toast(other) or "should not" in toast(other)
        assert not other.locator("#recordings [data-item]").count()


def test_the_tracks_of_a_file_are_listed_and_the_part_is_set_from_the_player(page, tmp_path):
    two = make_tracks.record_tracks(
        tmp_path / "two.mkv", [make_tracks.tone(6), make_tracks.speech(6)], languages=("ger", "eng")
    )
    page.click("text=Details of the recording")
    upload(page, two)
    page.wait_for_selector("#track")
    page.locator("#track input").click()
    page.wait_for_selector("[role=option] >> text=1: German, pcm_s16le, mono")
    page.click("[role=option] >> text=2: English")
    for name in ("#video-track", "#person"):  # sound alone, though the player takes the file for a film
        assert page.locator(name).is_hidden()
    assert page.locator("#channel").is_hidden()  # one channel

    page.evaluate("document.querySelector('#player :is(video, audio)').currentTime = 2.5")
    page.click("#start-now")
    page.wait_for_function("document.querySelector('#start :is(input, textarea)').value === '0:02.5'")
    assert page.evaluate(AT, 4503.25) == "1:15:03.2" and page.evaluate(AT, 3599.95) == "59:59.9"
    page.locator("#end :is(input, textarea)").fill("0:05")
    page.click("#analyze")
    finished(page)
    rows = table(page)
    assert (float(rows[0]["start"]), float(rows[-1]["end"])) == (2.5, 5.0)
    assert any(float(row["row_speech"]) > 0 for row in rows)  # only the second track has speech

    page.locator("#file").get_by_label("Clear").click()
    upload(page, sound(tmp_path / "one.wav", 3))
    page.wait_for_selector("#track", state="hidden")
