"""Inputs that panda-mini can't know, made by rules: noise, patterns, texts, tones, senseless motion.

Same seed, same files. Needs numpy and Pillow (PyPI).
"""
import wave
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIDE = 256           # pixels of pictures and maps
SAMPLE_RATE = 16000  # Hz
SECONDS = 5
IMU_RATE = 100       # samples a second
WORDS = ("invoice total amount due before the end of next month please send your payment by bank "
         "transfer and quote this number int main return value error warning list of contents page "
         "chapter the quick brown fox section table figure one two three four five").split()


# --- Pictures ----------------------------------------------------------------------------------

def noise_picture(random: np.random.Generator) -> np.ndarray:
    return random.integers(0, 256, (SIDE, SIDE, 3))


def clouds(random: np.random.Generator, power: float = 1.5) -> np.ndarray:
    """Noise whose spectrum falls with `power`, 0 to 255."""
    steps = np.hypot(np.fft.fftfreq(SIDE)[:, None], np.fft.fftfreq(SIDE)[None]) * SIDE
    spectrum = np.fft.fft2(random.normal(size=(SIDE, SIDE))) / np.maximum(steps, 1) ** power
    values = np.fft.ifft2(spectrum).real
    return 255 * (values - values.min()) / np.ptp(values)


def coloured_clouds(random: np.random.Generator) -> np.ndarray:
    return np.stack([clouds(random) for _ in range(3)], 2)


