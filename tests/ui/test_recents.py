"""Recent analyses and a running one after a reload, in a real browser; and what another visitor sees of them."""

import time

import pytest

from support import make_media
from support.pages import PATIENCE, analyze, browsing, finished, table, toast, upload, visiting
from support.paths import find_files

LONG = 1200  # seconds of a recording that takes two minutes, if it is called slow: more than a reload
SIZES = {"wide": {"width": 1280, "height": 900}, "narrow": {"width": 380, "height": 800}}


def sound(path, seconds):
    codec = "flac" if path.suffix == ".flac" else "pcm_s16le"
    audio = make_media.Audio(codec=codec, rate=16_000, duration=seconds, tones=((0, seconds),))
    return make_media.record(path, audio=audio)


def reload(page):
    page.reload()
    page.wait_for_selector("#analyze", state="attached")  # hidden while recordings of a list are analysed


def listed(page, count):
    page.wait_for_function("count => document.querySelectorAll('#recents [data-recent]').length === count", arg=count)


def test_an_analysis_is_opened_again_after_a_reload_without_decoding(page, page_folder, tmp_path):
    analyze(page, sound(tmp_path / "first.wav", 4))
    page.get_by_label("Clear", exact=True).click()
    page.wait_for_selector("#player .empty")
    analyze(page, sound(tmp_path / "second.wav", 6))
    listed(page, 2)
    reload(page)
    listed(page, 2)
    assert page.locator("#recents .name").all_inner_texts() == ["second.wav", "first.wav"]
    opened = (page_folder / "opened").stat().st_size
    page.click("#recents >> text=first.wav")
    page.wait_for_selector("#summary [data-complete][data-rows='4']", state="attached")
    page.wait_for_selector("#timeline svg.marks")
    assert len(table(page)) == 4 and page.locator("#player audio").get_attribute("aria-label") == "first.wav"
    assert (page_folder / "opened").stat().st_size == opened  # not even looked into


@pytest.mark.parametrize("size", SIZES)
def test_deleting_really_deletes_and_works_by_keyboard(chromium, page_server, page_folder, tmp_path, size):
    names = [f"gone-{size}-{number}.wav" for number in (1, 2, 3)]
    cache = page_folder / "uploads"
    with visiting(chromium, page_server, viewport=SIZES[size]) as page:
        page.set_input_files("#pick [multiple]", [sound(tmp_path / name, 3 + at) for at, name in enumerate(names)])
        page.wait_for_selector("#recordings [data-item] >> nth=2")
        page.click("#analyze-all")
        listed(page, 3)
        page.wait_for_selector("#recordings >> text=3 of 3 done")
        page.click(f"#recents >> text={names[0]}")
        page.wait_for_selector("#summary [data-complete]", state="attached")

        page.wait_for_function("document.activeElement.matches('#status [data-opened]')")
        page.wait_for_function("Math.abs(document.activeElement.getBoundingClientRect().top) < innerHeight / 2")

        page.focus(f"#recents [aria-label='Delete {names[0]}']")
        page.keyboard.press("Enter")
        assert page.inner_text("#recents button.sure") == "Press again"
        assert page.get_attribute("#recents button.sure", "aria-label") == f"Press again: Delete {names[0]}"
        page.wait_for_timeout(300)
        assert page.locator("#recents [data-recent]").count() == 3
        page.keyboard.press("Enter")
        listed(page, 2)
        page.wait_for_selector("#player .empty >> text=Your recording appears here")
        page.wait_for_selector("#summary [data-duration]", state="detached")
        assert not find_files(cache, names[0]) and find_files(cache, names[1])
        page.wait_for_function("document.activeElement.closest('#recents')")
        assert page.locator("#recordings [data-item]").count() == 2
        assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size]["width"]

        page.focus("#recents [data-do=forget-all]")
        page.keyboard.press("Enter")
        assert page.inner_text("#recents [data-do=forget-all]") == "Press again to delete all for good"
        page.wait_for_timeout(300)
        assert page.locator("#recents [data-recent]").count() == 2
        page.keyboard.press("Enter")
        listed(page, 0)
        assert not any(find_files(cache, name) for name in names)
        reload(page)
        page.wait_for_timeout(1500)
        assert not page.locator("#recents [data-recent]").count()
        # Nothing of it is in store either.
        opened = (page_folder / "opened").stat().st_size
        analyze(page, tmp_path / names[0])
        assert (page_folder / "opened").stat().st_size > opened
        assert "loaded from the store" not in page.inner_text("#status")


