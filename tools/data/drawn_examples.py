"""Inputs that are computed, not recorded: sounds, motion, depth maps and thermal pictures of everyday things.

`SOUNDS`, `MOTIONS`, `DEPTH_MAPS` and `THERMAL_PICTURES` give for each name a function that makes it. make_examples.py
writes some of them to examples/data; tools/docs/choose_examples.py asks about all of them. Everything is the same in every
run.
"""

from collections.abc import Callable

import numpy as np

SOUND_RATE = 16_000  # Hz
SOUND_SECONDS = 4
MOTION_RATE = 100  # Hz
MOTION_SECONDS = 6
GRAVITY = 9.80665  # m/s^2
PERSON_DISTANCE = 2.5  # m
DEPTH_SHAPE = (240, 320)
THERMAL_SHAPE = (60, 80)


def seconds() -> np.ndarray:
    return np.arange(SOUND_SECONDS * SOUND_RATE) / SOUND_RATE


def noise(seed: int, count: int = SOUND_SECONDS * SOUND_RATE) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(count)


def smoothed(signal: np.ndarray, n_samples: int) -> np.ndarray:
    """A moving mean: what is left are the low frequencies."""
    return np.convolve(signal, np.ones(n_samples) / n_samples, mode="same")


def tone(hertz: np.ndarray, overtones: tuple[float, ...]) -> np.ndarray:
    """`hertz`: the pitch at each sample; `overtones`: loudness of the tone, of twice its pitch, and so on."""
    phase = 2 * np.pi * np.cumsum(hertz) / SOUND_RATE
    return sum(loud * np.sin((i + 1) * phase) for i, loud in enumerate(overtones))


def strokes(rate: float, fade: float, seed: int, jitter: float = 0) -> np.ndarray:
    """Short bursts of noise, `rate` a second, that fade by exp(-fade * t)."""
    random = np.random.default_rng(seed)
    times = np.arange(0.1, SOUND_SECONDS, 1 / rate)
    times = times + jitter * random.uniform(-0.5, 0.5, times.size) / rate
    sound = np.zeros(SOUND_SECONDS * SOUND_RATE)
    for at in (times * SOUND_RATE).astype(int):
        length = min(int(5 / fade * SOUND_RATE), sound.size - at)
        if length > 0 and at >= 0:
            sound[at:at + length] += random.standard_normal(length) * np.exp(-fade * np.arange(length) / SOUND_RATE)
    return sound


def wailing_siren() -> np.ndarray:
    """A tone with two overtones, once up and down."""
    pitch = 1000 - 450 * np.cos(2 * np.pi * seconds() / SOUND_SECONDS)
    return tone(pitch, (1.0, 0.4, 0.25)) + 0.02 * noise(1)


def yelping_siren() -> np.ndarray:
    return tone(1000 - 450 * np.cos(2 * np.pi * 3 * seconds()), (1.0, 0.4, 0.25)) + 0.02 * noise(2)


def two_tone_siren() -> np.ndarray:
    return tone(np.where(seconds() % 1 < 0.5, 440, 585), (1.0, 0.5, 0.3, 0.2)) + 0.02 * noise(3)


def car_horn() -> np.ndarray:
    sounding = (seconds() % 2 > 0.3) & (seconds() % 2 < 1.5)
    return sounding * (tone(np.full(seconds().size, 400.0), (1, .8, .6, .4, .3))
                       + tone(np.full(seconds().size, 500.0), (1, .8, .6, .4, .3))) + 0.02 * noise(4)


def helicopter() -> np.ndarray:
    beats = np.maximum(0, np.sin(2 * np.pi * 11 * seconds())) ** 4
    return beats * smoothed(noise(5), 20) * 6 + 0.3 * smoothed(noise(6), 8)


def rain() -> np.ndarray:
    return noise(7) - smoothed(noise(7), 6) + 0.5 * strokes(60, 400, 8, 1)


def sea_waves() -> np.ndarray:
    return smoothed(noise(9), 10) * (0.15 + np.sin(np.pi * seconds() / SOUND_SECONDS) ** 4)


def crackling_fire() -> np.ndarray:
    return strokes(25, 900, 10, 1) * 3 + 0.15 * smoothed(noise(11), 12)


