"""Files of strange inputs (strange_inputs.py) for each sense, and which of their kinds are alike."""
import shutil
import subprocess
import zlib
from pathlib import Path
from typing import Callable

import numpy as np
import strange_inputs as strange
from PIL import Image

EACH = 24  # of a kind
MAP_KINDS = ("noise", "stripes", "squares", "gradient", "page", "scribble")
# Left out together: who has seen one has nearly seen the other. Other kinds are alone.
FAMILIES = (("noise", "band noise"), ("tone", "hum", "sweep", "warble"), ("beeps", "modem"),
            ("melody", "computer game"), ("drums", "clicks"), ("white", "shuffled"),
            ("swapped", "mixed"), ("fourfold", "in g", "in degrees"), ("stripes", "squares"),
            ("page", "chart"))
# Said and played by programs, where they are installed. They are never fitted.
SENTENCES = ("Please hold the line, your call is important to us.", "Turn left after two hundred metres.",
             "The train to the airport leaves from platform nine at half past four.",
             "One, two, three, four, five, six, seven, eight, nine, ten.",
             "Der Zug nach Berlin kommt heute etwas später.", "Le petit chat attend devant la porte.")
VOICES = ("en-us", "en-gb", "en-us+f3", "en-gb+m7", "de", "fr")
SOUND_FONT = Path("/usr/share/sounds/sf2/TimGM6mb.sf2")
INSTRUMENTS = (0, 6, 19, 24, 40, 48, 56, 60, 65, 73, 80, 11)  # General MIDI's: piano, .., vibraphone

Files = list[tuple[str, Path]]


def random_of(*names: object) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(" ".join(map(str, names)).encode()))


def family_of(kind: str) -> tuple[str, ...]:
    return next((family for family in FAMILIES if kind in family), (kind,))


def write_each(folder: Path, kinds: dict[str, Callable[[int], np.ndarray]], ending: str,
               write: Callable[[Path, np.ndarray], None]) -> Files:
    """EACH files of every kind; those that are there already are kept."""
    files = []
    for kind, make in kinds.items():
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for i in range(EACH):
            path = folder / kind / f"{i}.{ending}"
            if not path.is_file():
                write(path, make(i))
            files.append((kind, path))
    return files


def made_by(sense: str, makers: dict) -> dict[str, Callable[[int], np.ndarray]]:
    return {kind: lambda i, kind=kind, make=make: make(random_of(sense, kind, i))
            for kind, make in makers.items()}


def write_picture(path: Path, values: np.ndarray) -> None:
    Image.fromarray(np.clip(values, 0, 255).astype(np.uint8)).save(path)


def picture_files(folder: Path, photos: list[Path]) -> Files:
    kinds = made_by("image", strange.PICTURES)
    kinds["shuffled"] = lambda i: strange.shuffled(strange.read_picture(photos[i]), random_of("shuffled", i))
    return write_each(folder, kinds, "png", write_picture)


def map_files(folder: Path, sense: str, photos: list[Path]) -> Files:
    """Grey pictures as thermal pictures, or as depths of 0.5 to 5 m."""
    kinds = {kind: lambda i, make=make: np.asarray(make(i)).mean(2)
             for kind, make in made_by(sense, {kind: strange.PICTURES[kind] for kind in MAP_KINDS}).items()}
    kinds |= made_by(sense, {"clouds": strange.clouds})
    kinds["photo"] = lambda i: strange.read_picture(photos[i]).mean(2)
    if sense == "thermal":
        return write_each(folder, kinds, "png", write_picture)
    return write_each(folder, kinds, "npy",
                      lambda path, grey: np.save(path, (500 + 18 * grey).astype(np.uint16)))


def sound_files(folder: Path, photos: list[Path]) -> Files:
    kinds = made_by("audio", strange.SOUNDS)
    kinds["picture"] = lambda i: strange.picture_sound(strange.read_picture(photos[i]),
                                                       random_of("picture", i))
    return write_each(folder, kinds, "wav", strange.write_sound)


def motion_files(folder: Path, recordings: list[Path], photos: list[Path]) -> Files:
    """`recordings` have IMU_RATE samples a second."""
    kinds = made_by("imu", strange.MOTIONS)
    for how in strange.SCRAMBLED:
        kinds[how] = lambda i, how=how: strange.scrambled(
            np.load(recordings[i * len(recordings) // EACH]).astype(np.float64), random_of(how, i), how)
    kinds["picture"] = lambda i: strange.picture_motion(strange.read_picture(photos[i]))
    return write_each(folder, kinds, "npy", lambda path, rows: np.save(path, rows.astype(np.float32)))


# --- Judged only -------------------------------------------------------------------------------

def write_speech(path: Path, i: int) -> None:
    """By espeak-ng."""
    subprocess.run(["espeak-ng", "-v", VOICES[i % len(VOICES)], "-s", str(120 + 3 * i), "-p", str(20 + 2 * i),
                    "-w", path, SENTENCES[i // 4 % len(SENTENCES)]], check=True)


def midi_of(random: np.random.Generator) -> bytes:
    """Eight bars: chords, a tune above them, drums."""
    bar, beat, events = 1920, 480, [(0, bytes([0xC0, int(random.choice(INSTRUMENTS))]))]

    def note(begin: int, length: int, pitch: int, loud: int, channel: int = 0) -> None:
        events.append((begin, bytes([0x90 + channel, pitch, loud])))
        events.append((begin + length - 20, bytes([0x80 + channel, pitch, 0])))

    scale, root = (0, 2, 4, 5, 7, 9, 11), int(random.integers(48, 66))
    for begin in range(0, 8 * bar, bar):
        chord, at = int(random.integers(0, 7)), begin
        for step in (chord, chord + 2, chord + 4):
            note(begin, bar, root - 12 + scale[step % 7] + 12 * (step // 7), 70)
        while at < begin + bar:
            length = int(random.choice([240, 480, 960]))
            note(at, length, root + 12 + int(random.choice(scale)), 100)
            at += length
        for i in range(4):
            note(begin + beat * i, beat // 2, 36 if i % 2 == 0 else 38, 90, channel=9)
    track, last = b"", 0
    for time, message in sorted(events, key=lambda event: event[0]):
        track += bytes([(time - last) >> 7 | 128, (time - last) & 127]) + message
        last = time
    track += b"\0\xff\x2f\0"
    return b"MThd\0\0\0\6\0\0\0\1" + beat.to_bytes(2, "big") + b"MTrk" + len(track).to_bytes(4, "big") + track


def write_music(path: Path, i: int) -> None:
    """By fluidsynth."""
    tune = path.with_suffix(".mid")
    tune.write_bytes(midi_of(random_of("music", i)))
    subprocess.run(["fluidsynth", "-ni", "-F", path, "-r", str(strange.SAMPLE_RATE), SOUND_FONT, tune],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def judged_sound_files(folder: Path) -> Files:
    """Speech and music, as far as Debian's espeak-ng, fluidsynth and timgm6mb-soundfont are there."""
    files = []
    for kind, write, is_there in (("speech", write_speech, shutil.which("espeak-ng")),
                                  ("music", write_music, shutil.which("fluidsynth") and SOUND_FONT.is_file())):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for i in range(EACH if is_there else 0):
            files.append((kind, folder / kind / f"{i}.wav"))
            if not files[-1][1].is_file():
                write(files[-1][1], i)
    return files
