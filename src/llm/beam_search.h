// Beam search: the likeliest whole answer instead of the likeliest next token.
#pragma once

#include <llama.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "llm/llm_model.h"
#include "llm/token_batch.h"

namespace pandagpt {

struct BeamOptions {
  int n_beams = 4;
  int max_tokens = 256;            ///< tokens of an answer at most
  std::size_t n_free = 0;          ///< positions that all beams together may take
  std::vector<std::string> stops;  ///< an answer also ends where its text holds one; not empty
};

struct BeamResult {
  std::vector<std::int32_t> tokens;  ///< without the end-of-generation token
  double mean_log_probability = 0;   ///< nats a token
  bool complete = false;             ///< the model ended it, or a stop; otherwise a limit did
  bool out_of_context = false;       ///< `n_free` ended it
};

/// One search, step by step:
///
///   search.begin(scores behind the prompt);
///   while (!search.done()) {
///     search.add(memory, batch);    // and evaluate the batch
///     search.take(scores of the rows that it has added);
///   }
///
/// Finished answers are compared by their mean log-probability (length penalty 1), as Hugging
/// Face's num_beams does; the search ends when no running beam can beat the worst of `n_beams`
/// finished ones. llama.cpp's unified cache (kv_unified) makes a beam's copy a mark, not a copy of
/// values.
class BeamSearch {
 public:
  /// Sequence ids that a search needs: the beams of the step before, and of this one.
  static constexpr int n_sequences(int n_beams) { return 2 * n_beams; }

  /// Goes on behind sequence `prompt` of `n_positions` positions, which stays as it is. `sequences`
  /// are n_sequences() empty ones.
  BeamSearch(const LlmModel& model, BeamOptions options, llama_seq_id prompt,
             std::size_t n_positions, std::vector<llama_seq_id> sequences);

  /// (n_vocab) scores of the first token.
  void begin(std::span<const float> scores);
  bool done() const { return done_; }
  /// Positions that add() adds: one a beam.
  std::size_t n_rows() const { return beams_.size(); }
  /// Positions that have been evaluated for all beams.
  std::size_t n_evaluated() const { return n_evaluated_; }

  /// Gives each beam a sequence, and adds its last token to `batch`.
  void add(llama_memory_t memory, TokenBatch& batch);
  /// One row of n_vocab scores a beam.
  void take(const std::vector<std::span<const float>>& rows);

  BeamResult result() const;
  /// Empty again after end().
  const std::vector<llama_seq_id>& sequences() const { return sequences_; }
  void end(llama_memory_t memory) const;

 private:
  struct Beam {
    std::vector<std::int32_t> tokens;
    std::string text;
    double log_probability = 0;

    double mean() const;
  };
  struct Candidate {
    int beam = 0;
    std::int32_t token = 0;
    double log_probability = 0;  // of the whole answer
  };
  struct Finished {
    double mean;
    std::vector<std::int32_t> tokens;
  };

  static bool likelier(const Candidate& a, const Candidate& b);
  void extend(const std::vector<std::span<const float>>& rows);
  void add_candidates(int beam, std::span<const float> scores,
                      std::vector<Candidate>& candidates) const;
  void finish(Beam beam, bool by_end_token);
  bool is_decided() const;
  void look_at_limits();

  const LlmModel& model_;
  BeamOptions options_;
  llama_seq_id prompt_;
  std::size_t n_positions_;              // of a beam
  std::vector<llama_seq_id> sequences_;  // two banks of n_beams, used in turns
  std::vector<Beam> beams_;              // likeliest first
  std::vector<std::size_t> parents_;     // of each beam among those of the step before
  std::vector<Finished> finished_;       // best first
  bool done_ = false;
  bool out_of_context_ = false;
  int n_steps_ = 0;
  std::size_t n_evaluated_ = 0;
};

}  // namespace pandagpt
