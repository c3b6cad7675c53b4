"""The login, and that the log contains nothing that clients send."""

import contextlib
import logging
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from gradio_client import Client, handle_file
from starlette.datastructures import Headers

from emorec.ui.server import log
from emorec.ui.server.login import MAX_WRONG, PAUSE, LoginAttempts, password_checker
from emorec.ui.server.visitors import client_address
from support.small_page import API, serving

SECRET = "anna-karenina-interview"
RIGHT = {"username": "user", "password": "pass:word"}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("temp-dir"), EMOREC_AUTH="user:pass:word") as running:
        yield running


@pytest.fixture
def client(served):
    served.guard.attempts.succeeded("127.0.0.1")  # forgets the failed attempts of other tests
    with httpx.Client(base_url=served.address, timeout=60) as visitor:
        yield visitor


def test_only_the_login_page_is_answered_without_a_login(client):
    assert client.get("/").status_code == 200 and client.get("/health").status_code == 200
    for path in (
        "/config",
        f"{API}/info",
        f"{API}/heartbeat/x",
        f"{API}/queue/data?session_hash=x",
        f"{API}/file=/x",
        f"{API}/upload_progress?upload_id=x",
        f"{API}/call/where/x",
    ):
        assert client.get(path).status_code == 401, path
    for path in ("cancel", "reset", "queue/join", "call/where", "run/predict", "upload"):
        assert client.post(f"{API}/{path}", json={"event_id": "x"}).status_code == 401, path


def test_the_right_password_opens_and_its_cookies_stay_here(client):
    answer = client.post("/login", data=RIGHT)
    assert answer.status_code == 200
    cookies = answer.headers.get_list("set-cookie")
    assert len(cookies) == 2
    for cookie in cookies:
        attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert {"httponly", "samesite=lax"} <= attributes and "samesite=none" not in attributes
    client.cookies = dict(answer.cookies.items())
    assert client.get("/config").status_code == 200


def test_a_program_logs_in(served, client, tmp_path):
    (tmp_path / "mine.txt").write_text("words")
    program = Client(served.address, auth=tuple(RIGHT.values()), verbose=False, analytics_enabled=False)
    assert program.predict(handle_file(str(tmp_path / "mine.txt")), api_name="/where").endswith("mine.txt")
    program.close()


def test_passwords_are_not_guessed_by_trying(client):
    def guess(number):
        return client.post("/login", data={"username": "user", "password": str(number)})

    with ThreadPoolExecutor(8) as guessing:
        answers = list(guessing.map(guess, range(30)))
    assert sorted(answer.status_code for answer in answers) == [400] * MAX_WRONG + [429] * (30 - MAX_WRONG)
    refusal = next(answer for answer in answers if answer.status_code == 429)
    assert 0 < int(refusal.headers["retry-after"]) <= PAUSE and refusal.json()["detail"].endswith("in a minute.")
    assert client.post("/login", data=RIGHT).status_code == 429
    assert client.get("/health").status_code == 200


def test_the_pause_is_the_addresss_own_and_ends():
    now = [0.0]
    attempts = LoginAttempts(clock=lambda: now[0])
    assert [attempts.begin("192.0.2.1") for _ in range(MAX_WRONG)] == [0] * MAX_WRONG
    assert attempts.begin("192.0.2.1") == PAUSE and attempts.begin("::ffff:192.0.2.1") == PAUSE
    assert attempts.begin("192.0.2.2") == 0
    for last in range(MAX_WRONG):
        assert attempts.begin(f"2001:db8::{last}") == 0
    assert attempts.begin("2001:db8::ffff") == PAUSE and attempts.begin("2001:db8:1::1") == 0
    now[0] = PAUSE
    assert attempts.begin("192.0.2.1") == 0
    attempts.succeeded("192.0.2.1")
    assert [attempts.begin("192.0.2.1") for _ in range(MAX_WRONG)] == [0] * MAX_WRONG


def test_a_user_and_a_password_are_compared_whole():
    right = password_checker("us\u00e9r", "pass")
    assert right("us\u00e9r", "pass")
    for user in ("us\u00e9r", "user", "", "\udc00"):
        for password in ("pas", "pass\0", "", "Pass"):
            assert not right(user, password)
    assert not right("user", "pass")


def test_the_log_contains_nothing_that_clients_send(client, capfd):
    with log.filtered():
        send_secrets(client)
        fail_in_libraries()
    log_text = "".join(capfd.readouterr())
    assert SECRET not in log_text and "\x1b" not in log_text
    assert "ValueError at" in log_text and "KeyError at" in log_text and "small_page.py" in log_text
    assert "Refused %s" in log_text and "never retrieved" in log_text
    assert log_text.count("It failed") == 1
    assert max(map(len, log_text.splitlines())) < 2000


def send_secrets(client):
    client.cookies = dict(client.post("/login", data=RIGHT).cookies)
    forged = f"%0A{SECRET}%1b[2J"
    for path in (
        f"{API}/custom_component/x{forged}/client/y/z",
        f"/assets/{forged}",
        f"{API}/file=/{forged}",
        f"{API}/call/where/{forged}",
        f"{API}/call/{SECRET}/x",
    ):
        client.get(path)
    for data in ([SECRET * 100], [{"path": SECRET}], [None], [], {SECRET: SECRET}, SECRET):
        for route in ("call/fail", "call/where", "call/name", f"call/{SECRET}", "queue/join", "run/predict"):
            given = {"data": data, "session_hash": "logged", "fn_index": 0, "event_data": SECRET}
            answer = client.post(f"{API}/{route}", json=given)
            with contextlib.suppress(ValueError, KeyError, TypeError):
                client.get(f"{API}/{route}/{answer.json()['event_id']}")
    client.post(f"{API}/upload", files={"x": (SECRET, SECRET)}, data={"files": SECRET})


def fail_in_libraries():
    logging.getLogger("uvicorn.error").warning("Refused %s", SECRET)
    logging.getLogger("asyncio").error(f"Task exception was never retrieved\nfuture: {SECRET}")
    try:
        raise KeyError(SECRET)
    except KeyError as error:
        traceback.print_exc()
        print(SECRET, file=sys.stderr)
        logging.getLogger("gradio").exception("failed")
        for _ in range(100):
            log.error("It failed", error)
    print(SECRET)


def test_what_a_client_sent_is_cut_and_escaped():
    assert log.escaped("a\r\n\x1b[2J\u202eb") == r"a\r\n\x1b[2J\u202eb"
    assert log.escaped("x" * 1000) == "x" * log.MAX_CLIENT_TEXT + "..."


def test_behind_a_trusted_proxy_the_last_public_address_counts():
    scope = {"client": ("10.0.0.1", 5)}
    given = Headers({"x-forwarded-for": "192.0.2.9, 8.8.8.8, 9.9.9.9, 10.0.0.2, x"})
    assert client_address(scope, given, behind_proxy=True) == "9.9.9.9"
    assert client_address(scope, given, behind_proxy=False) == "10.0.0.1"
    assert client_address(scope, Headers({}), behind_proxy=True) == "10.0.0.1"
