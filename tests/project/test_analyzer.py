"""The library as a user sees it: what can be imported and called, by which keywords, and what is refused."""

import inspect
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import emorec
from emorec.analyzer import Analyzer
from emorec.emotions import EMOTIONS
from emorec.errors import EmorecError
from emorec.media import sandbox
from emorec.models import checkpoint, pretrained
from support import factories
from support.make_media import Audio, Video, record
from support.paths import ROOT

RATE = 16_000
HEAVY = ("numpy", "torch", "cv2", "av", "altair", "gradio", "pandas", "PIL", "yt_dlp", "huggingface_hub", "ssl")


@pytest.fixture(scope="module")
def analyzer():
    return Analyzer(factories.checkpoint(), None)


@pytest.fixture
def recording(tmp_path):
    return record(
        tmp_path / "drawn.mkv",
        Video(duration=4.0, rate=10, size=(96, 64)),
        Audio(duration=4.0, codec="pcm_s16le", rate=RATE),
    )


def imported_after(code):
    """Which of HEAVY a new Python has imported after running code."""
    script = f"import json, sys\n{code}\nprint('\\n' + json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_notebook_shows_an_analyzer_and_features_in_a_few_lines(analyzer):
    *_, features = analyzer.extract(np.zeros(RATE), sample_rate=RATE)
    for shown in (repr(analyzer), repr(features)):
        assert len(shown) < 1500 and "Conv2d" not in shown and "array(" not in shown
    assert "duration=1.0" in repr(features) and "detector_file=None" in repr(analyzer)


@pytest.mark.parametrize(
    "code",
    [
        "import emorec; emorec.EmorecError, emorec.__version__, emorec.analyze, dir(emorec)",
        "import emorec; emorec.library.open",  # as docs/LIBRARY.md shows it
        "from emorec import cli\ntry: cli.main(['analyze', '--help'])\nexcept SystemExit: pass",
        "from emorec import cli\ntry: cli.main(['--version'])\nexcept SystemExit: pass",
    ],
)
def test_importing_emorec_and_asking_for_help_import_nothing_large(code):
    assert imported_after(code) == []


def test_analysis_imports_no_chart_and_no_table():
    assert not {"altair", "pandas", "gradio"} & {*imported_after("import emorec\nemorec.Analyzer, emorec.Timeline")}


def test_the_public_names_are_there_and_others_are_not():
    for name in emorec.__all__:
        assert getattr(emorec, name) is not None and name in dir(emorec)
    assert emorec.Analyzer is Analyzer and emorec.Timeline.__module__ == "emorec.timeline"
    with pytest.raises(AttributeError, match="has no attribute 'analyse'"):
        _ = emorec.analyse


def test_an_error_of_the_user_is_a_value_error():
    assert issubclass(EmorecError, ValueError)


def test_both_ways_to_analyze_have_the_same_keywords_and_defaults():
    short, full = (inspect.signature(function).parameters for function in (emorec.analyze, Analyzer.analyze))
    kind = inspect.Parameter.KEYWORD_ONLY
    defaults = [{n: p.default for n, p in each.items() if p.kind == kind} for each in (short, full)]
    assert defaults[0] == defaults[1] and len(defaults[0]) > 15
    inferred = inspect.signature(Analyzer.infer).parameters
    assert all(full[name].default == inferred[name].default for name in inferred if name not in ("self", "features"))
    assert inspect.signature(emorec.analyze_image).parameters["prior"].default == "even"


def test_the_package_says_that_it_has_types():
    assert (Path(emorec.__file__).parent / "py.typed").exists()


def test_a_checkpoint_is_saved_and_loaded_again(analyzer, tmp_path):
    analyzer.save_pretrained(tmp_path / "saved")
    again = Analyzer.from_pretrained(tmp_path / "saved", device="cpu")
    assert again.model.fingerprint == analyzer.model.fingerprint
    (tmp_path / "saved" / checkpoint.CARD_FILE).write_text("a card")
    again.save_pretrained(tmp_path / "copy")
    assert (tmp_path / "copy" / checkpoint.CARD_FILE).read_text() == "a card"
    again.save_pretrained(tmp_path / "saved")
    (tmp_path / "file").write_text("")
    with pytest.raises(EmorecError, match="cannot be written"):
        analyzer.save_pretrained(tmp_path / "file" / "below")


def test_without_a_name_the_bundled_checkpoint_is_loaded(monkeypatch):
    monkeypatch.delenv("EMOREC_MODEL", raising=False)
    assert Analyzer.from_pretrained(device="cpu").origin.folder == pretrained.BUNDLED


