// What a recording of motion says: how long, steps, turns, jumps, how still, how strong.
#pragma once

#include "media/imu.h"
#include "pandagpt/facts.h"

namespace pandagpt {

/// Facts "length", "rate", "samples", "still" (share of the time), "strongest_acceleration";
/// where they were found, "steps", "steps_per_minute", "walking"; with gravity, "turns" with each
/// "turn" (degrees, positive to the left), if there is a gyroscope, and "jumps" with each "jump"
/// (seconds in the air).
InputFacts motion_facts(const ImuRecording& recording);

}  // namespace pandagpt
