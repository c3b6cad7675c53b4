"""The page's scripts in a page of their own, with as much around them as they need and no server."""

import base64
import contextlib
import json
import re

import numpy as np
import pytest

from emorec.output.chart_data import clock
from emorec.ui import fragments, overview
from emorec.ui.page import layout
from support import factories, make_media

ADDRESS = "http://127.0.0.1:9/"  # nothing listens there
SECONDS = 20


@pytest.fixture(scope="module")
def blank(chromium):
    with contextlib.closing(chromium.new_page()) as page:
        errors = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        yield page
        assert errors == []


@pytest.fixture
def opened(blank):
    """A function that shows HTML and runs scripts in it."""

    def show(html, *scripts, before="", fragment=""):
        sources = (f"({(layout.ASSETS / name).read_text(encoding='utf-8')})();" for name in scripts)
        body = f"<!doctype html><body>{html}<script>{before};{''.join(sources)}</script>"
        blank.unroute_all()
        blank.route("**/*", lambda route: route.fulfill(body=body, content_type="text/html"))
        blank.goto("about:blank")
        blank.goto(ADDRESS + fragment)
        return blank

    return show


def drawn(recording="aa", part=None, first=0.0):
    """The overview as the server draws it."""
    timeline = factories.timeline(factories.probabilities(SECONDS))
    if first:
        timeline = timeline.between(first, SECONDS)
    return overview.overview(timeline, part, recording)


def result(**given):
    return (
        f'<div id="overview">{drawn(**given)}</div><div id="range"><textarea></textarea></div>'
        f'<div id="summary"><i data-duration="{SECONDS}" data-step="1"></i></div><div id="readout"><p></p></div>'
        '<div id="timeline"></div><label id="only"><input type="checkbox"></label>'
    )


VIEW = ("page.js", "address.js", "overview.js", "readout.js", "stretch.js")
FIELD = "document.querySelector('#range textarea').value"
SHOW = "(html) => { document.querySelector('#overview').innerHTML = html; }"
# What the brush shows, whether it is said to be all, and where its handles are.
BRUSH = """() => {
  const brush = document.querySelector("#overview .brush"), box = brush.getBoundingClientRect();
  const ribbon = document.querySelector("#overview .ribbon").getBoundingClientRect();
  const handles = [...brush.querySelectorAll(".handle")].map((one) => Number(one.getAttribute("aria-valuenow")));
  return { handles, style: brush.style.left, whole: brush.parentElement.hasAttribute("data-whole"),
           zoomed: document.body.classList.contains("zoomed") };
}"""


VIDEO = "document.querySelector('video')"
# The values of red, green and blue that the video shows.
PICTURE = """() => {
  const video = document.querySelector("video"), drawing = document.createElement("canvas").getContext("2d");
  Object.assign(drawing.canvas, { width: video.videoWidth, height: video.videoHeight });
  drawing.drawImage(video, 0, 0);
  const all = drawing.getImageData(0, 0, video.videoWidth, video.videoHeight).data;
  return [...all].filter((value, place) => place % 4 < 3);
}"""
DRAW = """() => {
  document.querySelector("#timeline").innerHTML = '<svg class="marks" width="300" height="90">'
    + '<g class="role-frame root"><path class="background" d="M0 0H300V90H0Z"/></g></svg>';
}"""
# Keeps what is to be done when the time to press a button again is over.
LATE = """
  const later = window.setTimeout, forget = window.clearTimeout;
  window.late = new Map();
  window.setTimeout = (call, wait, ...more) => {
    const id = later(call, wait, ...more);
    if (wait === 6000) late.set(id, call);
    return id;
  };
  window.clearTimeout = (id) => { late.delete(id); forget(id); };
"""
# Uploads that end when the test says so.
SLOW = """
  window.sent = [];
  window.XMLHttpRequest = class {
    upload = {};
    status = 200;
    responseText = '["stored"]';
    getResponseHeader() { return "application/json"; }
    open() {}
    send() { sent.push(() => this.onload()); }
  };
"""
LIST = (
    '<div id="pick"><p class="sending"></p><input type="file" multiple></div><div id="command"><input></div>'
    '<div id="ack"><i data-ack="0"></i></div>'
)
CHOOSE = """([folder, name]) => {
  const field = document.querySelector("#pick input"), given = new DataTransfer();
  given.items.add(new File(["x"], name));
  field.webkitdirectory = folder;
  field.files = given.files;
  field.dispatchEvent(new Event("change", { bubbles: true }));
}"""

