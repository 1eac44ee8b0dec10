"""Whatever an input comes as - a path, bytes, an array, a PIL picture - the numbers are the same."""

import io
import wave

import numpy as np
import pytest
from conftest import DATA, FILES, FIXTURES
from PIL import Image

import pandagpt

# All that Pillow opens. Of Pillow's own surprises: it clips 16-bit grey at 255, where files keep their high byte.
PICTURES = sorted(path for path in (FIXTURES / "images").iterdir()
                  if path.suffix in (".bmp", ".gif", ".jpg", ".png", ".tif", ".webp"))


def opened(path):
    try:
        picture = Image.open(path)
        picture.load()
    except (OSError, SyntaxError):
        return None
    return picture


def same(a, b):
    np.testing.assert_array_equal(a, b)
    assert np.abs(a).sum() > 0


def test_facts_are_those_of_the_program(cli):
    arguments = [argument for kind, path in FILES.items() for argument in (f"--{kind}", path)]
    printed, = cli("facts", "--json", *arguments)
    of_program = {one["modality"]: one for one in printed}
    assert {one["modality"]: one for one in pandagpt.facts(**FILES)} == of_program
    assert set(of_program) == set(FILES)
    with pytest.raises(pandagpt.InputError):
        pandagpt.facts(image=b"no picture")


def test_embeddings_are_those_of_the_program(embedder, senses, cli):
    arguments = [argument for kind, path in FILES.items() for argument in (f"--{kind}", path)]
    printed = cli("embed", "--no-cache", "--model", senses, *arguments, "--text", "a dog")
    same(embedder.embed(**FILES), np.array([one["embedding"] for one in printed[:-1]], np.float32))
    same(embedder.embed_texts("a dog"), np.array([printed[-1]["embedding"]], np.float32))
    total, = cli("embed", "--no-cache", "--model", senses, "--sum", *arguments)
    same(embedder.combine(**FILES), np.array(total["embedding"], np.float32))


@pytest.mark.parametrize("kind", FILES)
def test_bytes_and_open_files(embedder, kind):
    expected = embedder.embed(**{kind: FILES[kind]})
    content = FILES[kind].read_bytes()
    for source in (str(FILES[kind]), content, bytearray(content), memoryview(content), io.BytesIO(content),
                   {"bytes": content, "path": None}, {"path": str(FILES[kind])}):
        same(embedder.embed(**{kind: source}), expected)
    with FILES[kind].open("rb") as file:
        same(embedder.embed(**{kind: file}), expected)


def test_pictures_of_pil(embedder):
    compared, skipped = 0, []
    for path in PICTURES:
        picture = opened(path)
        if picture is None or picture.mode in ("I", "F"):
            skipped.append(path.name)
            continue
        try:
            expected = embedder.embed(image=path)
        except pandagpt.InputError:
            skipped.append(path.name)
            continue
        np.testing.assert_array_equal(embedder.embed(image=picture), expected, err_msg=path.name)
        compared += 1
    assert compared > 60, skipped


def test_picture_arrays(embedder):
    with Image.open(FILES["image"]) as file:
        picture = file.convert("RGB")
    array = np.asarray(picture)
    expected = embedder.embed(image=picture)
    same(embedder.embed(image=array), expected)
    same(embedder.embed(image=array[:, ::-1][:, ::-1]), expected)  # whatever its strides
    same(embedder.embed(image=np.asfortranarray(array)), expected)
    opaque = np.concatenate([array, np.full((*array.shape[:2], 1), 255, np.uint8)], axis=2)
    same(embedder.embed(image=opaque), expected)
    same(embedder.embed(image=array.astype(np.uint16) * 257), expected)
    grey = np.asarray(picture.convert("L"))
    same(embedder.embed(image=grey), embedder.embed(image=picture.convert("L").convert("RGB")))
    same(embedder.embed(image=grey[:, :, np.newaxis]), embedder.embed(image=grey))


