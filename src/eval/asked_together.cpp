#include "eval/asked_together.h"

#include <cstdint>
#include <utility>

#include "core/ordered_work.h"
#include "core/progress.h"

namespace pandagpt {
namespace {

/// More than a Panda computes at once, so that inputs are decoded meanwhile, and a long answer
/// doesn't keep the others from being begun.
constexpr int kUnderWayForEach = 2;

/// What `call` returns, or the Error(kInput) that it throws.
template <typename Result, typename Call>
std::pair<Result, std::optional<Error>> readable(const Call& call) {
  try {
    return {call(), std::nullopt};
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kInput) throw;
    return {Result(), error};
  }
}

}  // namespace

void ask_together(const Panda& panda, const std::string& label, std::size_t n,
                  const std::function<Asked(std::size_t)>& question, const GenerateOptions& options,
                  const std::function<void(std::size_t, AskedAnswer)>& take) {
  using Piece = std::pair<Asked, std::optional<Error>>;
  Progress progress(label, static_cast<std::int64_t>(n));
  std::size_t n_begun = 0, n_taken = 0;
  const auto next = [&]() -> std::optional<Piece> {
    if (n_begun == n) return std::nullopt;
    return readable<Asked>([&] { return question(n_begun++); });
  };
  const auto work = [&](const Piece& piece) -> AskedAnswer {
    if (piece.second) return {.error = piece.second};
    auto [answer, error] = readable<Answer>(
        [&] { return panda.ask(piece.first.inputs, piece.first.question, options); });
    return {std::move(answer), std::move(error)};
  };
  work_in_order(kUnderWayForEach * panda.info().n_parallel, next, work, [&](AskedAnswer answer) {
    take(n_taken++, std::move(answer));
    progress.update(static_cast<std::int64_t>(n_taken));
  });
  progress.finish();
}

}  // namespace pandagpt
