"""Zero-shot labels, and search in an index."""

import shutil

import numpy as np
import pytest
from conftest import FILES, FIXTURES

import pandagpt

LABELS = ["a dog", "a siren", "a ball", "rain, heavy"]
PHOTO = FIXTURES / "images" / "photo_chelsea.jpg"


@pytest.mark.parametrize("templates", [None, "a photo of a {}.", ["the {}", "some {} there"], "clip"])
def test_labels_are_those_of_the_program(embedder, senses, cli, tmp_path, templates):
    (tmp_path / "labels.txt").write_text("\n".join(LABELS))
    listed = [templates] if isinstance(templates, str) else templates or []
    arguments = [argument for one in listed for argument in ("--template", one)]
    printed = cli("classify", "--json", "--no-cache", "--model", senses, "--image", FILES["image"], "--audio",
                  FILES["audio"], "--labels-file", tmp_path / "labels.txt", *arguments)
    found = embedder.classify(LABELS, templates=templates, image=FILES["image"], audio=FILES["audio"])
    for expected, scores in zip(printed, found, strict=True):
        assert [score.label for score in scores] == [one["label"] for one in expected["labels"]]
        np.testing.assert_array_equal(np.float32([score.logit for score in scores]),
                                      np.float32([one["logit"] for one in expected["labels"]]))
        np.testing.assert_array_equal(np.float32([score.probability for score in scores]),
                                      np.float32([one["probability"] for one in expected["labels"]]))
        assert sum(score.probability for score in scores) == pytest.approx(1)


def test_labels_are_embedded_once_for_many_inputs(embedder):
    classifier = embedder.classifier([" a dog ", "a siren"])
    assert classifier.labels == ["a dog", "a siren"]
    rows = embedder.embed(image=[FILES["image"], PHOTO])
    logits, probabilities = classifier.scores(rows)
    assert logits.shape == probabilities.shape == (2, 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
    best, = classifier.classify(image=PHOTO, top_k=1)
    assert [score.label for score in best] == [classifier.labels[int(logits[1].argmax())]]
    assert classifier.classify() == []


@pytest.mark.parametrize(("labels", "options", "message"), [
    ([], {}, "no labels"), (["a", "a "], {}, "given twice"), (["a", " "], {}, "a label is empty"),
    ("a, b", {}, "a list of texts"), (["a"], {"templates": "no mark"}, "has no {}"), (["a"], {"top_k": 0}, "top_k"),
])
def test_labels_that_cant_be(embedder, labels, options, message):
    with pytest.raises(pandagpt.UsageError, match=message):
        embedder.classify(labels, image=PHOTO, **options)


def test_rows_of_another_width(embedder):
    classifier = embedder.classifier(["a", "b"])
    for rows in (np.zeros((2, 3), np.float32), np.zeros(embedder.width, np.float32)):
        with pytest.raises(pandagpt.UsageError):
            classifier.scores(rows)


@pytest.fixture(scope="module")
def media(tmp_path_factory):
    folder = tmp_path_factory.mktemp("media")
    for number in range(1, 6):
        shutil.copy(FIXTURES / "images" / f"exif{number}_jpg.jpg", folder)
    shutil.copy(PHOTO, folder / "cat.jpg")
    shutil.copy(PHOTO, folder / "same cat.jpg")
    shutil.copy(FILES["audio"], folder)
    shutil.copy(FILES["thermal"], folder / "yard_ir.png")
    (folder / "bad.jpg").write_bytes(b"\xff\xd8\xff nothing")
    return folder


needs_search = pytest.mark.skipif(not hasattr(pandagpt._core, "Index"), reason="built without FAISS")


@needs_search
def test_search_is_that_of_the_program(embedder, senses, cli, media, tmp_path):
    index = pandagpt.SearchIndex(tmp_path / "index", embedder)
    with pytest.raises(pandagpt.UsageError, match="there is no index yet"):
        index.search("a cat")
    report = index.update(media, kinds={"*_ir.png": "thermal"})
    assert report.embedded + report.known_content == report.found - 1 == 9
    assert [path for path, _ in report.failures] == [str(media / "bad.jpg")]
    assert index.update(media, kinds={"*_ir.png": "thermal"}).unchanged == 9
    printed, = cli("search", "query", "--json", "--no-cache", "--db", tmp_path / "index", "--model", senses, "--text",
                   "a cat", "--image", PHOTO, "-k", "3")
    groups = index.search("a cat", image=PHOTO, k=3)
    assert [group.kind for group in groups] == ["image", "audio", "thermal"]
    for expected, group in zip(printed["groups"], groups, strict=True):
        assert (group.kind, group.n_indexed, group.is_exact) == (
            expected["kind"], expected["indexed"], expected["exact"])
        assert [[hit.path, *hit.same] for hit in group.hits] == [
            [file["path"] for file in hit["files"]] for hit in expected["hits"]]
        assert np.float32([hit.score for hit in group.hits]).tolist() == np.float32(
            [hit["score"] for hit in expected["hits"]]).tolist()
        assert [hit.media for hit in group.hits] == [hit["media"] for hit in expected["hits"]]
    found, = index.search(image=PHOTO, kinds=["image"])
    assert [found.hits[0].path, *found.hits[0].same] == [str(media / "cat.jpg"), str(media / "same cat.jpg")]
    assert found.hits[0].score == pytest.approx(1, abs=1e-5)


@needs_search
def test_an_index_finds_its_own_model(embedder, media, tmp_path):
    pandagpt.SearchIndex(tmp_path / "index", embedder).update(media)
    index = pandagpt.SearchIndex(tmp_path / "index")
    assert index.embedder.fingerprint == embedder.fingerprint
    assert index.search(image=PHOTO, k=1)[0].hits[0].path == str(media / "cat.jpg")


@needs_search
def test_searches_that_cant_be(embedder, media, tmp_path):
    index = pandagpt.SearchIndex(tmp_path / "index", embedder)
    with pytest.raises(pandagpt.InputError):
        index.update(tmp_path / "nowhere")
    index.update(media)
    with pytest.raises(pandagpt.UsageError, match="nothing is looked for"):
        index.search()
    with pytest.raises(pandagpt.UsageError, match="k is from 1"):
        index.search("a", k=0)
    other = pandagpt.SearchIndex(tmp_path / "index", pandagpt.Embedder(FIXTURES / "tiny-panda"))
    with pytest.raises(pandagpt.ModelError, match="another model") as raised:
        other.search(image=PHOTO)
    assert "--" not in str(raised.value)
    with pytest.raises(pandagpt.ModelError, match=r"rebuild=True") as raised:
        other.update(media)
    assert "--" not in str(raised.value)
    assert other.update(media, rebuild=True, exclude=["*_ir.png"]).embedded > 0
    for file in (tmp_path / "index").iterdir():
        file.write_bytes(b"damaged" * 1000)
    with pytest.raises(pandagpt.InputError):
        pandagpt.SearchIndex(tmp_path / "index", embedder)
