"""What can be measured in inputs, without a model."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from . import _core
from ._inputs import Input, core_inputs

if TYPE_CHECKING:
    from ._inputs import Sources


def facts(inputs: Input | Iterable[Input] | None = None, *, image: Sources = None, video: Sources = None,
          audio: Sources = None, thermal: Sources = None, depth: Sources = None,
          imu: Sources = None) -> list[dict[str, Any]]:
    """One dictionary an input, as `pandagpt facts --json` prints it (docs/facts.md):

        pandagpt.facts(thermal="oven.tiff")[0]["hottest"]  # {"value": 36.5, "unit": "°C", "x": 120, "y": 33, ..}

    What can't be measured has no key. Raises InputError for an input that can't be read."""
    core = core_inputs(inputs, {"image": image, "video": video, "audio": audio, "thermal": thermal, "depth": depth,
                                "imu": imu})
    result: list[dict[str, Any]] = json.loads(_core.facts(core))
    return result
