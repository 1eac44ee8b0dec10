#include "search/vector_index.h"

#include <faiss/IndexFlat.h>
#include <faiss/IndexIDMap.h>
#include <faiss/IndexIVFFlat.h>
#include <faiss/impl/IDSelector.h>
#include <faiss/impl/io.h>
#include <faiss/index_io.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <ostream>

#include "pandagpt/error.h"

namespace pandagpt {
namespace {

// k-means: more points or rounds change recall by less than a point.
constexpr int kPointsPerCentre = 64;
constexpr int kRounds = 10;
// A query looks into one cell in 16, and into 16 at least.
constexpr int kProbedShare = 16;
constexpr int kMinProbed = 16;

class StreamWriter : public faiss::IOWriter {
 public:
  explicit StreamWriter(std::ostream& out) : out_(out) {}
  std::size_t operator()(const void* data, std::size_t size, std::size_t count) override {
    out_.write(static_cast<const char*>(data), static_cast<std::streamsize>(size * count));
    return count;
  }

 private:
  std::ostream& out_;
};

class ViewReader : public faiss::IOReader {
 public:
  explicit ViewReader(ByteView bytes) : rest_(bytes) {}
  std::size_t operator()(void* data, std::size_t size, std::size_t count) override {
    if (size == 0) return 0;
    const std::size_t there = std::min(count, rest_.size() / size);
    if (there > 0) std::memcpy(data, rest_.data(), there * size);
    rest_ = rest_.subspan(there * size);
    return there;
  }

 private:
  ByteView rest_;
};

const faiss::IndexIVF* as_ivf(const faiss::Index& index) {
  return dynamic_cast<const faiss::IndexIVF*>(&index);
}

}  // namespace

VectorIndex::VectorIndex(std::unique_ptr<faiss::Index> index) : index_(std::move(index)) {}
VectorIndex::~VectorIndex() = default;
VectorIndex::VectorIndex(VectorIndex&&) noexcept = default;
VectorIndex& VectorIndex::operator=(VectorIndex&&) noexcept = default;

VectorIndex VectorIndex::exact(int width) {
  auto flat = std::make_unique<faiss::IndexFlatIP>(width);
  auto with_ids = std::make_unique<faiss::IndexIDMap>(flat.get());
  with_ids->own_fields = true;
  flat.release();  // owned by `with_ids` now
  return VectorIndex(std::move(with_ids));
}

VectorIndex VectorIndex::approximate(int width, std::span<const float> sample, int n_lists) {
  const auto n = static_cast<std::int64_t>(sample.size() / static_cast<std::size_t>(width));
  if (n_lists < 1 || n < n_lists)
    throw Error(ErrorKind::kUsage, "an index of " + std::to_string(n_lists) +
                                       " cells needs as many vectors to be trained on, not " +
                                       std::to_string(n));
  auto centres = std::make_unique<faiss::IndexFlatIP>(width);
  auto index = std::make_unique<faiss::IndexIVFFlat>(centres.get(), static_cast<std::size_t>(width),
                                                     static_cast<std::size_t>(n_lists),
                                                     faiss::METRIC_INNER_PRODUCT);
  index->own_fields = true;
  centres.release();           // owned by `index` now
  index->cp.spherical = true;  // centres of directions are directions
  index->cp.niter = kRounds;
  index->cp.max_points_per_centroid = kPointsPerCentre;
  index->cp.min_points_per_centroid = 1;  // no warnings on standard error
  index->train(n, sample.data());
  index->nprobe =
      static_cast<std::size_t>(std::min(n_lists, std::max(kMinProbed, n_lists / kProbedShare)));
  return VectorIndex(std::move(index));
}

bool VectorIndex::is_exact() const {
  return as_ivf(*index_) == nullptr;
}

int VectorIndex::n_lists() const {
  const faiss::IndexIVF* ivf = as_ivf(*index_);
  return ivf == nullptr ? 0 : static_cast<int>(ivf->nlist);
}

int VectorIndex::width() const {
  return static_cast<int>(index_->d);
}

std::int64_t VectorIndex::size() const {
  return index_->ntotal;
}

std::vector<std::int64_t> VectorIndex::ids() const {
  std::vector<std::int64_t> ids;
  if (const faiss::IndexIVF* ivf = as_ivf(*index_)) {
    for (std::size_t list = 0; list < ivf->nlist; ++list) {
      faiss::InvertedLists::ScopedIds of_list(ivf->invlists, list);
      ids.insert(ids.end(), of_list.get(), of_list.get() + ivf->invlists->list_size(list));
    }
  } else {
    const auto& map = dynamic_cast<const faiss::IndexIDMap&>(*index_).id_map;
    ids.assign(map.begin(), map.end());
  }
  std::ranges::sort(ids);
  return ids;
}

void VectorIndex::add(std::span<const std::int64_t> ids, std::span<const float> rows) {
  if (rows.size() != ids.size() * static_cast<std::size_t>(width()))
    throw Error(ErrorKind::kInternal, "vectors and their ids differ in number");
  if (!ids.empty())
    index_->add_with_ids(static_cast<std::int64_t>(ids.size()), rows.data(), ids.data());
}

void VectorIndex::remove(std::span<const std::int64_t> ids) {
  if (ids.empty()) return;
  index_->remove_ids(faiss::IDSelectorBatch(ids.size(), ids.data()));
}

std::vector<Neighbour> VectorIndex::search(std::span<const float> query, int k) const {
  if (query.size() != static_cast<std::size_t>(width()))
    throw Error(ErrorKind::kInternal, "a query of another width than the index's");
  const auto wanted = std::min<std::int64_t>(k, size());
  if (wanted < 1) return {};
  std::vector<float> scores(static_cast<std::size_t>(wanted));
  std::vector<std::int64_t> ids(static_cast<std::size_t>(wanted));
  index_->search(1, query.data(), wanted, scores.data(), ids.data());
  std::vector<Neighbour> found;
  for (std::size_t i = 0; i < ids.size(); ++i)
    if (ids[i] >= 0) found.push_back({ids[i], scores[i]});  // -1: the cells hold no more
  std::ranges::sort(found, [](const Neighbour& a, const Neighbour& b) {
    return a.score != b.score ? a.score > b.score : a.id < b.id;
  });
  return found;
}

void VectorIndex::write(std::ostream& out) const {
  StreamWriter writer(out);
  faiss::write_index(index_.get(), &writer);
}

VectorIndex VectorIndex::read(ByteView bytes) {
  ViewReader reader(bytes);
  try {
    VectorIndex index{std::unique_ptr<faiss::Index>(faiss::read_index(&reader))};
    if (as_ivf(*index.index_) != nullptr ||
        dynamic_cast<const faiss::IndexIDMap*>(index.index_.get()) != nullptr)
      return index;
  } catch (const std::exception& error) {
    throw Error(ErrorKind::kInput, std::string("FAISS can't read it: ") + error.what());
  }
  throw Error(ErrorKind::kInput, "FAISS reads it as another type of index");
}

}  // namespace pandagpt
