#!/usr/bin/env python3
"""Makes tests/fixtures/devices: recordings of motion as wearables and GoPro cameras write them.

No library writes these formats, so they are written here by their documents. What is in them is
told beside each `write_..`; tests/device_imu_test.cpp has the same formulas.

    python tools/reference/make_device_fixtures.py
"""

import datetime
import struct
import zipfile
from pathlib import Path

FIXTURES = Path(__file__).resolve().parents[2] / "tests" / "fixtures" / "devices"
START = datetime.datetime(2024, 5, 6, 7, 8, 9, tzinfo=datetime.timezone.utc)


def counts(i: int) -> tuple[int, int, int]:
    """Of an accelerometer with 256 counts a g that lies flat and is shaken a little."""
    return i % 50 - 20, -2 * (i % 30), 250 + i % 7


# --- Axivity ---------------------------------------------------------------------------------------

def cwa_time(moment: datetime.datetime) -> int:
    return ((moment.year - 2000) << 26 | moment.month << 22 | moment.day << 17 | moment.hour << 12
            | moment.minute << 6 | moment.second)


def cwa_header(hardware: int, rate_code: int, sensors: int) -> bytes:
    """`sensors`: 0xFF for an accelerometer alone, else the gyroscope's range."""
    head = struct.pack("<HHBHIHII", 0x444D, 1020, hardware, 12345, 7, 0xFFFF, cwa_time(START),
                       cwa_time(START + datetime.timedelta(days=1)))
    return (head.ljust(35, b"\xff") + bytes([sensors, rate_code])).ljust(1024, b"\xff")


def cwa_sector(first: int, rate: float, rate_code: int, axes_and_bits: int, scale: int,
               samples: list[bytes], with_fraction: bool) -> bytes:
    """`first`: number of its first sample since START."""
    seconds = first / rate
    whole = int(seconds) + 1  # the time stamp is that of a sample within the sector
    fraction = 0
    if with_fraction:
        fraction = int(((seconds + 0.1) % 1) * 65536) & ~1
        whole = int(seconds + 0.1)
    offset = round((whole + fraction / 65536 - seconds) * rate)
    stored = 0x1234
    if with_fraction:
        stored = 0x8000 | fraction >> 1
        offset -= fraction * int(rate) >> 16
    sector = struct.pack("<HHHIIIHHBBBBhH", 0x5841, 508, stored, 7, first // len(samples), cwa_time(
        START + datetime.timedelta(seconds=whole)), scale, 0, 0, 200, rate_code, axes_and_bits,
        offset, len(samples)) + b"".join(samples).ljust(480, b"\0")
    total = sum(struct.unpack("<255H", sector)) & 0xFFFF
    return sector + struct.pack("<H", -total & 0xFFFF)


def packed(x: int, y: int, z: int) -> bytes:
    exponent = 0
    while any(not -512 <= value >> exponent < 512 for value in (x, y, z)):
        exponent += 1
    fields = [(value >> exponent) & 1023 for value in (x, y, z)]
    return struct.pack("<I", exponent << 30 | fields[2] << 20 | fields[1] << 10 | fields[0])


def write_ax3(name: str, with_fraction: bool):
    """100 Hz, packed; every 60th sample has 4 g on z, which takes an exponent."""
    sectors = []
    for first in range(0, 480, 120):
        samples = [packed(*counts(i)) if i % 60 else packed(16, -16, 1024)
                   for i in range(first, first + 120)]
        sectors.append(cwa_sector(first, 100, 0x4A, 0x30, 0, samples, with_fraction))
    (FIXTURES / name).write_bytes(cwa_header(0xFF, 0x4A, 0xFF) + b"".join(sectors))


def write_ax6(name: str):
    """50 Hz: gyroscope of 2000 degrees a second in 32768 counts, accelerometer of 2048 counts a g."""
    sectors = []
    for first in range(0, 200, 40):
        samples = [struct.pack("<6h", 10 * i, -5 * i, 300, *(8 * c for c in counts(i)))
                   for i in range(first, first + 40)]
        sectors.append(cwa_sector(first, 50, 0x49, 0x62, 3 << 13 | 2 << 10, samples, True))
    (FIXTURES / name).write_bytes(cwa_header(0x64, 0x49, 2) + b"".join(sectors))


# --- ActiGraph -------------------------------------------------------------------------------------

def gt3x_record(kind: int, second: int, payload: bytes) -> bytes:
    record = struct.pack("<BBIH", 0x1E, kind, int(START.timestamp()) + second, len(payload)) + payload
    check = 0
    for byte in record:
        check ^= byte
    return record + bytes([~check & 0xFF])


def twelve_bits(values: list[int]) -> bytes:
    bits = "".join(format(value & 0xFFF, "012b") for value in values)
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))


