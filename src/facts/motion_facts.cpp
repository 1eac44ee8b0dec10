#include "facts/motion_facts.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "facts/fact_list.h"
#include "facts/motion_signal.h"
#include "facts/steps.h"
#include "facts/turns.h"

namespace pandagpt {
namespace {

constexpr double kMinute = 60;           // s
constexpr double kUsualSmoothing = 0.5;  // s, of turns of somebody who doesn't walk
constexpr double kStrideSteps = 2;
constexpr double kStillAllTheTime = 0.95;
constexpr double kWorthTelling = 0.1;  // of the time
constexpr double kPercent = 100;
constexpr std::size_t kMostTold = 3;  // turns in the sentence

void add_strongest(FactList& list, const ImuRecording& recording) {
  std::size_t strongest = 0;
  double length = -1;
  for (std::size_t i = 0; i < recording.samples.size(); ++i) {
    const auto& sample = recording.samples[i];
    const double own = length_of({sample[0], sample[1], sample[2]});
    if (own > length) {
      length = own;
      strongest = i;
    }
  }
  list.add("strongest_acceleration", length, "m/s²", 1).seconds = recording.seconds[strongest];
}

void add_steps(FactList& list, const Steps& steps) {
  list.add("steps", steps.count, "", 0);
  list.add("steps_per_minute", steps.per_minute, "", 0);
  list.add("walking", steps.seconds, "s", 1);
  list.say(counted(std::lround(steps.count), "step"));
  list.say(fixed(steps.per_minute, 0) + " steps a minute");
}

std::string words_of(const BodyTurn& turn) {
  return fixed(std::abs(turn.degrees), 0) + "° to the " + (turn.degrees > 0 ? "left" : "right");
}

void add_turns(FactList& list, const std::vector<BodyTurn>& turns) {
  list.add("turns", double(turns.size()), "", 0);
  std::string told;
  for (const BodyTurn& turn : turns) {
    Fact& fact = list.add("turn", turn.degrees, "°", 0);
    fact.seconds = turn.seconds;
    fact.is_listed = true;
    told += (told.empty() ? "" : ", ") + words_of(turn);
  }
  if (turns.empty()) return;
  list.say(counted(long(turns.size()), "turn") +
           (turns.size() <= kMostTold ? " (" + told + ")" : std::string()));
}

void add_flights(FactList& list, const std::vector<Flight>& flights) {
  list.add("jumps", double(flights.size()), "", 0);
  for (const Flight& flight : flights) {
    Fact& fact = list.add("jump", flight.seconds, "s", 2);
    fact.seconds = flight.begin;
    fact.is_listed = true;
  }
  if (!flights.empty()) list.say(counted(long(flights.size()), "jump"));
}

}  // namespace

InputFacts motion_facts(const ImuRecording& recording) {
  FactList list;
  list.add("length", recording.duration(), "s", 1);
  list.add("rate", 1 / recording.step_seconds, "Hz", 1);
  list.add("samples", double(recording.samples.size()), "", 0);
  list.say(fixed(recording.duration(), 1) + " s");

  const MotionGrid grid = motion_grid(recording);
  const std::vector<bool> still = still_samples(grid);
  const double still_share = double(std::ranges::count(still, true)) / double(still.size());
  const std::optional<Steps> steps = find_steps(grid);
  if (steps)
    add_steps(list, *steps);
  else if (still_share >= kStillAllTheTime)
    list.add("steps", 0, "", 0);
  if (grid.has_gravity) {
    const double smoothing = steps ? kStrideSteps * kMinute / steps->per_minute : kUsualSmoothing;
    if (recording.has_gyroscope) add_turns(list, find_turns(grid, still, smoothing));
    add_flights(list, find_flights(recording, grid.has_gravity));
  }
  list.add("still", kPercent * still_share, "%", 0);
  if (still_share >= kStillAllTheTime)
    list.say("still all the time");
  else if (still_share >= kWorthTelling)
    list.say("still for " + fixed(kPercent * still_share, 0) + " % of the time");
  add_strongest(list, recording);
  return list.finish(Modality::kImu);
}

}  // namespace pandagpt