@pytest.mark.parametrize("device", ["cuda", "mps", "abacus"])
def test_a_device_that_is_not_there_is_one_sentence(device, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: False)
    with pytest.raises(
        EmorecError, match=rf"^(There is no usable {device.upper()} device|The device '{device}') .*\.$"
    ):
        Analyzer.from_pretrained(device=device)


def test_a_timeline_comes_from_a_file_with_any_keywords(analyzer, recording):
    grown = []
    timeline = analyzer.analyze(
        str(recording),
        grown.append,
        fusion="intermediate",
        step=0.5,
        window=1.0,
        prior=dict.fromkeys(EMOTIONS, 1),
        end=3.0,
    )
    assert isinstance(timeline, emorec.Timeline) and len(timeline) == 6 and grown[-1].complete
    assert (timeline.fusion, timeline.step, timeline.window, timeline.prior.name) == ("intermediate", 0.5, 1.0, "own")
    assert timeline.choices["end"] == 3.0


def noting(name, function, read):
    """The generator function, which puts its name into a set when it runs."""

    def reading(*given, **options):
        read.add(name)
        yield from function(*given, **options)

    return reading


@pytest.mark.parametrize(
    ("modalities", "fusion", "decoded"),
    [
        (("face", "voice"), "late", {"frames", "audio"}),
        (("voice",), "late", {"audio"}),
        ("voice", "voice", {"audio"}),
        (["face"], "late", {"frames"}),
        (["face"], "face", {"frames"}),
        (("face", "voice"), "voice", {"audio"}),
        (("face", "voice"), "face", {"frames", "audio"}),
    ],
)
def test_only_the_chosen_modalities_are_decoded(analyzer, recording, modalities, fusion, decoded, monkeypatch):
    read = set()
    for name in ("frames", "audio"):
        monkeypatch.setattr(sandbox, name, noting(name, getattr(sandbox, name), read))
    timeline = analyzer.analyze(recording, modalities=modalities, fusion=fusion)
    assert read == decoded and len(timeline) == 4
    assert timeline.choices["faces"] == ("frames" in decoded) and timeline.choices["voices"] == ("audio" in decoded)


def test_one_modality_alone_is_what_its_fusion_gives(analyzer):
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, 4 * RATE)
    late = analyzer.analyze(samples, sample_rate=RATE, modalities=["voice"])
    voice = analyzer.analyze(samples, sample_rate=RATE, fusion="voice", person=3)
    assert len(late) == len(voice) == 4 and (voice.person == -1).all()
    np.testing.assert_allclose(late.probabilities, voice.probabilities)
    assert [note for note in voice.notes if note not in late.notes] == [
        "No picture was decoded, so the choice of the person 3 was not used, and every voice counts."
    ]
    assert analyzer.analyze(samples, sample_rate=RATE, fusion="voice", person="all").notes == late.notes


def test_pictures_and_sound_in_memory_make_a_timeline(analyzer):
    frames = np.random.default_rng(0).integers(0, 256, (20, 48, 64, 3)).astype(np.uint8)
    timeline = analyzer.analyze(frames, frame_rate=10, samples=np.zeros(2 * RATE, np.int16), sample_rate=RATE)
    assert len(timeline) == 2 and timeline.media["has_audio"] and timeline.duration == pytest.approx(2.0)
    assert len(analyzer.analyze(iter(frames), frame_rate=10)) == 2
    columns = pd.DataFrame({"left": np.zeros(2 * RATE), "right": np.zeros(2 * RATE)})
    assert len(analyzer.analyze(columns, sample_rate=RATE)) == 2


def test_a_reader_of_pictures_is_no_open_file(analyzer):
    class Reader(list):
        def read(self):
            return self.pop(0)

    frames = np.zeros((20, 32, 32, 3), np.uint8)
    assert len(analyzer.analyze(Reader(frames), frame_rate=10)) == 2