def write_gt3x(name: str, activity2: bool, sleeps: bool = False):
    """30 Hz, 256 counts a g, six seconds. `sleeps`: nothing is written in the third and fourth."""
    log = gt3x_record(21, 0, bytes(8))  # parameters, which nobody needs here
    for second in range(6):
        if sleeps and second in (2, 3):
            continue
        rows = [counts(i) for i in range(30 * second, 30 * second + 30)]
        if activity2:
            log += gt3x_record(26, second, b"".join(struct.pack("<3h", *row) for row in rows))
        else:
            log += gt3x_record(0, second, twelve_bits([v for x, y, z in rows for v in (y, x, z)]))
    ticks = int((START.timestamp() + 62135596800) * 10**7)
    info = {"Serial Number": "MOS2D12345678", "Device Type": "wGT3XBT", "Firmware": "1.9.2",
            "Sample Rate": "30", "Start Date": ticks, "Stop Date": ticks + 60 * 10**7,
            "Last Sample Time": ticks + 6 * 10**7, "TimeZone": "00:00:00",
            "Acceleration Scale": "256.0", "Acceleration Min": "-8.0", "Acceleration Max": "8.0"}
    with zipfile.ZipFile(FIXTURES / name, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in (("info.txt", "".join(f"{k}: {v}\r\n" for k, v in info.items())),
                                ("log.bin", log)):
            archive.writestr(zipfile.ZipInfo(member, (2024, 1, 1, 0, 0, 0)), content,
                             zipfile.ZIP_DEFLATED)


# --- GENEActiv -------------------------------------------------------------------------------------

def write_geneactiv(name: str):
    """40 Hz; gains and offsets of its calibration make g of the counts."""
    header = """\
        Device Identity|Device Unique Serial Code:012345|Device Type:GENEActiv|Device Model:1.1
        Device Firmware Version:Ver5.09|Calibration Date:2024-04-03 11:08:52:000||Device Capabilities
        Accelerometer Range:-8 to 8|Accelerometer Resolution:0.0039|Accelerometer Units:g
        Light Meter Range:0 to 5000|Light Meter Resolution:5|Light Meter Units:lux
        Temperature Sensor Range:0 to 70|Temperature Sensor Resolution:0.1
        Temperature Sensor Units:deg. C||Configuration Info|Measurement Frequency:40.0 Hz
        Measurement Period:216 Hours|Start Time:2024-05-06 07:08:09:500|Time Zone:GMT +01:00||Trial Info
        Study Centre:|Study Code:|Investigator ID:|Exercise Type:|Config Operator ID:2
        Config Time:2024-05-05 14:02:12:642|Config Notes:|Extract Operator ID:
        Extract Time:2024-5-11 17:25:40:479|Extract Notes:||Subject Info|Device Location Code:
        Subject Code:|Date of Birth:1800-1-1|Sex:|Height:|Weight:|Handedness Code:|Subject Notes:|
        Calibration Data|x gain:25600|x offset:256|y gain:25000|y offset:-500|z gain:26000|z offset:0
        Volts:300|Lux:800||Memory Status|Number of Pages:2|"""
    header = [part for line in header.splitlines() for part in line.strip().split("|")]
    lines = header
    for page in range(2):
        moment = START + datetime.timedelta(seconds=0.5 + 7.5 * page)
        digits = ""
        for i in range(300 * page, 300 * page + 300):
            x, y, z = counts(i)
            light, button = i % 1024, i % 2
            bits = (x & 0xFFF) << 36 | (y & 0xFFF) << 24 | (z & 0xFFF) << 12 | light << 2 | button << 1
            digits += format(bits, "012X")
        lines += ["Recorded Data", "Device Unique Serial Code:012345", f"Sequence Number:{page}",
                  "Page Time:" + moment.strftime("%Y-%m-%d %H:%M:%S:")
                  + f"{moment.microsecond // 1000:03d}",
                  "Unassigned:", "Temperature:21.5", "Battery voltage:4.1",
                  "Device Status:Recording", "Measurement Frequency:40.0", digits]
    (FIXTURES / name).write_bytes("\r\n".join(lines + [""]).encode())


# --- GoPro -----------------------------------------------------------------------------------------

def klv(key: str, kind: str, size: int, data: bytes) -> bytes:
    """`kind` "": further items."""
    item = key.encode() + struct.pack(">BBH", ord(kind) if kind else 0, size, len(data) // size)
    return item + data + bytes(-len(data) % 4)


def gpmf_payload(k: int, device: str, n_acceleration: int, n_rotation: int, order=None,
                 stamps: bool = False) -> bytes:
    """The k-th second. In X, Y, Z: acceleration (0.01 i, -0.02 i, 9.8) m/s2 with i samples since
    the beginning, rotation (0.5, 0.1 t, -0.25) rad/s with t seconds; in the file's own `order`."""
    letters, tags = order

    def raw(values: tuple[float, float, float], scale: int) -> bytes:
        numbers = []
        for letter in letters:
            value = values["XYZ".index(letter.upper())]
            numbers.append(round((value if letter.isupper() else -value) * scale))
        return struct.pack(">3h", *numbers)

    def stream(key: str, count: int, rows: bytes, scale: int, unit: bytes) -> bytes:
        body = b""
        if stamps:
            body += klv("STMP", "J", 8, struct.pack(">Q", 1_000_000 * k + 80_000))
        body += klv("TSMP", "L", 4, struct.pack(">L", count * (k + 1)))
        body += b"".join(tags)
        body += klv("SIUN", "c", len(unit), unit) + klv("SCAL", "s", 2, struct.pack(">h", scale))
        return klv("STRM", "", 1, body + klv(key, "s", 6, rows))

    acceleration = b"".join(raw((0.01 * i, -0.02 * i, 9.8), 418)
                            for i in range(k * n_acceleration, (k + 1) * n_acceleration))
    rotation = b"".join(raw((0.5, 0.1 * (k + i / n_rotation), -0.25), 3755)
                        for i in range(n_rotation))
    body = klv("DVID", "L", 4, struct.pack(">L", 1)) + klv("DVNM", "c", 1, device.encode())
    body += stream("ACCL", n_acceleration, acceleration, 418, b"m/s\xb2")
    body += stream("GYRO", n_rotation, rotation, 3755, b"rad/s")
    return klv("DEVC", "", 1, body)


def box(kind: str, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return struct.pack(">I4s", 8 + len(content), kind.encode()) + content


def mp4(payloads: list[bytes]) -> bytes:
    """A film whose one track is GPMF, a payload a second."""
    matrix = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    length = 1000 * len(payloads)
    ftyp = box("ftyp", b"mp41\x20\x13\x10\x18mp41")

    def moov(offsets: list[int]) -> bytes:
        stbl = box("stbl",
                   box("stsd", struct.pack(">II", 0, 1), box("gpmd", bytes(6), struct.pack(">HI", 1, 0))),
                   box("stts", struct.pack(">IIII", 0, 1, len(payloads), 1000)),
                   box("stsc", struct.pack(">IIIII", 0, 1, 1, 1, 1)),
                   box("stsz", struct.pack(">III", 0, 0, len(payloads)),
                       *(struct.pack(">I", len(one)) for one in payloads)),
                   box("stco", struct.pack(">II", 0, len(payloads)),
                       *(struct.pack(">I", one) for one in offsets)))
        minf = box("minf", box("gmhd", box("gmin", struct.pack(">IHHHHHH", 0, 64, 32768, 32768, 32768, 0, 0))),
                   box("dinf", box("dref", struct.pack(">II", 0, 1), box("url ", struct.pack(">I", 1)))),
                   stbl)
        mdia = box("mdia", box("mdhd", struct.pack(">IIIIIHH", 0, 0, 0, 1000, length, 0x55C4, 0)),
                   box("hdlr", struct.pack(">II4s12x", 0, 0, b"meta"), b"GoPro MET\0"), minf)
        tkhd = box("tkhd", struct.pack(">IIIIII8xHHHH", 15, 0, 0, 1, 0, length, 0, 0, 0, 0), matrix,
                   struct.pack(">II", 0, 0))
        mvhd = box("mvhd", struct.pack(">IIIIIIH10x", 0, 0, 0, 1000, length, 0x10000, 0x100), matrix,
                   bytes(24), struct.pack(">I", 2))
        return box("moov", mvhd, box("trak", tkhd, mdia))

    start = len(ftyp) + len(moov([0] * len(payloads))) + 8
    offsets = [start + sum(map(len, payloads[:i])) for i in range(len(payloads))]
    return ftyp + moov(offsets) + box("mdat", *payloads)


def write_gopro():
    hero5 = ("ZXY", [])
    hero6 = ("YxZ", [])
    # The camera's own words for it, as GoPro MAX writes them.
    max_tags = [klv("MTRX", "f", 36, struct.pack(">9f", 0, -1, 0, 1, 0, 0, 0, 0, 1)),
                klv("ORIN", "c", 1, b"XzY"), klv("ORIO", "c", 1, b"ZXY")]
    (FIXTURES / "hero5.raw").write_bytes(gpmf_payload(0, "Camera", 200, 400, hero5))
    (FIXTURES / "hero5.mp4").write_bytes(
        mp4([gpmf_payload(k, "Camera", 200, 400, hero5) for k in range(3)]))
    (FIXTURES / "hero6.mp4").write_bytes(
        mp4([gpmf_payload(k, "Hero6 Black", 200, 200, hero6) for k in range(3)]))
    (FIXTURES / "max.mp4").write_bytes(
        mp4([gpmf_payload(k, "GoPro Max", 100, 100, ("XzY", max_tags), stamps=True)
             for k in range(3)]))


def main():
    FIXTURES.mkdir(parents=True, exist_ok=True)
    write_ax3("ax3.cwa", with_fraction=False)
    write_ax3("ax3_fraction.cwa", with_fraction=True)
    write_ax6("ax6.cwa")
    write_gt3x("activity.gt3x", activity2=False)
    write_gt3x("activity2.gt3x", activity2=True)
    write_gt3x("sleep.gt3x", activity2=True, sleeps=True)
    write_geneactiv("geneactiv.bin")
    write_gopro()


if __name__ == "__main__":
    main()
