#include "cli/output.h"

#include <spdlog/spdlog.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace pandagpt {
namespace {

using Json = nlohmann::ordered_json;

double rounded(double value) {
  return static_cast<double>(static_cast<long>(value * 100)) / 100;
}

}  // namespace

bool try_write_output(std::string_view text) {
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() &&
         std::fflush(stdout) == 0;
}

void write_output(std::string_view text) {
  if (try_write_output(text)) return;
  if (errno == EPIPE) throw OutputClosed();
  throw Error(ErrorKind::kInternal,
              std::string("standard output can't be written: ") + std::strerror(errno));
}

void write_json(const Json& value) {
  write_output(value.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n');
}

Json to_json(const Timings& timings) {
  return {{"encode_ms", rounded(timings.encode_ms)},
          {"cached_inputs", timings.cached_inputs},
          {"prompt_ms", rounded(timings.prompt_ms)},
          {"first_text_ms", rounded(timings.first_text_ms)},
          {"generate_ms", rounded(timings.generate_ms)},
          {"prompt_tokens", timings.prompt_tokens},
          {"reused_tokens", timings.reused_tokens},
          {"generated_tokens", timings.generated_tokens},
          {"guessed_tokens", timings.guessed_tokens},
          {"accepted_tokens", timings.accepted_tokens},
          {"prompt_tokens_per_second", rounded(timings.prompt_tokens_per_second())},
          {"generated_tokens_per_second", rounded(timings.generated_tokens_per_second())}};
}

Json to_json(const Inputs& inputs) {
  Json list = Json::array();
  for (const Input& input : inputs.items()) {
    list.push_back(
        {{"modality", to_string(input.modality)}, {"path", input.name}, {"weight", input.weight}});
  }
  return list;
}

Json answer_report(const Answer& answer, const Panda& panda, const Inputs& inputs) {
  return {{"answer", answer.text},       {"model", panda.info().name},
          {"inputs", to_json(inputs)},   {"finish", to_string(answer.finish)},
          {"warnings", answer.warnings}, {"unsure", answer.is_unsure},
          {"seed", answer.seed},         {"timings", to_json(answer.timings)}};
}

void log_timings(const Timings& timings) {
  spdlog::info(
      "inputs {:.0f} ms, prompt {} tokens in {:.0f} ms ({} reused), first text after "
      "{:.0f} ms, answer {} tokens at {:.1f} tokens/s ({} of {} guesses right)",
      timings.encode_ms, timings.prompt_tokens, timings.prompt_ms, timings.reused_tokens,
      timings.first_text_ms, timings.generated_tokens, timings.generated_tokens_per_second(),
      timings.accepted_tokens, timings.guessed_tokens);
}

}  // namespace pandagpt
