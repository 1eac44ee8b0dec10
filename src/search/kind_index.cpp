#include "search/kind_index.h"

#include <spdlog/spdlog.h>
#include <zlib.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <iterator>
#include <nlohmann/json.hpp>
#include <ostream>
#include <streambuf>

#include "core/file.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::json;

constexpr int kFormat = 1;
constexpr std::size_t kMaxHeadBytes = 4096;
// Vectors that pass through memory at a time while an index is filled.
constexpr std::size_t kChunk = 4096;
// Vectors for each cell that the cells are made from.
constexpr std::size_t kSamplePerList = 64;
// An index that has grown or shrunk by this factor since its cells were made gets new ones.
constexpr double kOutgrown = 2;

/// Passes everything on and sums it up.
class ChecksumBuffer : public std::streambuf {
 public:
  explicit ChecksumBuffer(std::ostream& out) : out_(out) {}
  std::uint32_t sum() const { return sum_; }

 protected:
  std::streamsize xsputn(const char* data, std::streamsize size) override {
    if (size == 0) return 0;  // of a null pointer zlib would begin anew
    sum_ = static_cast<std::uint32_t>(
        crc32_z(sum_, reinterpret_cast<const Bytef*>(data), static_cast<std::size_t>(size)));
    out_.write(data, size);
    return size;
  }
  int_type overflow(int_type c) override {
    if (traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
    const char one = traits_type::to_char_type(c);
    xsputn(&one, 1);
    return c;
  }

 private:
  std::ostream& out_;
  std::uint32_t sum_ = 0;
};

Json head_of(const Store& store, Modality kind, std::int64_t generation) {
  return {{"format", kFormat},
          {"database", store.id()},
          {"kind", to_string(kind)},
          {"generation", generation}};
}

struct FileContent {
  Json head;
  ByteView index;
};

/// Throws Error(kInput) if the file isn't whole.
FileContent split(ByteView bytes) {
  const auto end = std::find(
      bytes.begin(),
      bytes.begin() + static_cast<std::ptrdiff_t>(std::min(bytes.size(), kMaxHeadBytes)), '\n');
  std::uint32_t sum = 0;
  const auto head_bytes = static_cast<std::size_t>(end - bytes.begin()) + 1;
  if (bytes.size() < head_bytes + sizeof(sum)) throw Error(ErrorKind::kInput, "it is cut off");
  std::memcpy(&sum, bytes.data() + bytes.size() - sizeof(sum), sizeof(sum));
  const ByteView content = bytes.first(bytes.size() - sizeof(sum));
  if (crc32_z(0, content.data(), content.size()) != sum)
    throw Error(ErrorKind::kInput, "its checksum is wrong");
  Json head = Json::parse(bytes.begin(), end, nullptr, /*allow_exceptions=*/false);
  if (!head.is_object()) throw Error(ErrorKind::kInput, "its head is no JSON object");
  return {std::move(head), content.subspan(head_bytes)};
}

/// The file's index if it is one of this database, whatever its generation.
std::optional<KindIndex> read_index_file(const Store& store, Modality kind) {
  const fs::path path = kind_index_path(store.folder(), kind);
  std::error_code code;
  if (!fs::exists(path, code)) return std::nullopt;
  try {
    const MappedFile file(path);
    const FileContent content = split(file.bytes());
    const std::int64_t generation = content.head.value("generation", std::int64_t{-1});
    if (content.head != head_of(store, kind, generation)) return std::nullopt;
    VectorIndex index = VectorIndex::read(content.index);
    if (index.width() != store.model().width) return std::nullopt;
    return KindIndex{std::move(index), generation, false};
  } catch (const Error& error) {
    const std::string why = error.what();
    spdlog::warn("{}{}; it is made again from the database",
                 why.starts_with(path.string()) ? "" : path.string() + ": ", why);
  } catch (const Json::exception&) {  // a value of the head has another type
  }
  return std::nullopt;
}

void add_vectors(VectorIndex& index, const Store& store, std::span<const std::int64_t> ids) {
  for (std::size_t begin = 0; begin < ids.size(); begin += kChunk) {
    const auto part = ids.subspan(begin, std::min(kChunk, ids.size() - begin));
    std::vector<float> rows;
    rows.reserve(part.size() * static_cast<std::size_t>(store.model().width));
    for (const std::int64_t id : part) {
      const std::vector<float> row = store.vector(id);
      rows.insert(rows.end(), row.begin(), row.end());
    }
    index.add(part, rows);
  }
}

/// An empty index of the type that suits the number of vectors.
VectorIndex empty_index(const Store& store, std::span<const std::int64_t> ids,
                        const IndexPolicy& policy) {
  const int width = store.model().width;
  if (static_cast<std::int64_t>(ids.size()) <= policy.exact_limit) return VectorIndex::exact(width);
  const int n_lists = std::max(
      1, static_cast<int>(policy.lists_per_root * std::sqrt(static_cast<double>(ids.size()))));
  const std::size_t n_sample =
      std::min(ids.size(), kSamplePerList * static_cast<std::size_t>(n_lists));
  std::vector<float> sample;
  sample.reserve(n_sample * static_cast<std::size_t>(width));
  for (std::size_t i = 0; i < n_sample; ++i) {
    const std::vector<float> row = store.vector(ids[i * ids.size() / n_sample]);
    sample.insert(sample.end(), row.begin(), row.end());
  }
  return VectorIndex::approximate(width, sample, n_lists);
}

bool suits(const VectorIndex& index, std::int64_t n_vectors, const IndexPolicy& policy) {
  const auto n = static_cast<double>(n_vectors);
  const bool exact = n_vectors <= policy.exact_limit;
  if (exact || index.is_exact()) return exact && index.is_exact();
  const double size_then = std::pow(index.n_lists() / policy.lists_per_root, 2);
  return n <= kOutgrown * size_then && n >= size_then / kOutgrown;
}

void apply_difference(VectorIndex& index, const Store& store, std::span<const std::int64_t> now) {
  const std::vector<std::int64_t> before = index.ids();
  std::vector<std::int64_t> gone, come;
  std::ranges::set_difference(before, now, std::back_inserter(gone));
  std::ranges::set_difference(now, before, std::back_inserter(come));
  index.remove(gone);
  add_vectors(index, store, come);
}

}  // namespace

