#include "search/content_reader.h"

#include <algorithm>
#include <cmath>
#include <new>
#include <utility>

#include "media/image.h"
#include "media/logs/address.h"
#include "media/media_kind.h"
#include "pandagpt/error.h"
#include "pipeline/embedding_math.h"

namespace pandagpt {
namespace fs = std::filesystem;
namespace {

/// Runs `work`; what the file is to blame for becomes its error.
template <typename Work>
void blame(ReadFile& one, Work work) {
  try {
    work();
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::kInternal) throw;
    one.error = error.what();
  } catch (const std::bad_alloc&) {
    one.error = one.file.path.string() + ": takes more memory than there is";
  }
}

void take_vector(ReadFile& one, std::vector<float> row) {
  one.vector = std::move(row);
  bring_to_length_one(one.vector);
  const bool usable = std::ranges::all_of(one.vector, [](float x) { return std::isfinite(x); }) &&
                      length_of(one.vector) > 0;
  if (usable) return;
  one.vector.clear();
  one.error = one.file.path.string() + ": its embedding has no direction";
}

}  // namespace

bool is_streamed(Modality kind) {
  return kind == Modality::kVideo || kind == Modality::kAudio;
}

bool KnownContents::has(const Content& content) const {
  const std::lock_guard lock(mutex_);
  return known_.contains({content.kind, content.sha256});
}

void KnownContents::add(const Content& content) {
  const std::lock_guard lock(mutex_);
  known_.emplace(content.kind, content.sha256);
}

namespace {

// An ending that is wrong (a film that is called .jpg) gives way to what the file's beginning says;
// a rule doesn't. Whether a container holds a film or a sound is seen when it is opened.
Modality kind_of(const FoundFile& file) {
  const Modality named = file.state.named_kind;
  const bool is_told_by_name = named == Modality::kImage || is_streamed(named);
  if (file.by_rule || !is_told_by_name) return named;
  const std::optional<Modality> shown = kind_of_beginning(file.path);
  return shown && is_streamed(*shown) != is_streamed(named) ? *shown : named;
}

bool is_in_log(const fs::path& path) {
  return !place_of(path.string(), /*is_buffer=*/false).empty();
}

/// Logs are large, so that their size and time stand for the content.
std::string identity_in_log(const FoundFile& file) {
  const std::string text = file.path.string() + '\n' + std::to_string(file.state.size) + '\n' +
                           std::to_string(file.state.modified_ns);
  return sha256_hex({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

}  // namespace

/// Hash and facts of a file; its input for the encoder.
Input ContentReader::examine(ReadFile& one) const {
  const FoundFile& file = one.file;
  Input input;
  input.name = file.path.string();
  one.content.kind = kind_of(file);
  if (is_in_log(file.path)) {
    one.content.sha256 = identity_in_log(file);
    input.modality = one.content.kind;
    return input;
  }
  if (is_streamed(one.content.kind)) {
    one.content.sha256 = sha256_file(file.path);
    const ContainerFacts facts = container_facts(file.path);
    one.content.facts = facts.facts;
    // A container of films may hold a sound alone.
    if (!facts.has_pictures && facts.has_sound) one.content.kind = Modality::kAudio;
  } else {
    input.bytes = read_file(file.path, ImageLimits().max_file_bytes);
    one.content.sha256 = sha256_hex(input.bytes);
    one.content.facts = picture_facts(input.bytes, input.name);
  }
  input.modality = one.content.kind;
  return input;
}

std::vector<ReadFile> ContentReader::read(std::span<const FoundFile> files) const {
  std::vector<ReadFile> results(files.size());
  std::vector<ReadFile*> fresh;
  Inputs inputs;
  for (std::size_t i = 0; i < files.size(); ++i) {
    ReadFile& one = results[i];
    one.file = files[i];
    blame(one, [&] {
      Input input = examine(one);
      if (known_.has(one.content)) return;
      inputs.add(std::move(input));
      fresh.push_back(&one);
    });
  }
  if (!fresh.empty()) encode(fresh, inputs);
  for (ReadFile& one : results) {
    const FoundFile& file = one.file;
    if (one.error.empty() &&
        file_state(file_of(file.path.string()), file.state.named_kind) != file.state)
      one.error = file.path.string() + ": was changed while it was read; index again";
  }
  return results;
}

void ContentReader::encode(std::span<ReadFile*> files, const Inputs& inputs) const {
  std::vector<EmbedResult> results = encoder_.embed_each(inputs);
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (results[i].error)
      files[i]->error = results[i].error->what();
    else
      take_vector(*files[i], std::move(results[i].row));
  }
}

}  // namespace pandagpt
