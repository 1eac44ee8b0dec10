#include "eval/caption_answers.h"

#include <chrono>

#include "core/file.h"
#include "core/progress.h"

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
  Progress progress("photos", static_cast<std::int64_t>(photos.size()));
  const auto start = std::chrono::steady_clock::now();
  for (CaptionPhoto& photo : photos) {
    Inputs inputs;
    inputs.add_file(Modality::kImage, (settings.images / photo.image_name).string());
    Answer answer = panda.ask(inputs, settings.question, options);
    run.answers.push_back({photo.image_name, std::move(answer), std::move(photo.captions)});
    progress.update(static_cast<std::int64_t>(run.answers.size()));
  }
  progress.finish();
  run.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  score(run);
  return run;
}

}  // namespace pandagpt