def engine_idling() -> np.ndarray:
    beats = np.maximum(0, np.sin(2 * np.pi * 25 * seconds())) ** 3
    return beats * smoothed(noise(12), 40) * 8 + 0.3 * tone(np.full(seconds().size, 50.0), (1, 0.7, 0.4, 0.2))


def chainsaw() -> np.ndarray:
    pitch = 110 + 15 * np.sin(2 * np.pi * 0.5 * seconds())
    return np.sign(tone(pitch, (1, 0.3))) * (0.7 + 0.3 * noise(13)) + 0.3 * noise(14)


SOUNDS: dict[str, Callable[[], np.ndarray]] = {
    "siren, wailing": wailing_siren,
    "siren, yelping": yelping_siren,
    "siren, two tones": two_tone_siren,
    "car horn": car_horn,
    "clock, slow": lambda: strokes(1, 300, 15) + 0.01 * noise(16),
    "clock, quick": lambda: strokes(4, 300, 17) + 0.01 * noise(18),
    "jackhammer": lambda: strokes(18, 60, 19) + 0.2 * noise(20),
    "gun shot": lambda: strokes(0.4, 8, 21),
    "helicopter": helicopter,
    "rain": rain,
    "sea waves": sea_waves,
    "crackling fire": crackling_fire,
    "engine idling": engine_idling,
    "air conditioner": lambda: smoothed(noise(22), 16) + 0.1 * tone(np.full(seconds().size, 120.0), (1, 0.5)),
    "chainsaw": chainsaw,
}


def walking(steps_a_second: float, strength: float) -> np.ndarray:
    """A phone upright in a pocket (y up): a stride is two steps, a step has harmonics of the heel's strike, and sensors
    have noise. (samples, 6): accelerometer x, y, z in m/s^2, gyroscope x, y, z in rad/s."""
    generator = np.random.default_rng(1)
    time = np.arange(MOTION_SECONDS * MOTION_RATE) / MOTION_RATE
    step = 2 * np.pi * steps_a_second * time
    stride = step / 2
    up = strength * (3 * np.sin(step) + 1.5 * np.sin(2 * step + 0.8) + 0.75 * np.sin(3 * step + 1.5))
    forward = strength * (1.5 * np.cos(step + 0.4) + 0.9 * np.sin(2 * step))
    aside = strength * (1.2 * np.sin(stride) + 0.45 * np.sin(3 * stride))
    turning = [0.5 * np.sin(stride) + 0.2 * np.sin(step),
               0.8 * np.sin(stride + 0.6) + 0.3 * np.sin(step + 1),
               0.4 * np.sin(stride + 1.2) + 0.1 * np.sin(2 * step)]
    columns = [axis + 0.25 * generator.standard_normal(time.size) for axis in (aside, GRAVITY + up, forward)]
    columns += [strength * axis + 0.05 * generator.standard_normal(time.size) for axis in turning]
    return np.stack(columns, axis=1)


def at_rest(up: tuple[float, float, float]) -> np.ndarray:
    """`up`: the direction away from the ground, length 1."""
    generator = np.random.default_rng(2)
    count = MOTION_SECONDS * MOTION_RATE
    acceleration = GRAVITY * np.array(up) + 0.03 * generator.standard_normal((count, 3))
    return np.hstack([acceleration, 0.005 * generator.standard_normal((count, 3))])


MOTIONS: dict[str, Callable[[], np.ndarray]] = {
    "walking": lambda: walking(1.8, 1),
    "walking slowly": lambda: walking(1.4, 0.6),
    "running": lambda: walking(2.7, 3),
    "sitting still": lambda: at_rest((0, 0.1, 0.995)),
    "standing still": lambda: at_rest((0, 0.995, 0.1)),
}

