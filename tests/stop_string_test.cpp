// Where the tokenizer puts the stop string "###": an answer ends there in whatever tokens it comes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "llm/chat_session.h"
#include "llm_support.h"
#include "tensor/gguf_file.h"
#include "test_support.h"

namespace pandagpt {
namespace {

constexpr std::int64_t kWidth = 32;
constexpr std::uint32_t kBytes = 256;
constexpr std::int32_t kByteType = 6;  // llama.h, LLAMA_TOKEN_TYPE_BYTE
constexpr const char* kLineBreak = "<0x0A>";

/// A SentencePiece vocabulary of single bytes and the pieces of `script`, and a language model that
/// says the script after ":", whatever stands before.
class ScriptedModel {
 public:
  ScriptedModel(const std::filesystem::path& path, std::vector<std::string> script)
      : script_(std::move(script)) {
    script_.insert(script_.begin(), ":");
    make_vocabulary();
    set_metadata();
    add_weights();
    writer_.write(path);
  }

 private:
  std::size_t index_of(const std::string& piece) const {
    return std::ranges::find(tokens_, piece) - tokens_.begin();
  }

  void make_vocabulary() {
    tokens_ = {"<unk>", "<s>", "</s>"};
    types_ = {2, 3, 3};  // unknown, control
    for (std::uint32_t byte = 0; byte < kBytes; ++byte) {
      constexpr char kDigits[] = "0123456789ABCDEF";
      tokens_.push_back(std::string("<0x") + kDigits[byte >> 4] + kDigits[byte & 15] + ">");
      types_.push_back(kByteType);
    }
    tokens_.push_back("\u2581");
    types_.push_back(1);
    for (const std::string& piece : script_) {
      if (index_of(piece) < tokens_.size()) continue;
      tokens_.push_back(piece);
      types_.push_back(1);
    }
  }

  void set_metadata() {
    writer_.set_str("general.architecture", "llama");
    for (const auto& [key, value] : {std::pair{"context_length", 256U},
                                     {"embedding_length", std::uint32_t{kWidth}},
                                     {"block_count", 1U},
                                     {"feed_forward_length", std::uint32_t{kWidth}},
                                     {"attention.head_count", 2U}})
      writer_.set_u32(std::string("llama.") + key, value);
    writer_.set_f32("llama.attention.layer_norm_rms_epsilon", 1e-6F);
    writer_.set_str("tokenizer.ggml.model", "llama");
    writer_.set_str_array("tokenizer.ggml.tokens", tokens_);
    writer_.set_f32_array("tokenizer.ggml.scores", std::vector<float>(tokens_.size()));
    writer_.set_i32_array("tokenizer.ggml.token_type", types_);
    writer_.set_u32("tokenizer.ggml.bos_token_id", 1);
    writer_.set_u32("tokenizer.ggml.eos_token_id", 2);
  }

  /// Token k of the script is unit vector k, which is also what its follower's score is taken with;
  /// attention and feed-forward add nothing.
  void add_weights() {
    const auto n_tokens = static_cast<std::int64_t>(tokens_.size());
    std::vector<float> embeddings(n_tokens * kWidth);
    std::vector<float> output(n_tokens * kWidth);
    for (std::size_t k = 0; k < script_.size(); ++k) {
      embeddings[index_of(script_[k]) * kWidth + k] = 1;
      if (k + 1 < script_.size()) output[index_of(script_[k + 1]) * kWidth + k] = 1;
    }
    writer_.add_f32("token_embd.weight", {kWidth, n_tokens}, embeddings);
    writer_.add_f32("output.weight", {kWidth, n_tokens}, output);
    const std::vector<float> ones(kWidth, 1.0F);
    writer_.add_f32("output_norm.weight", {kWidth}, ones);
    for (const char* name : {"attn_norm", "ffn_norm"})
      writer_.add_f32(std::string("blk.0.") + name + ".weight", {kWidth}, ones);
    const std::vector<float> zeros(kWidth * kWidth);
    for (const char* name :
         {"attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"})
      writer_.add_f32(std::string("blk.0.") + name + ".weight", {kWidth, kWidth}, zeros);
  }

  std::vector<std::string> script_;
  std::vector<std::string> tokens_;
  std::vector<std::int32_t> types_;
  GgufWriter writer_;
};

struct Case {
  const char* what;
  std::vector<std::string> script;  // pieces of the vocabulary; the last one completes the stop
};

const Case kCases[] = {
    {"two tokens after a line break, as LLaMA has it", {kLineBreak, "##", "#"}},
    {"one token", {kLineBreak, "###"}},
    {"one token with the line break", {"\n###"}},
    {"one token with a space", {kLineBreak, "\u2581###"}},
    {"one token with the next turn's begin", {kLineBreak, "###\u2581Human"}},
    {"one token with all around it", {"\n###\u2581Human:"}},
    {"single signs", {kLineBreak, "#", "#", "#"}},
    {"its end in a longer token", {kLineBreak, "##", "#\u2581H"}},
    {"split behind the line break", {"\n#", "##\n"}},
    {"more signs than three", {kLineBreak, "####"}},
    {"directly after the answer", {"##", "#"}},
    {"in the answer's last token", {"t###"}},
};

TEST(StopString, EndsAnAnswerInWhateverTokens) {
  const test::TemporaryFolder folder;
  for (const Case& one : kCases) {
    SCOPED_TRACE(one.what);
    const bool in_last_token = one.script.size() == 1 && one.script[0].front() == 't';
    std::vector<std::string> script{"\u2581Yes", ".", "\u2581C##",
                                    in_last_token ? "\u2581i" : "\u2581it"};
    script.insert(script.end(), one.script.begin(), one.script.end());
    const ScriptedModel scripted(folder / "llm.gguf", script);
    ChatSession session(test::one_slot(std::make_shared<const LlmModel>(folder / "llm.gguf")), {});
    GenerateOptions options;
    options.greedy = true;
    for (int turn = 0; turn < 3; ++turn) {
      std::string shown;
      const Answer answer = session.ask("Is it?", options, [&](std::string_view text) {
        shown += text;
        return true;
      });
      EXPECT_EQ(answer.text, "Yes. C## it") << "two signs are no stop";
      EXPECT_EQ(shown, answer.text);
      EXPECT_EQ(answer.finish, FinishReason::kStop);
      EXPECT_EQ(answer.timings.generated_tokens, script.size()) << "not a token later";
    }
  }
}

}  // namespace
}  // namespace pandagpt
