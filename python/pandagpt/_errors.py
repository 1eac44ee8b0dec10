"""What goes wrong, by kind. Each message is one line: what is wrong, where, and what to do."""

import errno

# The library names options as its program and its server have them; here they are arguments.
_ARGUMENTS = {
    "--imu-rate, in requests rate_hz": "imu(.., rate=..)",
    "--imu-accel-unit, in requests acceleration_unit:": "imu(.., accel_unit=..):",
    "--imu-gyro-unit, in requests rotation_unit:": "imu(.., gyro_unit=..):",
    "--imu-gravity absent (in requests gravity)": "imu(.., gravity='absent')",
    "(--imu-columns, in requests columns)": "imu(.., columns=..)",
    "--imu-columns acc=": "imu(.., columns=..): acc=",
    "--depth-encoding (in requests encoding)": "depth(.., encoding=..)",
    "--depth-camera FOCAL,BASELINE (focal length in pixels, baseline in metres; in requests focal_length and baseline)":
        "depth(.., camera=(focal length in pixels, baseline in metres))",
    "--depth-unit (in requests metres_per_unit)": "unit",
    "--depth-unit, in requests metres_per_unit:": "depth(.., unit=..):",
    "beam search (--beams)": "beam search (n_beams)",
    "; see 'pandagpt models', or give a folder or a .gguf file": "",
    "; give the index's with --model, or index again with --rebuild": "; give the index's own, or update(.., rebuild=True)",
    "; use that model, another --db, or --rebuild to index everything anew":
        "; use that model, another database, or update(.., rebuild=True) to index everything anew",
}


def reported(kind: type["PandaError"], message: str) -> "PandaError":
    """The exception for a message of the library."""
    for option, argument in _ARGUMENTS.items():
        message = message.replace(option, argument)
    return kind(message)


class PandaError(Exception):
    """Any fault that this package reports."""


class UsageError(PandaError, ValueError):
    """The call itself is wrong: an unknown option, a value out of range."""


class InputError(PandaError, ValueError):
    """A file, buffer or array that was given can't be used."""


class InputNotFoundError(InputError, FileNotFoundError):
    """A file that was given isn't there. `filename` says which."""

    def __init__(self, message: str, filename: str | None = None):
        super().__init__(message)
        self.errno = errno.ENOENT
        self.filename = filename

    def __str__(self) -> str:  # OSError's own would write the number and the name again
        return str(self.args[0])


class ModelError(PandaError, RuntimeError):
    """A model folder or weight file is damaged or of the wrong shape, or lacks what is asked of it."""


class ModelNotFoundError(ModelError, FileNotFoundError):
    """No model of that name, and no folder or file of that path."""

    def __init__(self, message: str, filename: str | None = None):
        super().__init__(message)
        self.errno = errno.ENOENT
        self.filename = filename

    def __str__(self) -> str:
        return str(self.args[0])


class InternalError(PandaError, RuntimeError):
    """A fault of this package or of the machine: a full disk, a lost connection."""