# Joints of a figure in pixels (x, y), and how much nearer than the trunk they are in metres.
STANDING = {
    "head": ((160, 57, 0), (160, 56, 0), 13), "trunk": ((160, 92, 0), (160, 140, 0), 21),
    "left leg": ((168, 145, 0), (172, 205, 0), 10), "right leg": ((152, 145, 0), (148, 205, 0), 10),
    "left upper arm": ((178, 85, 0), (186, 110, 0), 7), "left forearm": ((186, 110, 0), (190, 135, 0), 6),
    "right upper arm": ((142, 85, 0), (134, 110, 0), 7), "right forearm": ((134, 110, 0), (130, 135, 0), 6),
}
POSES: dict[str, dict] = {
    "waving": {"right upper arm": ((142, 85, 0), (118, 72, 0.1), 7), "right forearm": ((118, 72, 0.1), (112, 40, 0.15), 6)},
    "clapping": {
        "left upper arm": ((178, 85, 0), (184, 108, 0.15), 7), "left forearm": ((184, 108, 0.15), (163, 98, 0.4), 6),
        "right upper arm": ((142, 85, 0), (136, 108, 0.15), 7), "right forearm": ((136, 108, 0.15), (157, 98, 0.4), 6)},
    "pushing": {
        "left upper arm": ((178, 85, 0), (176, 90, 0.25), 7), "left forearm": ((176, 90, 0.25), (174, 92, 0.5), 8),
        "right upper arm": ((142, 85, 0), (144, 90, 0.25), 7), "right forearm": ((144, 90, 0.25), (146, 92, 0.5), 8)},
    "crossing the arms": {
        "left upper arm": ((178, 85, 0), (184, 108, 0.1), 7), "left forearm": ((184, 108, 0.1), (146, 100, 0.25), 6),
        "right upper arm": ((142, 85, 0), (136, 108, 0.1), 7), "right forearm": ((136, 108, 0.1), (174, 100, 0.3), 6)},
    "squatting": {
        "head": ((160, 97, 0), (160, 96, 0), 13), "trunk": ((160, 130, 0), (160, 165, 0), 21),
        "left leg": ((170, 168, 0.25), (176, 206, 0), 11), "right leg": ((150, 168, 0.25), (144, 206, 0), 11),
        "left upper arm": ((178, 124, 0), (182, 130, 0.25), 7), "left forearm": ((182, 130, 0.25), (184, 132, 0.5), 7),
        "right upper arm": ((142, 124, 0), (138, 130, 0.25), 7), "right forearm": ((138, 130, 0.25), (136, 132, 0.5), 7)},
    "lunging": {
        "head": ((160, 77, 0), (160, 76, 0), 13), "trunk": ((160, 110, 0), (160, 155, 0), 21),
        "left leg": ((168, 160, 0.4), (168, 208, 0.35), 11), "right leg": ((152, 165, -0.2), (148, 205, -0.4), 9),
        "left upper arm": ((178, 104, 0), (186, 130, 0), 7), "left forearm": ((186, 130, 0), (182, 152, 0.05), 6),
        "right upper arm": ((142, 104, 0), (134, 130, 0), 7), "right forearm": ((134, 130, 0), (138, 152, 0.05), 6)},
    "picking something up": {
        "head": ((128, 150, 0.35), (128, 149, 0.35), 13), "trunk": ((140, 135, 0.2), (164, 140, 0), 20),
        "left upper arm": ((150, 148, 0.25), (146, 168, 0.3), 7), "left forearm": ((146, 168, 0.3), (138, 186, 0.35), 6),
        "right upper arm": ((136, 150, 0.25), (130, 172, 0.35), 7), "right forearm": ((130, 172, 0.35), (124, 192, 0.4), 6)},
    "drawing a circle": {
        "right upper arm": ((142, 85, 0), (136, 84, 0.25), 7), "right forearm": ((136, 84, 0.25), (128, 74, 0.5), 6)},
    "throwing": {"right upper arm": ((142, 85, 0), (122, 70, -0.1), 7), "right forearm": ((122, 70, -0.1), (134, 44, -0.15), 6)},
    "bowling": {
        "head": ((150, 80, 0.3), (150, 79, 0.3), 13), "trunk": ((154, 112, 0.2), (162, 145, 0), 21),
        "right upper arm": ((138, 104, 0.1), (128, 125, -0.1), 7), "right forearm": ((128, 125, -0.1), (118, 146, -0.25), 6)},
    "boxing": {
        "left upper arm": ((178, 85, 0), (186, 104, 0.1), 7), "left forearm": ((186, 104, 0.1), (172, 84, 0.25), 6),
        "right upper arm": ((142, 85, 0), (144, 86, 0.25), 7), "right forearm": ((144, 86, 0.25), (148, 84, 0.5), 7)},
    "sitting down": {
        "head": ((160, 87, 0.1), (160, 86, 0.1), 13), "trunk": ((160, 120, 0.05), (160, 160, 0), 21),
        "left leg": ((170, 165, 0.35), (172, 206, 0.35), 11), "right leg": ((150, 165, 0.35), (148, 206, 0.35), 11),
        "left upper arm": ((178, 114, 0), (184, 138, 0.1), 7), "left forearm": ((184, 138, 0.1), (176, 158, 0.3), 6),
        "right upper arm": ((142, 114, 0), (136, 138, 0.1), 7), "right forearm": ((136, 138, 0.1), (144, 158, 0.3), 6)},
    "walking": {
        "left leg": ((168, 145, 0), (176, 205, 0.3), 10), "right leg": ((152, 145, 0), (146, 203, -0.3), 10),
        "left upper arm": ((178, 85, 0), (186, 110, -0.1), 7), "left forearm": ((186, 110, -0.1), (186, 133, -0.15), 6),
        "right upper arm": ((142, 85, 0), (134, 110, 0.1), 7), "right forearm": ((134, 110, 0.1), (136, 130, 0.2), 6)},
}


