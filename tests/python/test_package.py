"""Models that are there or not, options, the log, and the types that the package states."""

import logging
import os
import pathlib
import pickle
import shutil
import subprocess
import sys

import pytest
from conftest import FILES, ROOT, TINY

import pandagpt


def test_models_are_found_by_name(tmp_path, monkeypatch):
    shutil.copytree(TINY, tmp_path / "mine")
    monkeypatch.setenv("PANDAGPT_MODELS", str(tmp_path))
    assert str(tmp_path / "mine") in pandagpt.list_models()
    assert pandagpt.Panda("mine").info.folder == str(tmp_path / "mine")
    assert pandagpt.Panda(tmp_path / "mine").info.name == "tiny-panda"
    assert pandagpt.Embedder("mine").name == "tiny-panda"


@pytest.mark.parametrize("kind", [pandagpt.Panda, pandagpt.Embedder])
@pytest.mark.parametrize("name", ["no-such-model", "/no/such/folder", "no-such.gguf", ""])
def test_a_model_that_isnt_there(kind, name):
    with pytest.raises(pandagpt.ModelNotFoundError, match="get panda-mini with scripts/setup.sh") as raised:
        kind(name)
    assert isinstance(raised.value, FileNotFoundError) and isinstance(raised.value, pandagpt.ModelError)
    assert raised.value.filename == name and "\n" not in str(raised.value)


def test_a_damaged_model(tmp_path):
    shutil.copytree(TINY, tmp_path / "mine")
    (tmp_path / "mine" / "llm.gguf").write_bytes(b"GGUF, but no more")
    with pytest.raises(pandagpt.ModelError, match="llm.gguf") as raised:
        pandagpt.Panda(tmp_path / "mine")
    assert not isinstance(raised.value, FileNotFoundError)
    (tmp_path / "mine" / "panda.json").write_text("{")
    with pytest.raises(pandagpt.ModelError, match="panda.json"):
        pandagpt.Panda(tmp_path / "mine")


def test_options_of_a_model():
    assert pandagpt.Panda(TINY, n_ctx=256, n_threads=1, use_cache=False, device="cpu").info.n_ctx == 256
    assert pandagpt.Panda(TINY, later_inputs="keep").info.later_inputs == "keep"
    for options in ({"device": "no-such"}, {"later_inputs": "both"}, {"n_threads": "two"}, {"system_message": "Hi."}):
        with pytest.raises(pandagpt.UsageError):
            pandagpt.Panda(TINY, **options)
    with pytest.raises(TypeError):
        pandagpt.Panda(TINY, n_thread=1)
    with pytest.raises(pandagpt.InputError):
        pandagpt.Panda(TINY, max_pixels=100).ask("What is it?", image=FILES["image"])


def test_embeddings_are_kept_on_disk(tmp_path):
    file = tmp_path / "cache.db"
    pandagpt.Panda(TINY, cache_file=file).ask("What is it?", image=FILES["image"])
    assert file.is_file()
    answer = pandagpt.Panda(TINY, cache_file=file).ask("What is it?", image=FILES["image"])
    assert answer.timings.cached_inputs == 1


@pytest.mark.parametrize("options", [{"temperature": -1.0}, {"top_p": 2.0}, {"max_tokens": 0}, {"max_tokens": 1.5},
                                     {"seed": -1}, {"seed": 2**32}, {"n_beams": 99}, {"greedy": "yes"}])
def test_options_that_cant_be(panda, options):
    name, = options
    with pytest.raises(ValueError, match=name.replace("n_beams", "beams")):
        panda.ask("What is it?", **options)


def test_options_that_there_are_not(panda):
    with pytest.raises(TypeError, match="temprature"):
        panda.ask("What is it?", temprature=1)


def test_answers_are_plain_values(panda):
    answer = panda.ask("What is it?", image=FILES["image"], seed=1)
    assert pickle.loads(pickle.dumps(answer)) == answer
    assert panda.ask("What is it?", image=FILES["image"], n_beams=3).text


def test_the_log_goes_to_python_s_logging(caplog):
    with caplog.at_level(logging.DEBUG, logger="pandagpt"):
        pandagpt.Panda(TINY)
        assert not caplog.records
        pandagpt.set_log_level(logging.DEBUG)
        try:
            pandagpt.Panda(TINY)
        finally:
            pandagpt.set_log_level(logging.WARNING)
    assert {record.name for record in caplog.records} == {"pandagpt"}
    assert any("llama.cpp" in record.getMessage() for record in caplog.records)


def test_what_an_embedder_says_of_an_input_goes_to_the_log(caplog, embedder):
    import numpy as np

    embedder.embed(image=np.full((40, 40, 3), 7, np.uint8))
    assert any("one colour" in record.getMessage() for record in caplog.records), caplog.text


def test_an_answer_tells_what_is_odd_about_its_input(panda):
    import numpy as np

    answer = panda.ask("What is it?", image=np.full((40, 40, 3), 7, np.uint8))
    assert any("one colour" in warning for warning in answer.warnings)


def test_the_version_is_the_project_s():
    text = (ROOT / "CMakeLists.txt").read_text()
    assert f"project(pandagpt VERSION {pandagpt.__version__} " in text


def test_nothing_is_printed_on_import():
    done = subprocess.run([sys.executable, "-c", "import pandagpt"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_types(tmp_path):
    """What is right passes the type checker, and each line that is marked as wrong doesn't."""
    package = pathlib.Path(pandagpt.__file__).parent
    assert (package / "py.typed").is_file() and (package / "_core.pyi").is_file()
    use = pathlib.Path(__file__).parent / "typed_use.py"
    # With a link in between: mypy doesn't report on what lies in site-packages.
    (tmp_path / "pandagpt").symlink_to(package)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--warn-unused-ignores", "--cache-dir", tmp_path / "cache", use,
         tmp_path / "pandagpt"],
        capture_output=True, text=True, timeout=280, cwd=tmp_path, env={**os.environ, "MYPYPATH": str(tmp_path)})
    assert done.returncode == 0, done.stdout + done.stderr