def stripes(random: np.random.Generator) -> np.ndarray:
    angle, period = random.uniform(0, np.pi), random.uniform(4, 40)
    y, x = np.mgrid[:SIDE, :SIDE]
    wave_values = np.sin((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / period)
    colours = random.uniform(0, 255, (2, 3))
    return np.where(wave_values[..., None] > 0, *colours)


def squares(random: np.random.Generator) -> np.ndarray:
    """A chequered pattern, or code of random cells."""
    cells = int(random.integers(4, 40))
    grid = np.indices((cells, cells)).sum(0) % 2 if random.random() < 0.5 \
        else random.integers(0, 2, (cells, cells))
    return np.kron(grid, np.ones((SIDE // cells + 1,) * 2))[:SIDE, :SIDE, None].repeat(3, 2) * 255


def gradient(random: np.random.Generator) -> np.ndarray:
    begin, end = random.uniform(0, 255, (2, 3))
    share = np.linspace(0, 1, SIDE)[:, None, None]
    picture = np.broadcast_to(begin * (1 - share) + end * share, (SIDE, SIDE, 3))
    return picture if random.random() < 0.5 else picture.transpose(1, 0, 2)


def page(random: np.random.Generator) -> np.ndarray:
    """Lines of text, as a screenshot or a scanned page has them."""
    dark = random.random() < 0.3
    image = Image.new("RGB", (SIDE, SIDE), "#222" if dark else "white")
    draw, size = ImageDraw.Draw(image), int(random.integers(9, 18))
    font = ImageFont.load_default(size)
    for y in range(8, SIDE - size, int(size * 1.4)):
        draw.text((8, y), " ".join(random.choice(WORDS, 12)), "white" if dark else "black", font)
    return np.asarray(image)


def chart(random: np.random.Generator) -> np.ndarray:
    image = Image.new("RGB", (SIDE, SIDE), "white")
    draw = ImageDraw.Draw(image)
    draw.line([(20, 10), (20, 236), (246, 236)], "black", 2)
    heights = np.cumsum(random.normal(size=24)) if random.random() < 0.5 else random.uniform(size=24)
    heights = 30 + 190 * (heights - heights.min()) / np.ptp(heights)
    points = [(24 + 9 * i, 236 - height) for i, height in enumerate(heights)]
    if random.random() < 0.5:
        draw.line(points, "blue", 3)
    else:
        for x, y in points:
            draw.rectangle([x, y, x + 6, 236], fill="orange")
    return np.asarray(image)


def scribble(random: np.random.Generator) -> np.ndarray:
    image = Image.new("RGB", (SIDE, SIDE), "white")
    draw = ImageDraw.Draw(image)
    for _ in range(int(random.integers(3, 9))):
        steps = np.cumsum(random.normal(scale=14, size=(20, 2)), 0) + random.uniform(40, 216, 2)
        draw.line([tuple(p) for p in steps], "black", int(random.integers(2, 6)))
    return np.asarray(image)


def shapes(random: np.random.Generator) -> np.ndarray:
    """Coloured discs and boxes."""
    image = Image.new("RGB", (SIDE, SIDE), tuple(random.integers(0, 256, 3)))
    draw = ImageDraw.Draw(image)
    for _ in range(int(random.integers(3, 12))):
        x, y = random.uniform(0, SIDE, 2)
        half = random.uniform(10, 60)
        figure = draw.ellipse if random.random() < 0.5 else draw.rectangle
        figure([x - half, y - half, x + half, y + half], fill=tuple(random.integers(0, 256, 3)))
    return np.asarray(image)


PICTURES = {"noise": noise_picture, "clouds": coloured_clouds, "stripes": stripes, "squares": squares,
            "gradient": gradient, "page": page, "chart": chart, "scribble": scribble,
            "shapes": shapes}


def shuffled(picture: np.ndarray, random: np.random.Generator, tiles: int = 8) -> np.ndarray:
    """The tiles of a picture in another order."""
    side = SIDE // tiles
    parts = picture.reshape(tiles, side, tiles, side, -1).swapaxes(1, 2).reshape(tiles * tiles, side,
                                                                                side, -1)
    parts = parts[random.permutation(len(parts))].reshape(tiles, tiles, side, side, -1)
    return parts.swapaxes(1, 2).reshape(SIDE, SIDE, -1)


def read_picture(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB").resize((SIDE, SIDE)))


# --- Sounds ------------------------------------------------------------------------------------

TIME = np.arange(SECONDS * SAMPLE_RATE) / SAMPLE_RATE


def noise_sound(random: np.random.Generator) -> np.ndarray:
    """Noise of some colour, from white to brown."""
    spectrum = np.fft.rfft(random.normal(size=len(TIME)))
    spectrum /= np.maximum(np.arange(len(spectrum)), 1) ** random.uniform(0, 1)
    return np.fft.irfft(spectrum)


def tone(random: np.random.Generator) -> np.ndarray:
    pitch = np.exp(random.uniform(np.log(80), np.log(4000)))
    return sum(np.sin(2 * np.pi * pitch * k * TIME) / k for k in range(1, int(random.integers(2, 6))))


def sweep(random: np.random.Generator) -> np.ndarray:
    begin, end = np.exp(random.uniform(np.log(60), np.log(7000), 2))
    return np.sin(2 * np.pi * np.cumsum(np.linspace(begin, end, len(TIME))) / SAMPLE_RATE)


def melody(random: np.random.Generator) -> np.ndarray:
    """Notes of a scale with their overtones, one after another or as chords."""
    scale = 220 * 2 ** (np.array([0, 2, 4, 5, 7, 9, 11, 12, 14, 16]) / 12)
    out, length = np.zeros(len(TIME)), int(random.choice([2000, 4000, 8000]))
    together = int(random.choice([1, 3]))
    for begin in range(0, len(TIME), length):
        local = np.arange(min(length, len(TIME) - begin)) / SAMPLE_RATE
        for pitch in random.choice(scale, together):
            out[begin:begin + length] += np.exp(-3 * local) * sum(
                np.sin(2 * np.pi * pitch * k * local) / k**1.5 for k in range(1, 6))
    return out


def beeps(random: np.random.Generator) -> np.ndarray:
    """As Morse code and dialling tones."""
    out, unit = np.zeros(len(TIME)), int(random.uniform(0.04, 0.12) * SAMPLE_RATE)
    gate = np.repeat(random.integers(0, 2, len(TIME) // unit + 1), unit)[:len(TIME)]
    for pitch in random.uniform(400, 2000, int(random.integers(1, 3))):
        out += np.sin(2 * np.pi * pitch * TIME)
    return out * gate


def drums(random: np.random.Generator) -> np.ndarray:
    out, period = np.zeros(len(TIME)), int(random.uniform(0.15, 0.5) * SAMPLE_RATE)
    for begin in range(0, len(TIME) - period, period):
        local = np.arange(period) / SAMPLE_RATE
        hit = random.normal(size=period) if random.random() < 0.5 \
            else np.sin(2 * np.pi * 70 * np.exp(-4 * local) * local)
        out[begin:begin + period] += hit * np.exp(-random.uniform(8, 30) * local)
    return out


def clicks(random: np.random.Generator) -> np.ndarray:
    return np.where(random.random(len(TIME)) < random.uniform(1e-4, 3e-3), random.normal(size=len(TIME)), 0)


def hum(random: np.random.Generator) -> np.ndarray:
    """A transformer's."""
    base = random.choice([50, 60])
    return sum(random.uniform() * np.sin(2 * np.pi * base * k * TIME) for k in range(1, 12)) \
        + 0.02 * random.normal(size=len(TIME))


def vowels(random: np.random.Generator) -> np.ndarray:
    """Something like speech: a buzz through changing formants."""
    pitch = random.uniform(90, 240) * (1 + 0.1 * np.sin(2 * np.pi * random.uniform(0.3, 2) * TIME))
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    out, length = np.zeros(len(TIME)), SAMPLE_RATE // 6
    for begin in range(0, len(TIME), length):
        part = slice(begin, begin + length)
        formants = random.uniform([300, 800, 2200], [900, 2200, 3000])
        for k in range(1, 25):
            gain = sum(np.exp(-((pitch.mean() * k - f) / 150) ** 2) for f in formants)
            out[part] += gain * np.sin(k * phase[part])
        out[part] *= random.random() < 0.8
    return out


def band_noise(random: np.random.Generator) -> np.ndarray:
    """Noise of a narrow band, steady or switched on and off."""
    low = np.exp(random.uniform(np.log(100), np.log(4000)))
    spectrum = np.fft.rfft(random.normal(size=len(TIME)))
    pitch = np.fft.rfftfreq(len(TIME), 1 / SAMPLE_RATE)
    spectrum[(pitch < low) | (pitch > low * random.uniform(1.1, 3))] = 0
    gate = np.sin(2 * np.pi * random.uniform(0.5, 12) * TIME) > 0 if random.random() < 0.5 else 1
    return np.fft.irfft(spectrum) * gate


def warble(random: np.random.Generator) -> np.ndarray:
    """A tone whose pitch goes up and down 8 to 60 times a second."""
    pitch = random.uniform(200, 3000)
    pitches = pitch * (1 + random.uniform(0.2, 0.9) * np.sin(2 * np.pi * random.uniform(8, 60) * TIME))
    return np.sin(2 * np.pi * np.cumsum(pitches) / SAMPLE_RATE)


def modem(random: np.random.Generator) -> np.ndarray:
    """Bits as tones."""
    length = int(random.integers(20, 200))
    bits = np.repeat(random.integers(0, int(random.choice([2, 4, 8])), len(TIME) // length + 1), length)
    pitches = random.uniform(500, 1500) + bits[:len(TIME)] * random.uniform(200, 700)
    return np.sin(2 * np.pi * np.cumsum(pitches) / SAMPLE_RATE)


def computer_game(random: np.random.Generator) -> np.ndarray:
    """Fast notes of square waves."""
    out, length = np.zeros(len(TIME)), int(random.choice([800, 1600, 3200]))
    for begin in range(0, len(TIME), length):
        local = np.arange(min(length, len(TIME) - begin)) / SAMPLE_RATE
        note = 220 * 2 ** (random.integers(0, 36) / 12)
        out[begin:begin + length] = np.sign(np.sin(2 * np.pi * note * local)) * (random.random() < 0.85)
    return out


def drops(random: np.random.Generator) -> np.ndarray:
    """Short sounds of falling or rising pitch."""
    out, length = np.zeros(len(TIME)), SAMPLE_RATE // 4
    local = np.arange(length)
    for begin in random.integers(0, len(TIME) - length, int(random.integers(3, 25))):
        pitch = np.exp(random.uniform(np.log(200), np.log(6000)))
        bend = 1 + random.uniform(-0.5, 0.5) * local / length
        out[begin:begin + length] += np.exp(-local / random.uniform(200, 2000)) \
            * np.sin(2 * np.pi * pitch * bend * local / SAMPLE_RATE)
    return out


def picture_sound(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """A sound whose spectrogram is the picture."""
    grey = picture.mean(2)[::-1].T  # (time, pitch)
    columns = np.zeros((len(TIME) // SIDE + 2, SIDE + 1))
    for begin in range(0, len(columns), SIDE):
        part = grey[:len(columns) - begin]
        columns[begin:begin + len(part), :SIDE] = 10 ** ((part - 255) / 64)
    turned = columns * np.exp(2j * np.pi * random.random(columns.shape))
    pieces = np.fft.irfft(turned, axis=1) * np.hanning(2 * SIDE)
    out = np.zeros((len(columns) + 1) * SIDE)
    for i, piece in enumerate(pieces):
        out[i * SIDE:(i + 2) * SIDE] += piece
    return out[:len(TIME)]


SOUNDS = {"noise": noise_sound, "band noise": band_noise, "warble": warble, "modem": modem,
          "computer game": computer_game, "drops": drops, "tone": tone, "sweep": sweep, "melody": melody, "beeps": beeps,
          "drums": drums, "clicks": clicks, "hum": hum, "vowels": vowels}


def write_sound(path: Path, samples: np.ndarray) -> None:
    loud = 0.5 * samples / max(np.abs(samples).max(), 1e-9)
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(SAMPLE_RATE)
        out.writeframes((loud * 32767).astype("<i2").tobytes())


# --- Motion: (samples, 6), m/s^2 and rad/s -----------------------------------------------------

IMU_TIME = np.arange(SECONDS * IMU_RATE) / IMU_RATE


def white_motion(random: np.random.Generator) -> np.ndarray:
    return random.normal(size=(len(IMU_TIME), 6)) * np.repeat(random.uniform(0.5, [10, 5]), 3)


def drifting(random: np.random.Generator) -> np.ndarray:
    return np.cumsum(random.normal(size=(len(IMU_TIME), 6)), 0) * np.repeat([0.5, 0.2], 3)


def shaken(random: np.random.Generator) -> np.ndarray:
    """One frequency in all axes, as of a machine."""
    rate = random.uniform(0.2, 30)
    phases, sizes = random.uniform(0, 2 * np.pi, 6), random.uniform(0, [15] * 3 + [6] * 3)
    return sizes * np.sin(2 * np.pi * rate * IMU_TIME[:, None] + phases) + [0, 0, 9.81, 0, 0, 0]


def spinning(random: np.random.Generator) -> np.ndarray:
    """A wheel: gravity goes round."""
    speed = random.uniform(3, 25)
    angle = speed * IMU_TIME
    rows = np.zeros((len(IMU_TIME), 6))
    rows[:, 0], rows[:, 1], rows[:, 5] = 9.81 * np.sin(angle), 9.81 * np.cos(angle), speed
    return rows + 0.1 * random.normal(size=rows.shape)


def falling(random: np.random.Generator) -> np.ndarray:
    rows = 0.05 * random.normal(size=(len(IMU_TIME), 6))
    for begin in random.integers(0, len(IMU_TIME) - 20, 4):
        rows[begin:begin + 10] += random.normal(scale=40, size=6)
    return rows


def steps_motion(random: np.random.Generator) -> np.ndarray:
    """Values that jump: a bus with faults."""
    length = int(random.integers(5, 60))
    jumps = random.uniform(-20, 20, (len(IMU_TIME) // length + 1, 6)) * [1, 1, 1, 0.4, 0.4, 0.4]
    return np.repeat(jumps, length, 0)[:len(IMU_TIME)]


MOTIONS = {"white": white_motion, "drifting": drifting, "shaken": shaken, "spinning": spinning,
           "falling": falling, "steps": steps_motion}


def picture_motion(picture: np.ndarray) -> np.ndarray:
    """Six lines of a picture."""
    lines = picture.mean(2)[SIDE // 12::SIDE // 6][:6].T
    lines = (lines - lines.mean(0)) / lines.std(0) * np.repeat([4, 1.5], 3)
    return np.resize(lines, (len(IMU_TIME), 6)) + [0, 0, 9.81, 0, 0, 0]


def scrambled(rows: np.ndarray, random: np.random.Generator, how: str) -> np.ndarray:
    """A real recording that isn't one any more, or is read wrongly."""
    if how == "shuffled":
        return random.permutation(rows)
    if how == "swapped":  # what turns and what is pushed
        return rows[:, [3, 4, 5, 0, 1, 2]]
    if how == "mixed":  # axes of both
        return rows[:, random.permutation(6)]
    if how == "fourfold":
        return rows * 4
    if how == "in g":  # read as m/s^2
        return rows / np.repeat([9.81, 1], 3)
    if how == "in degrees":  # read as radians
        return rows * np.repeat([1, np.degrees(1)], 3)
    if how == "fast":
        return np.resize(rows[::4], rows.shape)
    raise ValueError(how)


SCRAMBLED = ("shuffled", "swapped", "mixed", "fourfold", "in g", "in degrees", "fast")
