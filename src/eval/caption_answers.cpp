#include "eval/caption_answers.h"

#include <chrono>
#include <utility>

#include "core/file.h"
#include "eval/asked_together.h"

namespace pandagpt {

GenerateOptions likeliest_answer(const Panda& panda, int max_tokens, int n_beams) {
  GenerateOptions options = panda.default_options();
  options.greedy = true;
  options.n_beams = n_beams;
  options.max_tokens = max_tokens;
  return options;
}

CaptionRun run_captions(const Panda& panda, const CaptionSettings& settings,
                        std::vector<CaptionPhoto> photos) {
  CaptionRun run;
  run.model_name = panda.info().name;
  run.data_name = settings.data.filename().string();
  run.data_sha256 = sha256_file(settings.data);
  run.question = settings.question;
  run.max_tokens = settings.max_tokens;
  run.n_beams = settings.n_beams;
  run.bootstrap_rounds = settings.bootstrap_rounds;
  run.bootstrap_seed = settings.bootstrap_seed;
  const GenerateOptions options = likeliest_answer(panda, settings.max_tokens, settings.n_beams);
  const auto start = std::chrono::steady_clock::now();
  ask_together(
      panda, "photos", photos.size(),
      [&](std::size_t i) {
        Asked asked{.question = settings.question};
        asked.inputs.add_file(Modality::kImage, (settings.images / photos[i].image_name).string());
        return asked;
      },
      options,
      [&](std::size_t i, AskedAnswer asked) {
        if (asked.error) throw Error(*asked.error);
        run.answers.push_back(
            {photos[i].image_name, std::move(asked.answer), std::move(photos[i].captions)});
      });
  run.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  score(run);
  return run;
}

}  // namespace pandagpt