fs::path kind_index_path(const fs::path& folder, Modality kind) {
  return folder / ("vectors-" + to_string(kind) + ".faiss");
}

KindIndex load_kind_index(const Store& store, Modality kind, const IndexPolicy& policy) {
  const std::int64_t generation = store.generation(kind);
  std::optional<KindIndex> known = read_index_file(store, kind);
  if (known && !suits(known->index, store.n_vectors(kind), policy)) known.reset();
  if (known && known->generation == generation) return std::move(*known);
  const std::vector<std::int64_t> ids = store.vector_ids(kind);
  if (known) {
    apply_difference(known->index, store, ids);
    return {std::move(known->index), generation, true};
  }
  KindIndex fresh{empty_index(store, ids, policy), generation, true};
  add_vectors(fresh.index, store, ids);
  return fresh;
}

void save_kind_index(const Store& store, Modality kind, const KindIndex& index) {
  write_file_atomically(kind_index_path(store.folder(), kind), [&](std::ostream& out) {
    ChecksumBuffer buffer(out);
    std::ostream summed(&buffer);
    summed.exceptions(std::ios::failbit | std::ios::badbit);
    summed << head_of(store, kind, index.generation).dump() << '\n';
    index.index.write(summed);
    const std::uint32_t sum = buffer.sum();
    out.write(reinterpret_cast<const char*>(&sum), sizeof(sum));
  });
}

}  // namespace pandagpt