def test_depth_and_thermal_arrays(embedder):
    metres = np.load(DATA / "depth_m.npy")
    same(embedder.embed(depth=metres), embedder.embed(depth=DATA / "depth_m.npy"))
    same(embedder.embed(depth=metres[np.newaxis]), embedder.embed(depth=metres))
    same(embedder.embed(depth=pandagpt.depth(metres * np.float32(4), unit=0.25)), embedder.embed(depth=metres))
    with Image.open(DATA / "depth_mm.png") as picture:
        same(embedder.embed(depth=picture), embedder.embed(depth=DATA / "depth_mm.png"))
        same(embedder.embed(depth=np.asarray(picture).astype(np.uint16)), embedder.embed(depth=picture))
    same(embedder.embed(depth=Image.fromarray(metres.astype(np.float32))), embedder.embed(depth=metres))
    same(embedder.embed(depth=pandagpt.depth(metres, camera=(529.5, 0.075))),
         embedder.embed(depth=pandagpt.depth(metres, camera="kinect2")))
    assert (embedder.embed(depth=pandagpt.depth(metres, camera="kinect2")) != embedder.embed(depth=metres)).any()
    with Image.open(DATA / "thermal_centikelvin.png") as picture:
        counts = np.asarray(picture).astype(np.uint16)
        same(embedder.embed(thermal=picture), embedder.embed(thermal=DATA / "thermal_centikelvin.png"))
    same(embedder.embed(thermal=counts), embedder.embed(thermal=DATA / "thermal_centikelvin.png"))
    with Image.open(DATA / "thermal_grey.png") as picture:
        same(embedder.embed(thermal=np.asarray(picture)), embedder.embed(thermal=DATA / "thermal_grey.png"))
    degrees = counts.astype(np.float64) / 100 - 273.15
    ranged = embedder.embed(thermal=pandagpt.thermal(degrees, range=(10, 40)))
    assert (ranged != embedder.embed(thermal=degrees)).any()


def test_sensor_options_are_those_of_the_program(embedder, senses, cli):
    printed = cli("embed", "--no-cache", "--model", senses, "--depth", DATA / "depth_m.npy", "--depth-camera", "xtion",
                  "--depth-unit", "2", "--thermal", DATA / "thermal_centikelvin.png", "--thermal-range", "29000,31000")
    rows = embedder.embed(inputs=[pandagpt.depth(DATA / "depth_m.npy", camera="xtion", unit=2),
                                  pandagpt.thermal(DATA / "thermal_centikelvin.png", range=(29000, 31000))])
    same(rows, np.array([one["embedding"] for one in printed], np.float32))


def test_depth_says_what_its_numbers_are(embedder):
    metres = np.load(DATA / "depth_m.npy")
    expected = embedder.embed(depth=metres)
    tum = pandagpt.depth(np.round(metres * 5000).astype(np.uint16), encoding="tum")
    np.testing.assert_allclose(embedder.embed(depth=tum), expected, atol=1e-3)
    inverse = pandagpt.depth(1 / metres, encoding="inverse")
    np.testing.assert_allclose(embedder.embed(depth=inverse), expected, atol=1e-3)
    disparity = pandagpt.depth(50 / metres, encoding="disparity", camera=(500, 0.1))
    assert np.isfinite(embedder.embed(depth=disparity)).all()
    with pytest.raises(pandagpt.UsageError, match="camera="):
        embedder.embed(depth=pandagpt.depth(50 / metres, encoding="disparity"))
    with pytest.raises(pandagpt.UsageError, match="the depth encoding 'feet' is unknown; there are 7scenes, auto"):
        embedder.embed(depth=pandagpt.depth(metres, encoding="feet"))


