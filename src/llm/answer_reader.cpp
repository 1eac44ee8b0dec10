#include "llm/answer_reader.h"

#include <chrono>
#include <optional>
#include <string>
#include <utility>

namespace pandagpt {
namespace {

/// Only a bound: the stream wakes whoever waits for it.
constexpr auto kPatience = std::chrono::seconds(10);

/// Gives the answer up when it is left before its end.
class Reading {
 public:
  explicit Reading(std::shared_ptr<GenerationStream> stream) : stream_(std::move(stream)) {}
  ~Reading() { stream_->cancel(); }
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;

  GenerationStream& stream() { return *stream_; }

 private:
  std::shared_ptr<GenerationStream> stream_;
};

}  // namespace

Answer read_answer(std::shared_ptr<GenerationStream> stream, const OnText& on_text) {
  Reading reading(std::move(stream));
  std::string shown;
  bool goes_on = true;
  while (true) {
    std::optional<GenerationUpdate> update = reading.stream().next(kPatience);
    if (!update) continue;
    // The scheduler doesn't wait for the reader: more may have come already.
    if (goes_on && on_text && !update->text.empty()) {
      shown += update->text;
      goes_on = on_text(update->text);
      if (!goes_on && !update->finished) reading.stream().cancel();
      if (!goes_on && update->finished) update->finished->finish = FinishReason::kCancelled;
    } else if (!goes_on && update->finished) {
      update->finished->text = shown;
      update->finished->finish = FinishReason::kCancelled;
    }
    if (update->finished) return std::move(*update->finished);
  }
}

}  // namespace pandagpt
