// Nearest vectors by cosine: FAISS behind an interface of our own.
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <memory>
#include <span>
#include <vector>

#include "core/file.h"

namespace faiss {
struct Index;
}

namespace pandagpt {

struct Neighbour {
  std::int64_t id = 0;
  float score = 0;  ///< scalar product: the cosine for vectors of length 1
};

/// A set of vectors with ids. Vectors should have length 1.
class VectorIndex {
 public:
  /// Every query is compared with every vector.
  static VectorIndex exact(int width);
  /// Vectors are sorted into `n_lists` cells by the nearest of as many centres (k-means over
  /// `sample`, (n, width)), and a query looks into the nearest cells only (FAISS's IndexIVFFlat).
  /// The same sample gives the same index. Throws Error(kUsage) for less vectors than lists.
  static VectorIndex approximate(int width, std::span<const float> sample, int n_lists);

  ~VectorIndex();
  VectorIndex(VectorIndex&&) noexcept;
  VectorIndex& operator=(VectorIndex&&) noexcept;

  bool is_exact() const;
  /// Cells; 0 if exact.
  int n_lists() const;
  int width() const;
  std::int64_t size() const;
  /// Ascending.
  std::vector<std::int64_t> ids() const;

  /// `rows` is (ids, width).
  void add(std::span<const std::int64_t> ids, std::span<const float> rows);
  void remove(std::span<const std::int64_t> ids);

  /// Up to k, the nearest first; vectors of the same score by id.
  std::vector<Neighbour> search(std::span<const float> query, int k) const;

  void write(std::ostream& out) const;
  /// What write() wrote. Throws Error(kInput) if FAISS can't read it.
  static VectorIndex read(ByteView bytes);

 private:
  explicit VectorIndex(std::unique_ptr<faiss::Index> index);
  std::unique_ptr<faiss::Index> index_;
};

}  // namespace pandagpt