# A camera and a microphone that a test can end, and a server that answers; how large each picture was is kept.
DEVICES = """
  const canvas = document.createElement("canvas"), [video] = canvas.captureStream(10).getTracks();
  const context = new AudioContext(), [audio] = context.createMediaStreamDestination().stream.getTracks();
  canvas.getContext("2d").fillRect(0, 0, 9, 9);
  setInterval(() => canvas.getContext("2d").fillRect(0, 0, 9, 9), 50);
  window.sent = [];
  window.end = (kind) => {
    const track = { video, audio }[kind];
    track.stop();
    track.dispatchEvent(new Event("ended")); // which only comes by itself when a device goes away
  };
  Object.defineProperty(navigator, "mediaDevices",
    { value: { getUserMedia: async () => new MediaStream([video, audio]) } });
  let newest = 0;
  window.fetch = async (address) => {
    sent.push(Number(new URL(address, location).searchParams.get("length")));
    newest += 0.2;
    return Response.json({ newest, words: "happy 80%", sure: true, emotion: "happy", rate: 5 });
  };
"""


def zoom(page, begin, end):
    page.evaluate("document.body.append(document.createElement('i'))")  # as something always changes
    page.evaluate(f"window.emorecView.show({begin}, {end})")
    page.wait_for_function(f"{FIELD} === '{begin:.3f},{end:.3f}'")


def test_the_part_outlasts_another_analysis_of_the_same_recording_and_no_other_one(opened):
    page = opened(result(), *VIEW)
    zoom(page, 8, 12)
    for html in ("", drawn(part=(8, 12))):
        page.evaluate(SHOW, html)
    assert page.evaluate(BRUSH) == {"handles": [8, 12], "style": "40%", "whole": False, "zoomed": True}
    assert page.evaluate(FIELD) and "#t=8,12&of=aa" in page.url
    page.evaluate("document.addEventListener('emorec-part', () => { window.reset = true; })")  # for the highlights
    for html in ("", drawn("bb", part=(8, 12))):
        page.evaluate(SHOW, html)
    page.wait_for_function(f"{FIELD} === '' && !location.hash")
    assert page.evaluate("window.reset")
    assert page.evaluate(BRUSH) == {"handles": [0, 20], "style": "0%", "whole": True, "zoomed": False}


def test_the_address_names_no_part_of_what_is_deleted(opened):
    page = opened(result(), *VIEW)
    zoom(page, 8, 12)
    page.evaluate(f"{FIELD} = ''")
    page.evaluate(SHOW, "")
    page.wait_for_function("!location.hash && !window.emorecView.part && !document.body.matches('.zoomed')")


def test_the_brush_is_where_the_part_is_after_an_older_drawing_comes_into_the_same_element(opened):
    page = opened(result(), *VIEW)
    zoom(page, 8, 12)
    page.evaluate(
        """(html) => {
          const old = document.querySelector("#overview .overview"), copy = document.createElement("div");
          const morph = (to, from) => {
            [...to.attributes].forEach((one) => from.hasAttribute(one.name) || to.removeAttribute(one.name));
            [...from.attributes].forEach((one) => to.setAttribute(one.name, one.value));
            [...to.children].forEach((child, place) => morph(child, from.children[place]));
          };
          copy.innerHTML = html;
          morph(old, copy.firstChild);
          old.querySelector(".marks").append("▲");
        }""",
        drawn(),
    )
    assert page.evaluate(BRUSH) == {"handles": [8, 12], "style": "40%", "whole": False, "zoomed": True}


def test_nothing_is_said_of_the_time_before_what_was_analysed(opened):
    page = opened(result(first=5.0), *VIEW)
    said = page.evaluate(
        "[2, 4.9, 5, 6].map(t => (emorecView.readOut(t), document.querySelector('#readout p').textContent))"
    )
    assert [words.endswith("not analysed") for words in said] == [True, True, False, False]


FONT = """() => {
  const place = document.createElement("font");
  place.textContent = "Übersetzt";
  document.querySelector("#readout p").replaceChildren(place);
}"""


def test_a_translation_by_the_browser_stays_until_there_is_something_else_to_read(opened):
    """If each replaced the words of the other, both would go on for ever."""
    page = opened(result(), *VIEW)
    read = "(time) => { emorecView.readOut(time); return document.querySelector('#readout p').textContent; }"
    first = page.evaluate(read, 5)
    page.evaluate(FONT)
    assert page.evaluate(read, 5) == "Übersetzt"
    assert page.evaluate(read, 6) not in (first, "Übersetzt")
    page.evaluate("document.querySelector('#readout').innerHTML = '<p></p>'")  # as a redraw does
    assert page.evaluate(read, 6)