def test_a_deleted_analysis_is_shown_on_no_other_page_of_the_browser(page, tmp_path):
    analyze(page, sound(tmp_path / "first.wav", 4))
    other = page.context.new_page()
    other.goto(page.url)
    other.click("#recents >> text=first.wav")
    other.wait_for_selector("#summary [data-complete]", state="attached")
    other.evaluate("window.kept = true")
    try:
        for _ in range(2):
            other.click("#recents [data-do^='forget ']")
        page.wait_for_selector("#player .empty >> text=Your recording appears here")
        page.wait_for_selector("#summary [data-duration]", state="detached")
        assert toast(page) == "What this page showed was deleted on another page."
        listed(page, 0)
        assert other.evaluate("window.kept")
    finally:
        other.close()


def test_another_visitor_never_sees_them(page, chromium, page_server, tmp_path):
    analyze(page, sound(tmp_path / "private.wav", 4))
    listed(page, 1)
    name = page.get_attribute("#recents [data-recent]", "data-recent")
    with browsing(chromium) as context:
        other = context.new_page()
        other.goto(page_server)
        other.wait_for_selector("#analyze")
        other.wait_for_timeout(1500)
        assert not other.locator("#recents [data-recent]").count()
        for what in ("open", "forget"):
            other.evaluate(
                """words => {
                  const field = document.querySelector("#command :is(textarea, input)");
                  Object.getOwnPropertyDescriptor(Object.getPrototypeOf(field), "value").set.call(field, words);
                  field.dispatchEvent(new Event("input", { bubbles: true }));
                }""",
                f"{what} {name} #1{what}",
            )
            assert "not in your list" in other.wait_for_selector("[data-testid=toast-text]").inner_text()
            other.click("[data-testid=toast-close]")
        assert not other.locator("#summary [data-duration]").count()
    reload(page)
    listed(page, 1)


def test_a_running_analysis_is_found_again_at_its_progress(page, tmp_path):
    upload(page, sound(tmp_path / "slow.flac", LONG))
    page.click("#analyze")
    page.wait_for_selector("#status [role=progressbar]:not([aria-valuenow='0'])")
    before = progress(page)
    reload(page)
    page.wait_for_selector("#status [role=progressbar]:not([aria-valuenow='0'])")
    assert progress(page) >= before
    page.wait_for_selector("#player audio", state="attached")
    page.wait_for_selector("#timeline svg.marks")
    page.wait_for_function(
        "now => Number(document.querySelector('#status [role=progressbar]').ariaValueNow) > now", arg=progress(page)
    )
    assert page.locator("#cancel").is_enabled() and page.locator("#analyze").is_disabled()
    page.click("#cancel")
    page.wait_for_selector("#status >> text=Stopped at")
    assert 0 < len(table(page)) < LONG
    listed(page, 1)
    assert "20:00" in page.inner_text("#recents")


def test_an_open_page_says_so_when_another_one_of_its_browser_is_loaded(page):
    with page.expect_request("**/gradio_api/open/*") as said:
        other = page.context.new_page()
        other.goto(page.url)
    try:
        assert said.value.method == "POST" and said.value.response().status == 204
        assert said.value.url.endswith(page.get_attribute("#ack [data-session]", "data-session"))
    finally:
        other.close()


def progress(page):
    return int(page.get_attribute("#status [role=progressbar]", "aria-valuenow"))


def test_a_list_that_is_worked_through_is_found_again(page, tmp_path):
    page.set_input_files("#pick [multiple]", [sound(tmp_path / "slow-a.flac", LONG + 60), sound(tmp_path / "b.wav", 3)])
    page.wait_for_selector("#recordings [data-item] >> nth=1")
    page.click("#analyze-all")
    page.wait_for_selector("#recordings [data-state='at work']")
    reload(page)
    page.wait_for_selector("#recordings [data-state='at work'] >> text=slow-a.flac")
    page.locator("#recordings [data-item]").filter(has_text="slow-a.flac").get_by_role("button", name="Cancel").click()
    page.wait_for_selector("#recordings >> text=1 of 2 done")