def test_sound_arrays(embedder, tmp_path):
    with wave.open(str(FILES["audio"])) as file:
        rate, samples = file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), "<i2")
    expected = embedder.embed(audio=FILES["audio"])
    floats = samples / np.float32(32768)
    for source in ((samples, rate), (floats, rate), (floats.astype(np.float64), float(rate)),
                   (samples[:, np.newaxis], rate), pandagpt.audio(samples, rate=rate),
                   {"array": samples, "sampling_rate": rate, "path": None}):
        same(embedder.embed(audio=source), expected)
    both = np.stack([np.zeros_like(samples), samples])
    for stereo in (both, both.T):
        same(embedder.embed(audio=pandagpt.audio(stereo, rate=rate, channel=2)), expected)
    mono = embedder.embed(audio=[(samples, rate), (samples[::-1].copy(), rate)])
    assert mono.shape[0] == 2 and (mono[0] == expected[0]).all() and (mono[1] != expected[0]).any()


def test_imu_arrays(embedder, senses, cli, tmp_path):
    rng = np.random.default_rng(3)
    values = rng.normal(0, 0.5, (600, 6)) + [0, 0, 9.81, 0, 0, 0]
    np.save(tmp_path / "imu.npy", values)
    printed, = cli("embed", "--no-cache", "--model", senses, "--imu", tmp_path / "imu.npy", "--imu-rate", 100)
    expected = np.array([printed["embedding"]], np.float32)
    same(embedder.embed(imu=(values, 100)), expected)
    same(embedder.embed(imu=(values.T, 100)), expected)
    same(embedder.embed(imu=pandagpt.imu(tmp_path / "imu.npy", rate=100)), expected)
    in_g = pandagpt.imu(values / ([9.80665] * 3 + [1] * 3), rate=100,
                        accel_unit="g")
    np.testing.assert_allclose(embedder.embed(imu=in_g), expected, rtol=1e-4, atol=1e-4)


def test_imu_files(embedder, tmp_path):
    rng = np.random.default_rng(4)
    times = np.arange(300) / 100
    acceleration = rng.normal(0, 0.5, (300, 3)) + [0, 0, 9.81]
    rotation = rng.normal(0, 0.2, (300, 3))
    axes = "time_s,x,y,z"
    for name, values in (("acc.csv", acceleration), ("gyro.csv", rotation)):
        np.savetxt(tmp_path / name, np.column_stack([times, values]), delimiter=",", header=axes, comments="")
    whole = "time_s,acc_x,acc_y,acc_z,gyro_x,gyro_y,gyro_z"
    np.savetxt(tmp_path / "whole.csv", np.column_stack([times, acceleration, rotation]), delimiter=",", header=whole,
               comments="")
    expected = embedder.embed(imu=tmp_path / "whole.csv")
    same(embedder.embed(imu=pandagpt.imu([tmp_path / "acc.csv", tmp_path / "gyro.csv"])), expected)
    with open(tmp_path / "acc.csv", "rb") as first, open(tmp_path / "gyro.csv", "rb") as second:
        same(embedder.embed(imu=pandagpt.imu([second, first])), expected)
    same(embedder.embed(imu=pandagpt.imu(tmp_path / "whole.csv", columns="acc=2-4,gyro=5-7,time=1")), expected)
    linear = tmp_path / "linear.csv"
    np.savetxt(linear, np.column_stack([times, acceleration - [0, 0, 9.81], rotation]), delimiter=",", header=whole,
               comments="")
    with pytest.raises(pandagpt.InputError, match=r"gravity is missing.*imu\(.., gravity='absent'\)"):
        embedder.embed(imu=linear)
    assert embedder.embed(imu=pandagpt.imu(linear, gravity="absent")).shape == expected.shape


def test_film_arrays(embedder, tmp_path):
    """Compared with a film that Pillow writes without loss."""
    rng = np.random.default_rng(5)
    frames = np.zeros((30, 60, 81, 3), np.uint8)  # rows that don't end at multiples of 4 bytes
    for i, frame in enumerate(frames):
        frame[10:40, i:i + 20] = rng.choice([40, 90, 200, 250], 3)
        frame[:, :5] = (200, 10, 60)
    first, *others = [Image.fromarray(frame).quantize(255) for frame in frames]
    first.save(tmp_path / "film.gif", save_all=True, append_images=others, duration=100, loop=0)
    same(embedder.embed(video=(frames, 10)), embedder.embed(video=tmp_path / "film.gif"))
    assert (embedder.embed(video=(frames[:, ::-1], 10)) != embedder.embed(video=(frames, 10))).any()
    assert (embedder.embed(video=(frames[..., ::-1], 10)) != embedder.embed(video=(frames, 10))).any()
    assert embedder.embed(video=pandagpt.video(frames, rate=30000 / 1001)).shape == (1, embedder.width)


