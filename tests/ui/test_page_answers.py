"""Each event of the page is answered, also if the page hears late that its stream of answers has ended."""

from urllib.parse import urlparse

from support import late_ends
from support.pages import finished, set_number, visiting


def test_no_answer_is_lost_when_the_page_hears_late_of_the_end_of_its_stream(chromium, page_server):
    with (
        late_ends.before(urlparse(page_server).port) as ends,
        visiting(chromium, f"http://127.0.0.1:{ends.port}") as page,
    ):
        page.click("#example button")
        page.wait_for_selector("#player video")
        page.click("#analyze")
        finished(page)
        set_number(page, "Step", 2)
        page.wait_for_selector("#summary [data-step='2']", state="attached")
    assert ends.held >= 3