def test_a_recording_is_opened_from_the_tab_of_pictures_in_every_language(opened):
    tab = '<button role="tab" data-tab-id="{0}" aria-selected="{1}" onclick="window.chosen = \'{0}\'">{2}</button>'
    tabs = tab.format("file", "false", "Datei") + tab.format("picture", "true", "<font>Bild</font>")
    page = opened(f'<div id="inputs">{tabs}</div><button data-do="open a">a</button>', "page.js", "recordings.js")
    page.click("[data-do]")
    assert page.evaluate("window.chosen") == "file"


def test_the_library_is_opened_in_every_language(opened):
    tab = '<button role="tab" data-tab-id="library" onclick="window.chosen = true">Bibliothek</button>'
    page = opened(f'<div id="inputs">{tab}</div>', "library.js")
    assert page.evaluate("emorecLibrary('a'), window.chosen")


def test_the_first_change_by_a_person_is_read_aloud_also_if_the_end_of_the_analysis_changed_no_row(opened):
    page = opened(result(), *VIEW)
    live = page.evaluate("""() => {
      const { dataset } = document.querySelector("#overview .overview"), rows = dataset.rows;
      const changed = (row) => { dataset.rows = rows.replace(/[^;]+/g, row); };
      const read = () => { emorecView.readOut(5); return document.querySelector("#readout p").ariaLive; };
      delete dataset.complete;
      changed((row) => row.replace(/^([^,]+),.*$/, "$1,0,50,1,-1,-1,-1,-1"));
      const found = [read()];
      dataset.complete = "";
      read();
      changed((row) => row.replace(/^([^,]+),.*$/, "$1,1,60,1,-1,-1,-1,-1"));
      return [...found, read()];
    }""")
    assert live == ["off", "polite"]


def test_times_are_written_as_the_server_writes_them(opened):
    times = [0, 0.25, 0.35, 5.96, 11.9, 59.96, 61, 3599.95, 3599.97, 4503.25, 12.5, 19.69]
    page = opened('<div id="player"><video></video></div>', "page.js", "recordings.js")
    assert page.evaluate(f"{times}.map((time) => window.emorecClock(time))") == [clock(time) for time in times]
    # The end of a recording is rounded as in the line about the analysis.
    for length in (12.5, 13.5, 19.69):
        page = opened(result().replace(f'duration="{SECONDS}"', f'duration="{length}"'), *VIEW)
        page.evaluate(DRAW)
        words = page.wait_for_selector("#playhead").get_attribute("aria-valuetext")
        assert words == f"0:00 of {fragments.clock(length)}"


def test_a_player_that_plays_nothing_has_no_place(opened):
    page = opened('<div id="player"><video hidden></video></div>', "page.js", "recordings.js")
    assert page.evaluate("window.emorecNow()") is None
    assert page.evaluate("document.querySelector('video').hidden = false, window.emorecNow()") == "0:00"


def test_a_seek_goes_to_its_moment_in_a_file_whose_times_begin_late(opened, tmp_path):
    late = make_media.record(tmp_path / "late.webm", make_media.Video(codec="libvpx", duration=4, start=3))
    source = f"data:video/webm;base64,{base64.b64encode(late.read_bytes()).decode()}"
    page = opened(result() + f'<div id="player"><video muted src="{source}"></video></div>', *VIEW, "recordings.js")
    for seek in ("window.emorecSeek(1.52)", "document.querySelector('[data-seek]').click()"):
        page.evaluate(f"document.body.insertAdjacentHTML('beforeend', '<button data-seek=1.52></button>'); {seek}")
        page.wait_for_function(f"(({{ readyState, seeking }}) => readyState > 1 && !seeking)({VIDEO})")
        assert make_media.read_time(np.array(page.evaluate(PICTURE)).reshape(128, 192, 3)) == 4.52
        assert page.evaluate("[window.emorecAt(), window.emorecNow()]") == [pytest.approx(1.52), "0:01.5"]
        page.evaluate("window.emorecSeek(0)")
    # Before there are metadata, as where the browser saves data, the place is the one that will be sought.
    page = opened(result() + '<div id="player"><video></video></div>', *VIEW)
    page.evaluate("window.emorecSeek(2)")
    assert page.evaluate("window.emorecAt()") == 2
    page.evaluate(f"{VIDEO}.src = {json.dumps(source)}")
    page.wait_for_function(f"{VIDEO}.currentTime === 5")
    assert page.evaluate("window.emorecAt()") == 2


