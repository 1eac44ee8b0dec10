"""`pandagpt facts`, `pandagpt inspect` of inputs, and the facts of `ask --json`. Arguments: the program, a folder of
a model that answers anything ("tiny-panda"), the source tree.
"""

import json
import math
import os
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
import unittest
import wave
import zlib
from pathlib import Path

PROGRAM, MODEL, SOURCE = (os.path.abspath(name) for name in sys.argv[1:4])
EXAMPLES = Path(SOURCE) / "examples" / "data"
SENSORS = Path(SOURCE).parent / "shared" / "data" / "sensors.tar"
PICTURE = Path(SOURCE) / "tests" / "fixtures" / "images" / "exif6_jpg.jpg"


def run(*arguments, data=b""):
    return subprocess.run([PROGRAM, *map(str, arguments)], input=data, check=False, timeout=120,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def deep_png(values):
    """16-bit grey, of rows of numbers."""
    rows = b"".join(b"\0" + struct.pack(f">{len(row)}H", *row) for row in values)

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    header = struct.pack(">IIBBBBB", len(values[0]), len(values), 16, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def room():
    """Millimetres: a wall at 3 m, a box at 1.2 m on the right below."""
    return [[1200 if 40 <= x < 56 and 24 <= y < 36 else 3000 for x in range(64)] for y in range(48)]


class FactsTest(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="pandagpt_facts_"))
        self.addCleanup(shutil.rmtree, self.folder)
        os.environ.update(XDG_DATA_HOME="/nowhere", XDG_CACHE_HOME=str(self.folder / "cache"), HOME=str(self.folder))

    def facts(self, *arguments, data=b""):
        result = run("facts", "--json", *arguments, data=data)
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)

    def refuses(self, code, message, *arguments):
        result = run(*arguments)
        self.assertEqual((result.returncode, result.stdout), (code, b""), arguments)
        self.assertIn(message, result.stderr.decode())
        self.assertEqual(result.stderr.count(b"\n"), 1, result.stderr)

    def write(self, name, content):
        path = self.folder / name
        path.write_bytes(content)
        return path

    def tone(self, name, seconds, hertz):
        path = self.folder / name
        with wave.open(str(path), "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(2)
            out.setframerate(16000)
            out.writeframes(b"".join(struct.pack("<h", round(16384 * math.sin(2 * math.pi * hertz * i / 16000)))
                                     for i in range(int(16000 * seconds))))
        return path

    def test_a_depth_map(self):
        path = self.write("room.png", deep_png(room()))
        facts, = self.facts("--depth", path)
        self.assertEqual((facts["input"], facts["modality"]), (str(path), "depth"))
        self.assertEqual(facts["nearest"], {"value": 1.2, "unit": "m", "x": 40, "y": 24, "where": "centre"})
        self.assertEqual(facts["farthest"]["value"], 3)
        self.assertNotIn("near_width", facts)
        facts, = self.facts("--depth", path, "--depth-camera", "48,0.1")
        self.assertEqual((facts["near_width"]["value"], facts["near_height"]["value"]), (0.4, 0.3))
        facts, = self.facts("--depth", path, "--depth-unit", "0.002")
        self.assertEqual(facts["nearest"]["value"], 2.4)

    def test_text(self):
        path = self.write("room.png", deep_png(room()))
        result = run("facts", "--depth", path)
        self.assertEqual(result.returncode, 0)
        lines = result.stdout.decode().splitlines()
        self.assertEqual(lines[0], f"{path} (depth)")
        self.assertIn("  nearest   1.20 m, centre (x 40, y 24)", lines)

    def test_kinds_are_told_by_content(self):
        sound = self.tone("note.bin", 1, 440)
        picture = self.folder / "picture"
        shutil.copy(PICTURE, picture)
        of_sound, of_picture, of_motion = self.facts(sound, picture, EXAMPLES / "walking_imu.csv")
        self.assertEqual(of_sound["pitch"], {"value": 440, "unit": "Hz"})
        self.assertEqual(of_picture["modality"], "image")
        self.assertIn("steps", of_motion)
        self.refuses(2, "of distances or of temperatures", "facts", self.write("map.png", deep_png(room())))
        self.refuses(2, "what is it?", "facts", self.write("odd", b"\0\1\2\3" * 100))
        self.refuses(3, "no such file", "facts", self.folder / "missing.wav")
        self.refuses(2, "there is no input", "facts")

    def test_standard_input(self):
        facts, = self.facts("--depth", "-", data=deep_png(room()))
        self.assertEqual((facts["input"], facts["nearest"]["value"]), ("standard input", 1.2))
        self.refuses(2, "say what standard input is", "facts", "-")

    def test_beside_the_timings(self):
        def ask(*arguments, data=b""):
            result = run("ask", "-m", MODEL, "--json", "What is it?", *arguments, data=data)
            self.assertEqual(result.returncode, 0, result.stderr)
            return json.loads(result.stdout)
        answer = ask("--image", PICTURE)
        self.assertEqual(answer["facts"][0]["input"], str(PICTURE))
        self.assertEqual(answer["facts"], self.facts("--image", PICTURE))
        self.assertEqual(ask()["facts"], [])
        piped = ask("--image", "-", data=PICTURE.read_bytes())
        self.assertEqual(piped["inputs"][0]["path"], "-")
        self.assertEqual(piped["facts"][0]["size"], answer["facts"][0]["size"])

    def test_examples(self):
        """What the numbers of the examples are is known from how they were made (examples/README.md)."""
        walk, = self.facts(EXAMPLES / "walking_imu.csv")
        self.assertGreater(walk["steps_per_minute"]["value"], 80)
        self.assertLess(walk["steps_per_minute"]["value"], 140)
        siren, = self.facts(EXAMPLES / "siren.wav")
        self.assertIn("pitch", siren)
        self.assertGreater(siren["highest_pitch"]["value"], 1.2 * siren["lowest_pitch"]["value"])
        film, = self.facts(EXAMPLES / "rolling_ball.avi")
        self.assertEqual(film["modality"], "video")
        self.assertGreater(film["frames"]["value"], 1)

    @unittest.skipUnless(SENSORS.is_file(), "needs ../shared/data/sensors.tar")
    def test_files_of_devices(self):
        """The right values of the same files are in the archive, and were looked at with NumPy."""
        with tarfile.open(SENSORS) as archive:
            archive.extractall(self.folder, filter="data")
        root = self.folder / "sensors"
        mug, = self.facts(next((root / "thermal").glob("flir_mug*.jpg")))
        self.assertEqual(mug["modality"], "thermal")
        self.assertAlmostEqual(mug["hottest"]["value"], 62.3, delta=0.1)
        self.assertAlmostEqual(mug["coldest"]["value"], 25.9, delta=0.1)
        self.assertEqual(mug["hottest"]["where"], "bottom")
        # 20 strides of one leg between 4.4 s and 29.0 s, 47.1 a minute.
        leg, = self.facts(root / "imu" / "xsens_mtw_lower_leg.txt")
        self.assertAlmostEqual(leg["steps_per_minute"]["value"], 94, delta=2)
        self.assertAlmostEqual(leg["steps"]["value"], 40, delta=2)
        desk, = self.facts("--depth", next((root / "depth").glob("tum*.png")), "--depth-encoding", "tum")
        self.assertAlmostEqual(desk["nearest"]["value"], 1.46, delta=0.02)

    def inspect(self, *arguments):
        result = run("inspect", "--json", *arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)

    def test_inspect(self):
        picture = self.inspect(PICTURE)
        self.assertEqual((picture["modality"], picture["format"]), ("image", "JPEG"))
        properties = {one["name"]: one for one in picture["properties"]}
        self.assertEqual(properties["orientation"]["why"], "EXIF orientation 6")
        sound = self.inspect(self.tone("note.wav", 1, 440))
        properties = {one["name"]: one["value"] for one in sound["properties"]}
        self.assertEqual((properties["sample rate"], properties["bits"]), ("16000 Hz", "16 a sample"))
        motion = self.inspect(EXAMPLES / "walking_imu.csv")
        self.assertEqual(motion["modality"], "imu")

    def test_inspect_reads_wav_headers_itself(self):
        """FFmpeg takes these samples for others (src/media/wav.h)."""
        samples = [round(8000 * math.sin(i / 5)) for i in range(1600)]

        def wav(magic, order, header, data):
            return magic + struct.pack(order + "I", 4 + 8 + len(header) + 8 + len(data)) + b"WAVEfmt " + struct.pack(
                order + "I", len(header)) + header + b"data" + struct.pack(order + "I", len(data)) + data
        plain = struct.pack(">HHIIHH", 1, 1, 16000, 32000, 2, 16)
        big = self.write("big.wav", wav(b"RIFX", ">", plain, struct.pack(">1600h", *samples)))
        spare = struct.pack("<HHIIHHHHI", 0xFFFE, 1, 16000, 64000, 4, 32, 22, 24, 4) + bytes.fromhex(
            "0100000000001000800000aa00389b71")
        wide = self.write("wide.wav", wav(b"RIFF", "<", spare, struct.pack("<1600i", *(one << 16 for one in samples))))
        for path, text in ((big, "integers of 16 bits, big-endian"), (wide, "integers of 24 bits in 32, little-endian")):
            properties = {one["name"]: one["value"] for one in self.inspect(path)["properties"]}
            self.assertEqual((properties["samples"], properties["length"]), (text, "0.10 s"))
            self.assertNotIn("sound codec", properties)

    def test_inspect_reads_a_map_as_both(self):
        path = self.write("map.png", deep_png(room()))
        self.assertEqual({one["modality"] for one in self.inspect(path)}, {"depth", "thermal"})
        self.assertEqual(self.inspect("--depth", path)["modality"], "depth")
        text = run("inspect", "--depth", path).stdout.decode()
        self.assertIn("taken as a depth map", text.splitlines()[0])
        self.assertIn("64 x 48 pixels", text)

    def test_inspect_refuses(self):
        self.refuses(2, "there is no file", "inspect")
        self.refuses(3, "no file of weights or of media", "inspect", self.write("odd", b"\0\1\2\3" * 100))
        self.refuses(4, "missing.gguf", "inspect", self.folder / "missing.gguf")
        self.refuses(2, "not both", "inspect", PICTURE, "--image", PICTURE)

    def test_inspect_weights_as_before(self):
        text = run("inspect", Path(MODEL) / "projector.gguf").stdout.decode()
        self.assertIn(": GGUF, ", text.splitlines()[0])


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
