// PandaGPT's published delta checkpoints (pytorch_model.pt) -> projector.gguf and adapter.gguf.
//
// Such a file holds what was trained: `llama_proj.weight` (n_embd, n_in), `llama_proj.bias`, and
// for the q, k, v and o projections of each layer
//   llama_model.base_model.model.model.layers.N.self_attn.q_proj.lora_A.default.weight  (r,
//   columns) llama_model.base_model.model.model.layers.N.self_attn.q_proj.lora_B.default.weight
//   (rows, r)
// (code/model/agent.py, save_model, with peft 0.3.0). Names with fewer or more of the words before
// `layers`, with `module.` in front of all, or without `default`, are known too.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "convert/llama_tensors.h"
#include "convert/tensor_source.h"
#include "tensor/gguf_file.h"

namespace pandagpt {

struct PandaDeltaOptions {
  /// LoRA's alpha, which the checkpoint does not hold. Without one: PandaGPT's 32, and a warning if
  /// r is not PandaGPT's.
  std::optional<float> lora_alpha = {};
  /// An encoders file whose embedding width must be the checkpoint's; empty: not compared.
  std::filesystem::path encoders = {};
  std::string name = "PandaGPT";  ///< for the metadata, as are the next two
  std::string license = "CC-BY-NC-4.0";
  std::string source = {};  ///< where the checkpoint came from
};

/// An open delta checkpoint that fits a language model.
class PandaDelta {
 public:
  /// Opens `checkpoint` (anything that open_tensor_source takes) and compares it with `llm`, a GGUF
  /// file of the LLaMA architecture. Throws Error(kModel): another architecture, names of missing,
  /// surplus or wrongly shaped tensors, a tensor with values that are not finite; Error(kUsage): an
  /// alpha that is not above 0.
  PandaDelta(const std::filesystem::path& checkpoint, const std::filesystem::path& llm,
             const PandaDeltaOptions& options = {});

  int n_in() const { return n_in_; }      ///< width of the joint embedding
  int n_embd() const { return n_embd_; }  ///< width of the language model
  int rank() const { return rank_; }      ///< LoRA's r
  float alpha() const { return alpha_; }
  /// The language model's limit (llama.context_length).
  int n_ctx_train() const { return n_ctx_train_; }

  /// Both are written atomically. Matrices that the checkpoint has in f16 stay so, others are f32.
  void write_projector(const std::filesystem::path& path) const;
  /// LoRA's B of query and key gets its rows in llama.cpp's order.
  void write_adapter(const std::filesystem::path& path) const;

 private:
  /// One tensor of the checkpoint on its way into a GGUF file.
  struct Part {
    std::string name;            // in the GGUF file
    std::string source;          // in the checkpoint
    std::int64_t head_size = 0;  // not 0: rows in llama.cpp's order for heads of this size
  };

  void match(const GgufFile& llm);
  void match_projector();
  void match_lora(const LlamaTensor& weight, std::int64_t head_size);
  std::string expect(const std::string& name, std::vector<std::int64_t> shape);
  void check_values() const;
  GgufWriter make_writer() const;
  void add(GgufWriter* writer, const Part& part) const;
  void stream(const Part& part, ggml_type type, const GgufWriter::TensorSink& sink) const;

  TensorSource source_;
  PandaDeltaOptions options_;
  std::map<std::string, std::string> names_;  // a tensor's plain name -> its name in the checkpoint
  std::map<std::string, std::vector<std::int64_t>> expected_;
  std::vector<Part> projector_;
  std::vector<Part> adapter_;
  int n_in_ = 0;
  int n_embd_ = 0;
  int rank_ = 0;
  int n_ctx_train_ = 0;
  float alpha_ = 0;
};

}  // namespace pandagpt