def test_a_button_that_was_to_delete_one_recording_does_not_delete_another(opened):
    line = '<button data-do="forget {0}" data-sure="Press again" aria-label="Delete {0}">Delete</button>'
    page = opened(
        f'<div id="recents">{line.format("a")}</div><div id="command"><input></div>'
        '<p id="ack"><i data-ack="0"></i></p>',
        "page.js",
        "recordings.js",
        before=LATE,
    )
    button = page.locator("#recents button")
    seen = "(one) => [one.textContent, one.ariaLabel, one.className]"
    button.click()
    assert button.evaluate(seen) == ["Press again", "Press again: Delete a", "sure"]
    # The list is written anew: the same element is for another line now.
    page.evaluate(
        """() => {
          const button = document.querySelector("#recents button");
          Object.assign(button, { textContent: "Delete", ariaLabel: "Delete b", className: "" });
          button.dataset.do = "forget b";
        }"""
    )
    page.evaluate("late.forEach((call) => call())")  # the time for a is over
    assert button.evaluate(seen) == ["Delete", "Delete b", ""]
    button.click()
    assert button.evaluate(seen) == ["Press again", "Press again: Delete b", "sure"] and page.evaluate("late.size") == 1
    page.evaluate("document.querySelector('#recents button').dataset.do = 'forget c'")
    button.click()  # it says so of another line
    assert page.input_value("#command input") == ""
    button.click()
    page.wait_for_function("document.querySelector('#command input').value === 'forget c #1'")
    assert button.get_attribute("class") == "" and page.evaluate("late.size") == 0


def test_what_is_left_out_of_a_folder_is_said_after_an_upload_that_was_under_way(opened):
    page = opened(
        LIST,
        "page.js",
        "uploading.js",
        "recordings.js",
        before=SLOW,
    )
    page.evaluate(CHOOSE, [False, "a.wav"])
    page.evaluate(CHOOSE, [True, "x.txt"])
    page.evaluate("sent[0]()")
    page.wait_for_function("document.querySelector('#command input').value.startsWith('add [')")
    page.evaluate("document.querySelector('[data-ack]').dataset.ack = 1")
    words = "1 file is not a recording and was left out."
    page.wait_for_function("words => document.querySelector('.sending').textContent === words", arg=words)


# Whether the browser would ask before it leaves the page.
ASKS = "() => !dispatchEvent(new Event('beforeunload', { cancelable: true }))"


def test_the_browser_asks_before_it_leaves_a_page_with_files_that_are_not_sent(opened):
    page = opened(LIST + '<div id="file"></div>', "page.js", "uploading.js", "recordings.js", before=SLOW)
    assert not page.evaluate(ASKS)
    page.evaluate("document.querySelector('#file').innerHTML = '<i class=uploading></i>'")  # Gradio sends a single file
    assert page.evaluate(ASKS)
    page.evaluate("document.querySelector('#file').innerHTML = ''")
    page.evaluate(CHOOSE, [False, "a.wav"])
    assert page.evaluate(ASKS)
    page.evaluate("sent[0]()")
    page.wait_for_function("document.querySelector('#command input').value.startsWith('add [')")
    assert page.evaluate(ASKS)  # the server does not know to which list the file belongs
    page.evaluate("document.querySelector('[data-ack]').dataset.ack = 1")
    page.wait_for_function(f"!({ASKS})()")


