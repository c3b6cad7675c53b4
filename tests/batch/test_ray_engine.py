"""Batches on a Ray cluster on this machine: what a single process gives, whatever happens to workers."""

import os
import socket
import time
from dataclasses import replace

import numpy as np
import pytest

from emorec import cli
from emorec.batch import choices as batch_choices
from emorec.batch import ray_engine, ray_tasks, run
from emorec.batch.engine import DONE, FAILED, Task
from emorec.batch.local_engine import InlineEngine
from emorec.batch.ray_engine import RayEngine
from emorec.errors import EmorecError
from support import batches, deadly, people_shots
from support.make_media import Audio, record
from support.make_tracks import record_tracks, speech
from support.paths import ROOT
from support.waiting import until

ray = pytest.importorskip("ray", reason="Ray (the extra ray) is not installed")

FILES, PROCESSORS = 24, 4
LENGTH = 13.0  # seconds of a part


@pytest.fixture(scope="module")
def made(model):
    return batch_choices.build({}, {}, model=str(model), device="cpu", threads=1)[0]


@pytest.fixture
def task(made, sound, tmp_path):
    used = replace(made, cache=tmp_path / "cache")
    return lambda item, source=sound: Task(item=item, source=source, folder=tmp_path / item, choices=used)


@pytest.fixture(scope="module")
def cluster():
    """A cluster as the command starts it, for all tests that follow."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ray_engine.QUIET:  # which the engine sets
            patch.setenv(name, ray_engine.QUIET[name])
        patch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(ROOT / "tests")]))
        patch.setenv("OMP_NUM_THREADS", "1")
        started = RayEngine(workers=PROCESSORS)
        started._connect(ray)
        yield RayEngine(length=LENGTH)
        ray.shutdown()


def test_a_cluster_that_cannot_be_reached_is_one_sentence_and_loses_nothing(sound, model, tmp_path, capsys):
    command = ["batch", str(sound), "--out", str(tmp_path / "out"), "--model_path", str(model), "--quiet"]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert cli.main([*command, "--engine", "ray", "--ray-address", address]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and f"The Ray cluster {address} cannot be reached" in error
    assert not ray.is_initialized()
    assert "waiting" in (tmp_path / "out" / "manifest.csv").read_text()
    assert cli.main([*command, "--workers", "0"]) == 0


def test_what_answers_and_is_no_cluster_is_refused_in_a_bounded_time(task, monkeypatch):
    monkeypatch.setattr(ray_engine, "CHECK_SECONDS", 2.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        silent = RayEngine(address=f"127.0.0.1:{server.getsockname()[1]}")
        with pytest.raises(EmorecError, match="cannot be reached"):
            next(silent.run([task("a")]))


def test_options_that_cannot_be_are_refused(made, sound, tmp_path, capsys):
    for wrong in (
        {"cpus": 0.0},
        {"gpus": -1.0},
        {"workers": 0},
        {"cpus": float("nan")},
        {"cpus": 0.00001},
        {"gpus": 1.5},
    ):
        with pytest.raises(EmorecError, match=r"on a Ray cluster; give 1 to|per item cannot be|cannot have 1.5 GPUs"):
            ray_engine.build_engine(made, **wrong)
    assert cli.main(["batch", str(sound), "--out", str(tmp_path / "out"), "--cpus-per-item", "2"]) == 2
    assert "--engine ray" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("device", "gpus", "expected"),
    [("auto", None, ("cpu", 0)), ("auto", 0.5, ("auto", 0.5)), ("cuda", None, ("cuda", 1))],
)
def test_gpus_are_used_if_they_are_asked_for(device, gpus, expected, made):
    found, used = ray_engine.build_engine(replace(made, device=device), gpus=gpus, cpus=3.5)
    assert (used.device, found.gpus) == expected and used.threads == 3


def test_a_machine_with_another_version_or_without_the_folder_says_so(task):
    assert "install the same version" in ray_tasks.analyze(task("a"), "0.0.1", 1200.0).error
    elsewhere = replace(task("a"), folder=task("a").folder / "not" / "here")
    assert "must be shared" in ray_tasks.analyze(elsewhere, ray_tasks.__version__, 1200.0).error


def stored(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def results(folder):
    """The files of all items."""
    return {
        path: content for path, content in stored(folder).items() if len(path.parts) > 1 and path.parts[0] != ".emorec"
    }


def test_a_cluster_gives_what_one_process_gives_to_the_last_bit(cluster, made, tmp_path):
    media = batches.recordings(tmp_path / "media", FILES)
    here, there = replace(made, cache=tmp_path / "here"), replace(made, cache=tmp_path / "there")
    expected = run.run([str(media)], tmp_path / "single", here, InlineEngine())
    found = run.run([str(media)], tmp_path / "cluster", there, cluster)
    assert (found.done, len(found.failed)) == (FILES - batches.BAD, batches.BAD)
    assert found.failed == expected.failed
    assert results(tmp_path / "cluster") == results(tmp_path / "single")
    features = [stored(tmp_path / name) for name in ("here", "there")]
    assert len(features[0]) >= 2 * found.done and features[0] == features[1]
    again = run.run([str(media)], tmp_path / "cluster", there, cluster)
    assert again.analyzed == 0 and again.done == found.done


def test_an_item_whose_worker_is_killed_is_tried_once_more(cluster, task, sound, tmp_path):
    tasks = [
        task("once", deadly.Deadly(str(sound), tmp_path / "flag")),
        task("always", deadly.Deadly(str(sound))),
        *(task(f"good {number}", str(sound)) for number in range(4)),
    ]
    outcomes = {outcome.item: outcome for outcome in cluster.run(tasks)}
    assert len(outcomes) == len(tasks)
    assert {item for item, outcome in outcomes.items() if outcome.status == FAILED} == {"always"}
    assert outcomes["always"].error.startswith("The worker that analyzed this recording ended twice")


def test_a_long_item_is_divided_and_gives_the_results_of_one_run(cluster, task, tmp_path):
    media = record_tracks(tmp_path / "long.mkv", [speech(26.0)], [people_shots.pictures(26.0, (12.0,))], rate=5)
    alone = replace(task("alone", str(media)).choices, cache=tmp_path / "alone cache")
    (expected,) = InlineEngine().run([replace(task("alone", str(media)), choices=alone)])
    assert len(ray_tasks.analyze(task("here", str(media)), ray_tasks.__version__, LENGTH)) == 2  # parts
    (divided,) = cluster.run([task("divided", str(media))])
    assert (expected.status, divided.status) == (DONE, DONE)
    assert divided.features == expected.features and divided.persons == expected.persons >= 2
    columns = [np.genfromtxt(tmp_path / item / "long.csv", delimiter=",", names=True) for item in ("alone", "divided")]
    for name in columns[0].dtype.names:
        np.testing.assert_allclose(columns[1][name], columns[0][name], atol=1e-5, err_msg=name)


def test_a_part_that_fails_fails_its_item_alone(cluster, task, sound, tmp_path):
    media = record(tmp_path / "long.wav", None, Audio(duration=26.0, codec="pcm_s16le", rate=16_000))
    parts = ray_tasks.analyze(task("a", str(media)), ray_tasks.__version__, LENGTH)
    lost = replace(task("a"), source=str(tmp_path / "gone.wav"))
    failed = ray_tasks.extract(lost, parts[1])
    assert failed.status == FAILED and "gone.wav" in failed.error
    assert ray_tasks.finish(task("a"), ray_tasks.extract(task("a", str(media)), parts[0]), failed) == failed


@pytest.mark.parametrize(("cpus", "workers", "processors"), [(1.4, 1, 2), (2.5, 2, 5), (0.4, 1, 1), (0.4, 3, 2)])
def test_a_local_cluster_has_room_for_as_many_items_as_workers(monkeypatch, cpus, workers, processors):
    class Ray:
        def is_initialized(self):
            return False

        def init(self, num_cpus, **_):
            self.cpus = num_cpus
            assert "EMOREC_AUTH" not in os.environ

        def nodes(self):
            return [{"Alive": True, "Resources": {"CPU": float(self.cpus)}}]

    monkeypatch.setenv("EMOREC_AUTH", "me:secret")
    for name, value in ray_engine.QUIET.items():
        monkeypatch.setenv(name, value)
    found, engine = Ray(), RayEngine(cpus=cpus, workers=workers)
    engine._connect(found)
    assert (found.cpus, engine._slots(found)) == (processors, workers)
    assert os.environ["EMOREC_AUTH"] == "me:secret"


def test_more_than_any_machine_has_is_refused_instead_of_waited_for(cluster, task):
    for wanted in (RayEngine(cpus=99.0), RayEngine(gpus=1.0)):
        with pytest.raises(EmorecError, match="No machine of the Ray cluster"):
            next(wanted.run([task("a")]))


def test_closing_stops_the_work_and_a_cluster_that_is_gone_is_one_sentence(cluster, task, sound, tmp_path, monkeypatch):
    running = cluster.run(task(str(number), str(sound)) for number in range(9))
    assert next(running).status == DONE
    running.close()
    monkeypatch.setattr(ray_engine, "WAIT_SECONDS", 0.01)
    monkeypatch.setattr(ray_engine, "_connection_problem", lambda _: "no answer")

    @ray.remote(num_cpus=PROCESSORS, max_retries=0)
    def busy(begun):
        begun.touch()
        time.sleep(60)

    begun = tmp_path / "begun"
    waiting = busy.remote(begun)
    until(begun.exists)  # what was stopped may use the processors a little longer
    with pytest.raises(EmorecError, match="no longer answers"):
        next(cluster.run([task("a")]))
    ray.cancel(waiting, force=True)
