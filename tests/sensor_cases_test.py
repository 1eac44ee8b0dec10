"""Files as devices write them, with the right values: every case of sensors.tar, end to end.

The files may not be in this repository (docs/modalities.md says whose they are), so the test looks
for the archive beside it and ends well where it isn't there. For each case `pandagpt embed` gives
the vector of the file and that of its right values, which must agree; or it ends with the error,
or says the warning, that is right.

    sensor_cases_test.py PANDAGPT MODEL ARCHIVE [NAME ..]

NAME: only the cases whose file has it in its path.
"""

import concurrent.futures
import csv
import json
import math
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tarfile
import tempfile

SAME = 0.99         # cosine of the vectors
INPUT_ERROR = 3     # exit codes: docs/cli.md
USAGE_ERROR = 2
CHANGES_THE_TENSOR = ("--depth-camera", "--thermal-range")
IMU_HEADER = "time_s,acc_x_ms2,acc_y_ms2,acc_z_ms2,gyro_x_rads,gyro_y_rads,gyro_z_rads"


class Program:
    def __init__(self, path, model):
        self.command = [path, "embed", "--no-cache", "--normalize", "--model", model]
        self.environment = {**os.environ, "OMP_NUM_THREADS": "1"}

    def embed(self, sense, file, options):
        return subprocess.run([*self.command, f"--{sense}", file, *options], capture_output=True,
                              text=True, env=self.environment, timeout=300)


def vector(result):
    return json.loads(result.stdout)["embedding"]


def cosine(one, other):
    return sum(a * b for a, b in zip(one, other, strict=True)) / math.hypot(*one) / math.hypot(*other)


def for_the_values(options):
    """Those of the options that the right values need, too."""
    kept = []
    for option, value in zip(options[::2], options[1::2], strict=True):
        if option in CHANGES_THE_TENSOR:
            kept += [option, value]
    return kept


def as_input(file, folder):
    """A recording's right values, (samples, 7), as the table that they would be."""
    import numpy as np
    table = folder / (file.stem + ".csv")
    if not table.exists():
        np.savetxt(table, np.load(file), delimiter=",", header=IMU_HEADER, comments="", fmt="%.10g")
    return table


def says(text, words):
    for line in text.splitlines():
        unquoted = re.sub(r'"[^"]*"|\S+\.(?:csv|txt|png|jpg|tif|npy|npz|exr|pfm|fff|heic|wav|caf)\b',
                          "", line)
        if re.search(words, unquoted, re.IGNORECASE):
            return True
    return False


def has_right_values(program, case, root, folder, result):
    if result.returncode != 0:
        return f"exit {result.returncode}: {result.stderr.strip()[-300:]}"
    values = root / case["value_file"]
    if case["sense"] == "imu":
        values = as_input(values, folder)
    expected = program.embed(case["sense"], values, for_the_values(shlex.split(case["options"])))
    assert expected.returncode == 0, expected.stderr
    agreement = cosine(vector(result), vector(expected))
    return "" if agreement >= SAME else f"cosine {agreement:.3f}"


def has_error(case, result):
    if result.returncode not in (INPUT_ERROR, USAGE_ERROR):
        return f"exit {result.returncode}"
    if len(result.stderr.strip().splitlines()) != 1:
        return "not one line: " + result.stderr
    return "" if says(result.stderr, case["words"]) else "the words aren't in: " + result.stderr.strip()


def has_warning(case, result):
    if result.returncode != 0:
        return f"exit {result.returncode}"
    return "" if says(result.stderr, case["words"]) else "no such warning: " + result.stderr.strip()


def judge(program, case, root, folder):
    """What is wrong with a case; empty if nothing is."""
    result = program.embed(case["sense"], root / case["file"], shlex.split(case["options"]))
    checks = {"values": lambda: has_right_values(program, case, root, folder, result),
              "error": lambda: has_error(case, result),
              "warning": lambda: has_warning(case, result)}
    if " and " in case["right"]:
        return "; ".join(filter(None, (checks[kind]() for kind in case["right"].split(" and "))))
    faults = []
    for kind in case["right"].split(" or "):
        fault = checks[kind]()
        if not fault:
            return ""
        faults.append(f"{kind}: {fault}")
    return "; ".join(faults)


def main(program, model, archive, *names):
    if not pathlib.Path(archive).is_file():
        print(f"skipped: there is no {archive}")
        return
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        with tarfile.open(archive) as tar:
            tar.extractall(folder)
        root = folder / "sensors"
        with open(root / "cases.tsv", encoding="utf-8", newline="") as table:
            cases = list(csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE))
        assert cases, "no cases"
        cases = [case for case in cases if not names or any(n in case["file"] for n in names)]
        run = Program(program, model)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            faults = list(pool.map(lambda case: judge(run, case, root, folder), cases))
    for case, fault in zip(cases, faults, strict=True):
        if fault:
            print(f"WRONG {case['file']} {case['options']}: {fault}")
    wrong = sum(map(bool, faults))
    print(f"{len(cases) - wrong} of {len(cases)} right")
    sys.exit(wrong != 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