RECORDERS = (
    '<div id="record"><button>Record</button></div><button id="other">Start</button>'
    '<div id="buttons"><button id="analyze">Analyze</button></div>'
)
# Devices that refuse, and a recorder; ``refuse`` names the error.
REFUSING = """
  window.refuse = "NotAllowedError";
  window.MediaRecorder = class extends EventTarget {
    start(fails) { if (fails) throw new DOMException("no", "InvalidStateError"); }
    stop() { this.dispatchEvent(new Event("stop")); }
  };
  Object.defineProperty(navigator, "mediaDevices", { configurable: true,
    value: { getUserMedia: async () => { throw new DOMException("no", refuse); } } });
  document.addEventListener("click", (event) => {
    if (event.target.id !== "analyze") navigator.mediaDevices?.getUserMedia({ audio: true }).catch(() => {});
  });
"""


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("NotAllowedError", "The browser does not let this page use"),
        ("NotReadableError", "Another program uses the device"),
        ("NotFoundError", "No such device was found"),
    ],
)
def test_a_recorder_that_cannot_open_its_device_says_why(error, words, opened):
    page = opened(RECORDERS, "recorder.js", before=REFUSING)
    page.evaluate("error => { refuse = error; }", error)
    page.click("#other")  # of another part of the page, which has its own sentences
    page.wait_for_timeout(100)
    assert page.locator("#recorder-note").count() == 0
    page.click("#record button")
    assert page.wait_for_selector("#record + #recorder-note[role=alert]").inner_text().startswith(words)
    page.click("#other")
    page.wait_for_selector("#recorder-note", state="detached")


def test_a_recorder_on_a_page_that_gets_no_devices_says_so(opened):
    none = "Object.defineProperty(navigator, 'mediaDevices', { value: undefined });"
    page = opened(RECORDERS, "recorder.js", before=REFUSING + none)
    page.click("#record button")
    assert "secure pages only" in page.inner_text("#record + #recorder-note")


def test_analyze_waits_for_a_recording_to_be_stopped(opened):
    page = opened(RECORDERS, "recorder.js", before=REFUSING)
    page.evaluate("""() => {
      window.recorder = new MediaRecorder();
      window.clicks = 0;
      document.querySelector("#analyze").addEventListener("click", () => { clicks += 1; });
      try { recorder.start(true); } catch {}
    }""")
    page.click("#analyze")
    assert page.evaluate("clicks") == 1  # none has begun
    page.evaluate("clicks = 0, recorder.start()")
    page.click("#analyze")
    assert page.inner_text("#buttons + #recorder-note").startswith("The recording is still running; stop it")
    assert page.evaluate("clicks") == 0
    page.evaluate("recorder.stop()")
    page.click("#analyze")
    assert page.evaluate("clicks") == 1 and page.locator("#recorder-note").count() == 0


def test_recordings_are_named_by_device_and_time(opened):
    page = opened(RECORDERS, "recorder.js", before=REFUSING + "window.Plain = File;")
    made = "name => { const file = new File(['x'], name, {type: 'video/webm'}); return [file.name, file.type]; }"
    stamp = r"\d{4}-\d\d-\d\d \d\d\.\d\d\.\d\d"
    for given, named in (("sample.webm", f"Webcam {stamp}.webm"), ("audio.wav", f"Microphone {stamp}.wav")):
        name, kind = page.evaluate(made, given)
        assert re.fullmatch(named, name) and kind == "video/webm"
    assert page.evaluate(made, "sample of music.wav")[0] == "sample of music.wav"
    # A file that was chosen, of which Gradio makes another one.
    page.evaluate("window.chosen = new Plain(['x'], 'audio.wav')")
    assert page.evaluate("[chosen instanceof File, new File([chosen], chosen.name).name]") == [True, "audio.wav"]


# What a proxy answers by itself, and what the program answers.
PROXIED = """
  const PAGE = "<html><h1>413 Request Entity Too Large</h1></html>";
  window.fetch = async (address) => {
    const { status, type, body } = JSON.parse(decodeURIComponent(new URL(address, location).search.slice(1)));
    return new Response(body ?? PAGE, { status, headers: { "content-type": type } });
  };
  window.XMLHttpRequest = class {
    upload = {};
    status = 413;
    responseText = PAGE;
    open() {}
    getResponseHeader() { return "text/html"; }
    send() { setTimeout(() => this.onload()); }
  };
"""
ASK = "([path, given]) => fetch(path + '?' + encodeURIComponent(JSON.stringify(given))).then((answer) => answer.text())"


def test_the_error_page_of_a_proxy_becomes_a_sentence(opened):
    page = opened("", "proxy.js", before=PROXIED)
    for status, words in ((413, "larger than the web server"), (502, "does not answer now"), (418, "this (418)")):
        given = {"status": status, "type": "text/html; charset=utf-8"}
        upload = page.evaluate(ASK, ["gradio_api/upload", given])
        assert words in upload and "<" not in upload and "{" not in upload
        assert json.loads(page.evaluate(ASK, ["gradio_api/queue/join", given])) == {"detail": upload}