def test_the_order_of_rows(embedder):
    given = pandagpt.depth(FILES["depth"])
    rows = embedder.embed(audio=FILES["audio"], image=FILES["image"], inputs=[given])
    same(rows[0:1], embedder.embed(depth=FILES["depth"]))
    same(rows[1:2], embedder.embed(image=FILES["image"]))
    same(rows[2:3], embedder.embed(audio=FILES["audio"]))
    assert embedder.embed().shape == (0, embedder.width)
    assert embedder.embed(image=[]).shape == (0, embedder.width)


def test_weights(embedder):
    twice = embedder.combine(inputs=[pandagpt.image(FILES["image"], weight=2), pandagpt.audio(FILES["audio"])])
    once = embedder.combine(image=FILES["image"], audio=FILES["audio"])
    assert (twice != once).any()


def test_the_sound_of_films(panda):
    with pytest.raises(pandagpt.ModelError, match="no audio tower"):  # which it needs for no other reason
        panda.ask("What is it?", video=FILES["video"], sound_of_videos=True)


def test_each_for_itself(embedder, tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"nothing")
    rows = embedder.embed_each(image=[FILES["image"], tmp_path / "bad.jpg", FILES["image"]])
    same(rows[0], rows[2])
    assert isinstance(rows[1], pandagpt.InputError)
    assert "bad.jpg" in str(rows[1])


