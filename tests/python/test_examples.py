"""examples/python: the notebook's cells run from top to bottom, and the model for MTEB does what MTEB asks of one."""

import json
import sys

import numpy as np
import pytest
from conftest import FILES, FIXTURES, MINI, ROOT, needs_mini
from PIL import Image

EXAMPLES = ROOT / "examples" / "python"


@pytest.fixture
def mteb_model(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    import mteb_model

    yield mteb_model
    del sys.modules["mteb_model"]


@needs_mini
def test_the_notebook_runs(monkeypatch, capsys):
    monkeypatch.chdir(EXAMPLES)
    monkeypatch.setenv("PANDAGPT_MODELS", str(MINI.parent))
    notebook = json.loads((EXAMPLES / "tour.ipynb").read_text(encoding="utf-8"))
    names: dict = {}
    for number, cell in enumerate(notebook["cells"], 1):
        assert cell.get("outputs", []) == []
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), f"cell {number}", "exec"), names)
    printed = capsys.readouterr().out
    assert "siren" in printed and "The person walks" in printed
    assert "coffee.jpg" in printed
    assert "InputNotFoundError - " in printed


def test_the_model_for_mteb(mteb_model, senses, embedder):
    model = mteb_model.PandaModel(str(senses))
    with Image.open(FILES["image"]) as file:
        picture = file.convert("RGB")
    photo = Image.open(FIXTURES / "images" / "photo_chelsea.jpg")
    sound = {"array": np.sin(np.arange(32000) / 9), "sampling_rate": 16000}
    batches = [{"image": [picture, photo]}, {"image": [photo]}]
    rows = model.encode(batches, task_metadata=None, hf_split="test", hf_subset="default")
    assert rows.shape == (3, embedder.width) and rows.dtype == np.float32
    np.testing.assert_array_equal(rows[1], rows[2])
    np.testing.assert_allclose(rows[:2], embedder.embed(image=[picture, photo], normalize=True), atol=1e-6)
    both = model.encode([{"image": [photo], "text": ["a cat"], "audio": [sound], "id": ["7"]}])
    parts = [embedder.embed(image=photo, audio=sound, normalize=True), embedder.embed_texts("a cat", normalize=True)]
    total = np.concatenate(parts).sum(axis=0)
    np.testing.assert_allclose(both[0], total / np.linalg.norm(total), atol=1e-6)
    assert model.encode([]).shape == (0, embedder.width)
    with pytest.raises(ValueError, match="this model takes image, audio, text"):
        model.encode([{"video": [1]}])
    cosines = model.similarity(rows, rows)
    np.testing.assert_allclose(np.diag(cosines), 1, atol=1e-6)
    np.testing.assert_allclose(model.similarity_pairwise(rows, rows[::-1]), np.diag(cosines[:, ::-1]), atol=1e-6)


def test_mteb_takes_it_for_a_model(mteb_model, senses):
    protocols = pytest.importorskip("mteb.models.models_protocols")
    model = mteb_model.PandaModel(str(senses))
    assert isinstance(model, protocols.EncoderProtocol)
    assert model.mteb_model_meta.modalities == ["image", "audio", "text"]
