"""What every test stands on: no network, no cache but its own, the development data, a browser, the running page."""

import itertools
import os
import sys

import pytest

from emorec.ui.server.own_requests import OWN, without_proxy
from support import browser, make_media, page_process
from support.paths import CLIP_SECONDS, SHARED, TALKING_HEAD
from support.untrusted import broken  # noqa: F401 (a fixture)

# Before anything imports huggingface_hub, which reads it once.
os.environ["HF_HUB_OFFLINE"] = "1"
# Keep what is compiled, whatever the environment says: the tests start many processes that import the project.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
if "PYTEST_XDIST_WORKER" in os.environ:
    # Before anything imports torch: test processes side by side, each with a thread per core, wait for one another.
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def pytest_configure(config):
    """Keep encoded recordings from one run of the tests to the next."""
    if cache := getattr(config, "cache", None):
        make_media.cache = cache.mkdir("made-media")
        if "PYTEST_XDIST_WORKER" not in os.environ:
            make_media.drop_old(make_media.cache)


def pytest_collection():
    """Import Gradio for the files that need it: in this way it takes half the time."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        from emorec.ui.server.gradio_import import import_gradio

        with without_proxy():
            import_gradio()


@pytest.hookimpl(optionalhook=True)  # without pytest-xdist there is no such hook
def pytest_xdist_make_scheduler(config, log):
    from support.scheduling import ByFile

    return ByFile(config, log)


def pytest_collection_modifyitems(config, items):
    if config.pluginmanager.hasplugin("rerunfailures"):
        # Browser tests on a busy machine: one that waits in vain is tried once more, and the summary names it. A wrong
        # answer is never tried again.
        again = pytest.mark.flaky(reruns=1, only_rerun=["^TimeoutError: "])
        for item in items:
            if "chromium" in getattr(item, "fixturenames", ()):
                item.add_marker(again)
    if "PYTEST_XDIST_WORKER" in os.environ:
        from support.scheduling import longest_first

        longest_first(items)


@pytest.fixture(scope="session", autouse=True)
def session_environment(tmp_path_factory):
    """For fixtures that outlive a test, the page's process among them, and for tests through ``environment``."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("EMOREC_MODEL", "EMOREC_FACE_MODEL"):
            patch.delenv(name, raising=False)
        patch.setenv("EMOREC_CACHE", str(tmp_path_factory.mktemp("session-cache")))
        # Where a proxy leads to the internet, the servers of the tests are still asked directly.
        direct = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
        patch.setenv("no_proxy", ",".join(filter(None, (direct, *OWN))))
        yield


@pytest.fixture(scope="session")
def caches(tmp_path_factory):
    """Paths of folders that do not exist yet. ``mktemp`` would look through all earlier ones for each."""
    folder = tmp_path_factory.mktemp("caches")
    return (folder / str(number) for number in itertools.count())


@pytest.fixture(autouse=True)
def environment(session_environment, monkeypatch, caches):
    """A separate cache for every test."""
    cache = next(caches)
    cache.mkdir()
    monkeypatch.setenv("EMOREC_CACHE", str(cache))


@pytest.fixture(scope="session")
def shared():
    """The folder of development data."""
    if not SHARED.is_dir():
        pytest.skip("needs ../shared (development data), which is not here")
    return SHARED


@pytest.fixture(scope="session")
def media(shared):
    """The folder of real recordings."""
    return shared / "media"


@pytest.fixture(scope="session")
def clip(tmp_path_factory):
    """A recording of CLIP_SECONDS: a talking head where there is one, else a drawn one."""
    if TALKING_HEAD.exists():
        return TALKING_HEAD
    drawn = tmp_path_factory.mktemp("clip") / "drawn.mp4"
    return make_media.record(drawn, make_media.Video(duration=CLIP_SECONDS), make_media.Audio(duration=CLIP_SECONDS))


@pytest.fixture(scope="session")
def chromium():
    """A headless Chromium, driven by Playwright: ``chromium.new_page()``."""
    executable = browser.find()
    if executable is None:
        pytest.fail(browser.WHAT_TO_DO)
    with browser.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=executable, args=list(browser.ARGUMENTS))
        yield running
        running.close()


@pytest.fixture
def page(chromium, page_server):
    """The running page, opened by a new visitor."""
    from support.pages import visiting

    with visiting(chromium, page_server) as opened:
        yield opened


@pytest.fixture(scope="session")
def page_folder(tmp_path_factory):
    """Where the running page has its log, the ``uploads`` and the count of what it ``opened``."""
    return tmp_path_factory.mktemp("page")


@pytest.fixture(scope="session")
def page_server(session_environment, page_folder):
    """The address of the page, served by ``app.py`` in a separate process, which counts what it decodes.

    Its proxies do not exist, and Gradio's client does not know the kind of one: a page that asks them does not start.
    """
    variables = {"OPENED": str(page_folder / "opened"), "GRADIO_TEMP_DIR": str(page_folder / "uploads")}
    variables |= {"http_proxy": "http://127.0.0.1:9", "all_proxy": "socks://127.0.0.1:9", "no_proxy": ""}
    with page_process.serve_page("tests/support/counted_app.py", page_folder / "log.txt", variables) as address:
        yield address


@pytest.fixture
def home(tmp_path):
    """Where the Hub's library keeps its things, with a blank in its name."""
    return tmp_path / "hub home"


@pytest.fixture
def hub(home, monkeypatch):
    """An empty Hub on the loopback interface that everything here takes for the real one."""
    from support.loopback_hub import LoopbackHub, use_hub

    with LoopbackHub() as running:
        use_hub(running, home, monkeypatch)
        yield running


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """A made recording of 12 s that decodes quickly, with picture and sound."""
    from support.make_media import Audio, Video, record

    path = tmp_path_factory.mktemp("media") / "clip.mkv"
    return record(path, Video(duration=12.0, rate=10), Audio(duration=12.0, codec="pcm_s16le", rate=16_000))


@pytest.fixture(scope="module")
def model():
    """A checkpoint of tiny untrained networks: for what does not depend on what they say."""
    from support import factories

    return factories.checkpoint()


@pytest.fixture(scope="module")
def analyzer():
    """An engine over tiny untrained networks, without a detector."""
    from emorec.analyzer import Analyzer
    from support import factories

    return Analyzer(factories.checkpoint(), None)