@pytest.mark.parametrize(
    ("media", "given", "sentence"),
    [
        ("a.mp4", {"sample_rate": RATE}, "A file has its own rates"),
        ("a.mp4", {"samples": np.zeros(9)}, "A file has its own rates"),
        (np.zeros(9), {}, "Pictures need their frame_rate and sound its sample_rate"),
        (np.zeros(9), {"samples": np.zeros(9), "sample_rate": RATE}, "Pictures need their frame_rate to be analyzed"),
        (None, {}, "this is a NoneType"),
        (b"bytes", {"sample_rate": RATE}, "this is a bytes"),
        (7, {"sample_rate": RATE}, "this is a int"),
        (io.BytesIO(b"bytes"), {}, "this is a BytesIO"),
        ({"a": 1}, {"frame_rate": 5}, "this is a dict"),
        ("", {}, "The path of the recording is empty"),
        ("https://example.org/a.mp4", {}, "This takes the path of a file, not a link"),
        (["a.mp4", "b.mp4"], {}, "These are several recordings; give one at a time"),
        (np.array(["a.mp4"]), {}, "These are several recordings"),
        (pd.Series(["a.mp4"]), {}, "These are several recordings"),
        (np.zeros(9), {"sample_rate": RATE, "modalities": ["face", "smell"]}, "The modality 'smell' does not exist"),
        (np.zeros(9), {"sample_rate": RATE, "modalities": []}, "There is no modality to use"),
        (np.zeros(9), {"sample_rate": RATE, "modalities": ["face"], "fusion": "voice"}, "needs the modality voice"),
        (np.zeros(9), {"sample_rate": RATE, "fusion": "early"}, "The fusion 'early' does not exist"),
        (np.zeros(9), {"sample_rate": RATE, "step": "1"}, "The step must be a number, not '1'"),
        (np.zeros(9), {"sample_rate": RATE, "window": True}, "The window must be a number, not True"),
        (np.zeros(9), {"sample_rate": RATE, "person": -1}, "There is no person -1"),
        (np.zeros(9), {"sample_rate": RATE, "channel": "middle"}, "The channel 'middle' does not exist"),
        (np.zeros(9), {"sample_rate": RATE, "start": None}, "The start must be a number of seconds, not None"),
        (np.zeros(9), {"sample_rate": RATE, "modalities": None}, "The modality None does not exist"),
        (np.zeros(9), {"sample_rate": RATE, "people": ["Anna"]}, "Persons are a names file, .* not a list"),
        (np.zeros(9), {"sample_rate": RATE, "prior": [1 / 7] * 7}, "The prior, a list, is neither .* a mapping with a"),
    ],
)
def test_what_cannot_be_analyzed_is_one_sentence(analyzer, media, given, sentence):
    with pytest.raises(EmorecError, match=sentence) as error:
        analyzer.analyze(media, **given)
    assert str(error.value).endswith(".") and "\n" not in str(error.value)


@pytest.mark.parametrize("wrong", ["a.mp4", [], iter(())], ids=["path", "list", "iterator"])
def test_what_are_no_features_is_one_sentence(analyzer, wrong):
    with pytest.raises(EmorecError, match=r"infer takes the last Features that .* takes a recording\.$"):
        analyzer.infer(wrong)


def test_an_unknown_keyword_is_python_s_own_error(analyzer):
    with pytest.raises(TypeError, match="stepp"):
        analyzer.analyze("a.mp4", stepp=1)


def test_the_old_names_of_both_stages_work(analyzer, recording, tmp_path):
    *_, features = analyzer.observe(recording, tmp_path / "cache")
    assert features.key and isinstance(features, emorec.Features)
    np.testing.assert_array_equal(
        analyzer.decide(features, step=2.0).probabilities, analyzer.infer(features, step=2.0).probabilities
    )
    assert analyzer.forget(recording, tmp_path / "cache") is True


def test_faces_of_a_picture_come_from_a_file_or_an_array(analyzer, tmp_path):
    image = np.asarray(Image.open(ROOT / "emorec" / "ui" / "assets" / "portrait.jpg").convert("RGB"))
    Image.fromarray(image).save(tmp_path / "portrait.png")
    (face,), (same,) = analyzer.analyze_image(image), analyzer.analyze_image(tmp_path / "portrait.png")
    assert isinstance(face, emorec.FaceResult) and face.box == same.box
    np.testing.assert_allclose(face.probabilities, same.probabilities)
    assert len(analyzer.analyze_image(image[..., 1])) == 1
    happy = {emotion: 1.0 if emotion == "happy" else 0.0 for emotion in EMOTIONS}
    assert analyzer.analyze_image(image, prior=happy)[0].dominant == "happy"
    with pytest.raises(EmorecError, match="A picture must be a uint8 array"):
        analyzer.analyze_image(image / 255)


def test_features_of_arrays_say_whose_networks_made_them(analyzer):
    *_, features = analyzer.extract(np.zeros(RATE), sample_rate=RATE)
    assert features.fingerprint == analyzer.model.fingerprint
    with pytest.raises(EmorecError, match="Another model extracted these features"):
        Analyzer(factories.checkpoint(seed=9), None).infer(features)