def person_depth(pose: dict) -> np.ndarray:
    """A person in a pose of POSES, in metres; 0: nothing in reach."""
    y, x = np.mgrid[0:DEPTH_SHAPE[0], 0:DEPTH_SHAPE[1]].astype(np.float64)
    depth = np.full(DEPTH_SHAPE, np.inf)
    for (x0, y0, near0), (x1, y1, near1), radius in (STANDING | pose).values():
        along = np.clip(((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / ((x1 - x0) ** 2 + (y1 - y0) ** 2 + 1e-9), 0, 1)
        away = np.hypot(x - x0 - along * (x1 - x0), y - y0 - along * (y1 - y0)) / radius
        surface = PERSON_DISTANCE - near0 - along * (near1 - near0) - 0.1 * np.sqrt(np.maximum(0, 1 - away**2))
        depth = np.where((away < 1) & (surface < depth), surface, depth)
    return np.where(np.isinf(depth), 0, depth)


DEPTH_MAPS: dict[str, Callable[[], np.ndarray]] = {
    name: (lambda pose=pose: person_depth(pose)) for name, pose in POSES.items()}


def blob(x0: float, y0: float, width: float, height: float) -> np.ndarray:
    """1 inside an ellipse with these half axes in pixels, falling softly to 0."""
    y, x = np.mgrid[0:THERMAL_SHAPE[0], 0:THERMAL_SHAPE[1]].astype(np.float64)
    return np.exp(-(((x - x0) / width) ** 2 + ((y - y0) / height) ** 2) ** 2)


def ground(coldest: float) -> np.ndarray:
    """A temperature in Celsius that rises a little towards the lower edge."""
    return coldest + 0.03 * np.mgrid[0:THERMAL_SHAPE[0], 0:THERMAL_SHAPE[1]][0]


def standing_person() -> np.ndarray:
    return ground(19) + 14 * np.maximum(blob(40, 34, 9, 20), blob(40, 10, 6, 6))


def box(x0: float, y0: float, half_width: float, half_height: float) -> np.ndarray:
    y, x = np.mgrid[0:THERMAL_SHAPE[0], 0:THERMAL_SHAPE[1]].astype(np.float64)
    return 1 / (1 + np.exp((np.maximum(np.abs(x - x0) - half_width, np.abs(y - y0) - half_height)) / 0.7))


def car_from_above() -> np.ndarray:
    """Warm body, warmer bonnet, cool windows."""
    return (ground(19) + 6 * box(40, 30, 26, 12) + 6 * box(58, 30, 8, 10) - 5 * box(47, 30, 2, 9)
            - 5 * box(26, 30, 2, 9))


THERMAL_PICTURES: dict[str, Callable[[], np.ndarray]] = {
    "standing person": standing_person,
    "person from above": lambda: ground(19) + 12 * np.maximum(blob(40, 30, 9, 5), blob(41, 30, 4, 4)),
    "walking person, small": lambda: ground(19) + 12 * np.maximum(blob(40, 32, 5, 13), blob(40, 16, 3, 3)),
    "car from above": car_from_above,
    "truck from above": lambda: ground(19) + 7 * box(34, 30, 24, 11) + 10 * box(66, 30, 6, 10),
}