def test_answers_of_the_program_stay_as_they_are_behind_a_proxy(opened):
    page = opened("", "proxy.js", before=PROXIED)
    for status, type_ in ((413, "text/plain"), (503, "application/json"), (200, "text/html")):
        given = {"status": status, "type": type_, "body": "own words"}
        assert page.evaluate(ASK, ["gradio_api/upload", given]) == "own words"


def test_a_file_of_a_list_that_a_proxy_refuses_gets_a_sentence(opened):
    page = opened(
        LIST,
        "proxy.js",
        "uploading.js",
        "recordings.js",
        before=PROXIED,
    )
    page.evaluate(CHOOSE, [False, "a.wav"])
    words = "a.wav: The file is larger than the web server"
    page.wait_for_function("words => document.querySelector('.sending').textContent.startsWith(words)", arg=words)


def test_a_person_who_wants_less_movement_sees_no_smooth_scrolling(opened):
    page = opened('<div id="player"><video></video></div><button data-seek="1">1</button>', "page.js")
    page.evaluate("Element.prototype.scrollIntoView = (how) => { window.how = how; }")
    for wish, behavior in (("reduce", "auto"), ("no-preference", "smooth")):
        page.emulate_media(reduced_motion=wish)
        page.click("[data-seek]")
        assert page.evaluate("window.how") == {"block": "nearest", "behavior": behavior}
    sources = "".join((layout.ASSETS / name).read_text(encoding="utf-8") for name in layout.SCRIPT_FILES)
    assert sources.count("scrollIntoView") == 1  # the others ask for it too


def test_a_link_that_is_pasted_into_an_open_page_shows_its_part(opened):
    page = opened(result(), *VIEW)
    zoom(page, 8, 12)
    page.evaluate("location.hash = '#t=2,6.5&of=aa'")
    page.wait_for_function(f"{FIELD} === '2.000,6.500' && location.hash === '#t=2,6.5&of=aa'")
    page.evaluate("location.hash = '#t=10,15&of=bb'")  # of another recording: the address says what is shown
    page.wait_for_function(f"{FIELD} === '2.000,6.500' && location.hash === '#t=2,6.5&of=aa'")
    page = opened('<div id="named-part"><p hidden></p></div>', *VIEW)
    page.evaluate("location.hash = '#t=2,6.5&of=aa'")
    words = page.wait_for_selector("#named-part p").inner_text()
    assert words.startswith("The address of this page names the part from 0:02 to 0:06.5 of a recording")


LIVE = (
    '<div id="live-view"><video></video><p class="reading"></p><p class="delay"></p></div>'
    '<div id="live-note"><p data-session="s"></p></div><button id="live-stop">Stop</button>'
)


def test_the_devices_are_closed_if_the_server_begins_no_session(opened):
    page = opened(LIVE, "live.js", before=DEVICES + LATE.replace("6000", "20_000"))
    page.evaluate("emorecLive.open()")
    page.wait_for_function("document.querySelector('.reading').textContent.startsWith('Starting') && late.size === 1")
    page.evaluate("late.forEach((call) => call())")
    assert page.inner_text(".reading") == "Not started."
    assert page.evaluate("document.querySelector('video').srcObject") is None
    assert page.evaluate("emorecLive.open().then(() => [late.size, emorecLive.run(), late.size])") == [1, None, 0]
    page.evaluate("document.querySelector('[data-session]').dataset.session = ''")
    page.evaluate("emorecLive.open().then(() => emorecLive.run())")  # it has refused
    assert page.inner_text(".reading") == "Not started."  # at once, not by the timer


def test_a_camera_and_a_microphone_that_go_away_are_noticed(opened):
    page = opened(LIVE, "live.js", before=DEVICES)
    page.evaluate("emorecLive.open().then(() => emorecLive.run())")
    page.wait_for_function("sent.length > 2 && sent.at(-1) > 0")
    page.evaluate("end('video')")
    page.evaluate("sent.length = 0")
    page.wait_for_function("document.querySelector('.delay').textContent.startsWith('The camera was disconnected.')")
    page.wait_for_timeout(500)  # more than one picture would be sent
    assert page.evaluate("sent.every((length) => !length)") and page.inner_text(".reading") == "happy 80%"
    page.evaluate("document.querySelector('#live-stop').addEventListener('click', () => { window.told = true; })")
    page.evaluate("end('audio')")
    assert page.inner_text(".reading") == "The camera and the microphone were disconnected."
    assert page.inner_text(".delay") == "" and page.evaluate("told")
