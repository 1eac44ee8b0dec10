"""What the tests of the Python package share. They take the `pandagpt` that Python finds (PYTHONPATH=build/release/python,
or an installed wheel) and compare it with the program in $PANDAGPT_CLI."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests" / "fixtures"
DATA = ROOT / "examples" / "data"
sys.path.insert(0, str(ROOT / "tests"))

import pandagpt  # noqa: E402
import tiny_senses  # noqa: E402

TINY = FIXTURES / "tiny-panda"
MINI = ROOT / "models" / "panda-mini"
# One file of each kind.
FILES = {"image": DATA / "picture.png", "video": DATA / "rolling_ball.avi", "audio": DATA / "siren.wav",
         "thermal": DATA / "thermal_centikelvin.png", "depth": DATA / "depth_mm.png", "imu": DATA / "walking_imu.csv"}
needs_mini = pytest.mark.skipif(not all((MINI / name).is_file() for name in ("llm.gguf", "encoders.gguf")),
                                reason="set-up has not made panda-mini")


@pytest.fixture(scope="session")
def cli():
    """Runs the program and returns what it prints, line by line as JSON."""
    program = os.environ["PANDAGPT_CLI"]

    def run(*arguments):
        done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=120,
                              stdin=subprocess.DEVNULL)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    return run


@pytest.fixture(scope="session")
def senses(tmp_path_factory):
    """A model folder with the towers of all kinds and of text: tiny and random."""
    return tiny_senses.make(os.environ["PANDAGPT_CLI"], tmp_path_factory.mktemp("tiny-senses"))


@pytest.fixture(scope="session")
def embedder(senses):
    return pandagpt.Embedder(senses)


@pytest.fixture(scope="session")
def panda():
    return pandagpt.Panda(TINY)


@pytest.fixture(scope="session")
def mini():
    return pandagpt.Panda(MINI)