def test_who_does_not_come_back_has_no_job_and_no_recording_left(chromium, page_server, page_folder, tmp_path):
    long = sound(tmp_path / "slow-left.flac", LONG + 120)
    with visiting(chromium, page_server) as page:
        upload(page, long)
        page.click("#analyze")
        page.wait_for_selector("#status [role=progressbar]:not([aria-valuenow='0'])")
    deadline = time.monotonic() + PATIENCE / 1000
    while find_files(page_folder / "uploads", "slow-left.*"):
        assert time.monotonic() < deadline, "the recording is still there"
        time.sleep(0.2)
    with visiting(chromium, page_server) as other:  # the queue is free
        analyze(other, sound(tmp_path / "next.wav", 3))
        finished(other)


def test_a_page_that_is_loaded_again_says_what_it_has_closed_and_opens_it_again(page, tmp_path):
    reload(page)
    page.wait_for_selector("body[data-loaded]")
    assert page.locator("#reloaded").count() == 0  # it had shown nothing
    for name in ("one.wav", "two.wav"):
        analyze(page, sound(tmp_path / name, 4))
        page.get_by_label("Clear", exact=True).click()
        page.wait_for_selector("#player .empty")
    listed(page, 2)
    page.click("#recents >> text=one.wav")
    page.wait_for_selector("#status [data-opened]")
    reload(page)
    words = "The page was loaded again, so the result that it showed is closed. Open one.wav again"
    assert page.wait_for_selector("#reloaded").inner_text() == words
    page.click("#reloaded button")
    page.wait_for_selector("#status >> text=Opened one.wav")
    page.wait_for_selector("#reloaded", state="detached")
    # As if the server had been started again meanwhile.
    page.evaluate("document.querySelector('#status [data-opened]').dataset.opened = 'unknown-1'")
    reload(page)
    assert page.wait_for_selector("#reloaded").inner_text().endswith("is not in the list of recent analyses any more.")
    reload(page)
    page.wait_for_selector("body[data-loaded]")
    assert page.locator("#reloaded").count() == 0


def test_a_page_that_is_left_and_come_back_to_says_what_it_has_closed(page, page_server, tmp_path):
    analyze(page, sound(tmp_path / "left.wav", 4))
    for come_back in (page.go_back, lambda: page.goto(page_server)):
        page.goto("about:blank")
        come_back()
        assert page.wait_for_selector("#reloaded button").inner_text() == "Open left.wav again"
        page.click("#reloaded button")
        page.wait_for_selector("#status >> text=Opened left.wav")


def test_a_page_that_is_loaded_again_opens_what_it_showed_and_not_what_was_analysed_last(page, tmp_path):
    analyze(page, sound(tmp_path / "one.wav", 4))
    page.set_input_files("#pick input", sound(tmp_path / "two.wav", 5))
    page.click("#analyze-all")
    listed(page, 2)
    assert page.inner_text("#recents li button.name") == "two.wav"  # the first of the list
    reload(page)
    assert page.wait_for_selector("#reloaded button").inner_text() == "Open one.wav again"
    assert page.evaluate("document.querySelector('#reloaded').getBoundingClientRect().bottom < innerHeight")


def test_an_analysis_that_is_opened_in_the_tab_for_pictures_is_shown(page, tmp_path):
    analyze(page, sound(tmp_path / "one.wav", 4))
    page.get_by_role("tab", name="Picture").click()
    page.wait_for_selector("#summary", state="hidden")
    page.click("#recents >> text=one.wav")
    page.wait_for_selector("#status >> text=Opened one.wav")
    assert page.get_by_role("tab", name="Video or audio").get_attribute("aria-selected") == "true"


def test_a_page_that_is_loaded_again_says_that_a_picture_and_a_video_that_is_written_are_gone(page, clip, media):
    page.get_by_role("tab", name="Picture").click()
    page.set_input_files("#picture input[type=file]", media / "five_faces.jpg")
    page.wait_for_selector("#faces .box")
    reload(page)
    assert page.wait_for_selector("#reloaded").inner_text().endswith("choose the picture again to see its faces.")
    analyze(page, clip)
    page.wait_for_selector("#reloaded", state="detached")
    page.click("#video-boxes")
    page.wait_for_selector("#video-stop")
    reload(page)
    words = page.wait_for_selector("#reloaded").inner_text()
    assert "The video that was being written has ended with the page" in words