@pytest.mark.parametrize(("source", "error", "message"), [
    ({"image": "nix.jpg"}, FileNotFoundError, "nix.jpg: no such file"),
    ({"image": "nix.jpg"}, pandagpt.InputError, "nix.jpg"),
    ({"image": ""}, ValueError, "path of the image is empty"),
    ({"image": "a\0b"}, ValueError, "zero byte"),
    ({"image": "https://example.com/a.jpg"}, pandagpt.UsageError, "web addresses aren't opened"),
    ({"image": "-"}, FileNotFoundError, "-: no such file"),
    ({"image": b""}, pandagpt.InputError, "there are no bytes"),
    ({"image": b"text"}, ValueError, "image: text, not a picture"),
    ({"image": 7}, pandagpt.UsageError, "image: takes a path, bytes, an array or a picture, not 7"),
    ({"image": io.StringIO("x")}, pandagpt.UsageError, "opened for bytes"),
    ({"image": np.zeros((0, 4, 3), np.uint8)}, pandagpt.InputError, "holds nothing"),
    ({"image": np.zeros((3, 8, 8), np.uint8)}, pandagpt.InputError, r"array.transpose\(1, 2, 0\)"),
    ({"image": np.zeros((8, 8, 3))}, pandagpt.InputError, r"\(array \* 255\)"),
    ({"image": np.zeros((8, 8, 3), bool)}, pandagpt.InputError, "uint8"),
    ({"image": np.zeros((2, 8, 8, 3), np.uint8)}, pandagpt.InputError, r"\(height, width, 3\)"),
    ({"image": Image.new("F", (4, 4))}, pandagpt.InputError, "measurements"),
    ({"image": {"x": 1}}, pandagpt.UsageError, "mapping"),
    ({"image": pandagpt.audio("a.wav")}, pandagpt.UsageError, "image= is given an input of kind audio"),
    ({"audio": np.zeros(16000)}, pandagpt.UsageError, r"audio=\(array, rate\)"),
    ({"audio": (np.zeros(16000), 0)}, pandagpt.UsageError, "rate"),
    ({"audio": (np.zeros(16000), 0.5)}, pandagpt.UsageError, "whole number"),
    ({"audio": (np.zeros(16000, np.int64), 16000)}, pandagpt.InputError, "int16"),
    ({"audio": (np.full(16000, np.nan), 16000)}, pandagpt.InputError, "number"),
    ({"audio": Image.new("L", (4, 4))}, pandagpt.UsageError, "a PIL picture is no audio"),
    ({"audio": pandagpt.audio(FILES["audio"], channel="left")}, pandagpt.UsageError, "'auto', 'mix'"),
    ({"video": np.zeros((4, 8, 8, 3), np.uint8)}, pandagpt.UsageError, "frames a second"),
    ({"video": (np.zeros((4, 8, 8), np.uint8), 10)}, pandagpt.InputError, r"\(frames, height, width, 3\)"),
    ({"imu": np.zeros((600, 6))}, pandagpt.UsageError, r"imu\(array, rate=..\)"),
    ({"imu": (np.array([["a"] * 6] * 9), 100)}, pandagpt.InputError, "float32"),
    ({"imu": pandagpt.imu(FILES["imu"], accel_unit="stone")}, pandagpt.UsageError, "there are g, m/s2, mg"),
    ({"depth": pandagpt.depth(FILES["depth"], camera="lens")}, pandagpt.UsageError, "kinect1, kinect2"),
    ({"depth": pandagpt.depth(FILES["depth"], camera=5)}, pandagpt.UsageError, "depth_camera can't be 5"),
    ({"thermal": pandagpt.thermal(FILES["thermal"], range=("a", 1))}, pandagpt.UsageError, "thermal_range can't be"),
    ({"inputs": "a.jpg"}, pandagpt.UsageError, "of which kind"),
    ({"inputs": 7}, pandagpt.UsageError, "of which kind"),
    ({"inputs": ["a.jpg"]}, pandagpt.UsageError, "'a.jpg'"),
    # Options of the program are arguments here.
    ({"imu": (lambda file: (np.save(file, np.ones((600, 6))), file.getvalue())[1])(io.BytesIO())},
     pandagpt.InputError, r"rate is not known; give it in Hz \(imu\(.., rate=..\)\)"),
    ({"imu": (np.ones((600, 6)) * [0, 0, 1, 0, 0, 0], 100)}, pandagpt.InputError, r"\(imu\(.., accel_unit=..\): m/s2"),
    ({"imu": (np.ones((600, 6)) * [0, 0, 9.8, 0, 99, 0], 100)}, pandagpt.InputError, r"\(imu\(.., gyro_unit=..\): rad"),
    ({"depth": np.full((40, 40), 3000.0)}, pandagpt.InputError, r"\(depth\(.., unit=..\): 0.001"),
])
def test_what_cant_be_used_is_said(embedder, source, error, message):
    with pytest.raises(error, match=message) as raised:
        embedder.embed(**source)
    assert isinstance(raised.value, pandagpt.PandaError)
    assert "\n" not in str(raised.value) and "--" not in str(raised.value)


def test_a_file_named_like_standard_input(embedder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-").write_bytes(FILES["image"].read_bytes())
    same(embedder.embed(image="-"), embedder.embed(image=FILES["image"]))


def test_names_that_are_no_utf8(embedder, tmp_path):
    name = bytes(tmp_path) + b"/caf\xe9.png"
    with open(name, "wb") as file:
        file.write(FILES["image"].read_bytes())
    same(embedder.embed(image=name.decode("utf-8", "surrogateescape")), embedder.embed(image=FILES["image"]))
    with open(name, "wb") as file:
        file.write(b"text")
    with pytest.raises(pandagpt.InputError, match=r"caf\\xe9.png: text"):
        embedder.embed(image=name.decode("utf-8", "surrogateescape"))


def test_texts(embedder):
    rows = embedder.embed_texts(["a dog", "a cat"], normalize=True)
    assert rows.shape == (2, embedder.width) and rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, rtol=1e-6)
    with pytest.raises(pandagpt.InputError):
        embedder.embed_texts("x" * 70_000)
    assert embedder.embed_texts([]).shape == (0, embedder.width)
