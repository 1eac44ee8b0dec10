#include "train/matmul.h"

#include <dnnl.hpp>
#include <map>
#include <unordered_map>
#include <utility>

#include "train/torch_ops.h"

namespace pandagpt::train {
namespace {

using dnnl::memory;
using torch::Tensor;

dnnl::engine& engine() {
  static dnnl::engine instance(dnnl::engine::kind::cpu, 0);
  return instance;
}

dnnl::stream& stream() {
  static thread_local dnnl::stream instance(engine());
  return instance;
}

memory::data_type data_type(torch::ScalarType type) {
  switch (type) {
    case torch::kFloat32:
      return memory::data_type::f32;
    case torch::kBFloat16:
      return memory::data_type::bf16;
    default:
      TORCH_CHECK(false, "oneDNN products are float32 or bfloat16 here, got ", type);
  }
}

memory::desc describe(const Tensor& tensor) {
  TORCH_CHECK(tensor.dim() == 2, "a matrix was expected, got ", tensor.sizes());
  return memory::desc({tensor.size(0), tensor.size(1)}, data_type(tensor.scalar_type()),
                      memory::dims{tensor.stride(0), tensor.stride(1)});
}

memory wrap(const Tensor& tensor) {
  return memory(describe(tensor), engine(), tensor.data_ptr());
}

dnnl::primitive_attr attributes(bool accumulate) {
  dnnl::primitive_attr attr;
  if (accumulate) {
    dnnl::post_ops ops;
    ops.append_sum(1.0F);
    attr.set_post_ops(ops);
  }
  return attr;
}

void run(const Tensor& a, const memory& b, const dnnl::matmul::primitive_desc& desc,
         const Tensor& result) {
  dnnl::matmul(desc).execute(
      stream(), {{DNNL_ARG_SRC, wrap(a)}, {DNNL_ARG_WEIGHTS, b}, {DNNL_ARG_DST, wrap(result)}});
  stream().wait();
}

void product(const Tensor& a, const Tensor& b, const Tensor& result, bool accumulate) {
  const dnnl::matmul::primitive_desc desc({describe(a), describe(b), describe(result)},
                                          attributes(accumulate), engine());
  run(a, wrap(b), desc, result);
}

}  // namespace

Tensor matmul(const Tensor& a, const Tensor& b, torch::ScalarType out) {
  if (runs_on_torch(a)) return torch::matmul(a, b).to(out);
  Tensor result = torch::empty({a.size(0), b.size(1)}, a.options().dtype(out));
  product(a, b, result, false);
  return result;
}

void matmul_add(const Tensor& a, const Tensor& b, const Tensor& sum) {
  if (runs_on_torch(a))
    sum.add_(torch::matmul(a, b));
  else
    product(a, b, sum, true);
}

struct PackedMatrix::Impl {
  // The best layout can depend on the number of rows, so a desc is asked for per (rows, result
  // type, accumulate); in practice they all agree and one packing serves.
  using Key = std::tuple<int64_t, torch::ScalarType, bool>;

  int64_t rows = 0;
  int64_t columns = 0;
  torch::ScalarType dtype = torch::kFloat32;
  std::vector<memory> packings;
  std::map<Key, std::pair<dnnl::matmul::primitive_desc, std::size_t>> primitives;

  const std::pair<dnnl::matmul::primitive_desc, std::size_t>& prepare(int64_t m,
                                                                      torch::ScalarType out,
                                                                      bool accumulate) {
    const Key key{m, out, accumulate};
    if (const auto found = primitives.find(key); found != primitives.end()) return found->second;
    const memory::desc x({m, rows}, data_type(dtype), memory::format_tag::ab);
    const memory::desc y({m, columns}, data_type(out), memory::format_tag::ab);
    const memory::desc any({rows, columns}, data_type(dtype), memory::format_tag::any);
    const dnnl::matmul::primitive_desc desc({x, any, y}, attributes(accumulate), engine());
    return primitives.emplace(key, std::pair{desc, packing_for(desc.weights_desc())}).first->second;
  }

  std::size_t packing_for(const memory::desc& wanted) {
    for (std::size_t i = 0; i < packings.size(); ++i)
      if (packings[i].get_desc() == wanted) return i;
    memory packed(wanted, engine());
    dnnl::reorder(packings.front(), packed).execute(stream(), packings.front(), packed);
    stream().wait();
    packings.push_back(packed);
    return packings.size() - 1;
  }
};

PackedMatrix::PackedMatrix(const Tensor& weight, torch::ScalarType dtype)
    : impl_(std::make_unique<Impl>()) {
  impl_->rows = weight.size(0);
  impl_->columns = weight.size(1);
  impl_->dtype = dtype;
  const Tensor typed = weight.to(dtype);
  const int64_t typical_rows = 1024;
  const memory::desc any({impl_->rows, impl_->columns}, data_type(dtype), memory::format_tag::any);
  const memory::desc x({typical_rows, impl_->rows}, data_type(dtype), memory::format_tag::ab);
  const memory::desc y({typical_rows, impl_->columns}, data_type(dtype), memory::format_tag::ab);
  const dnnl::matmul::primitive_desc desc({x, any, y}, engine());
  memory packed(desc.weights_desc(), engine());
  memory plain = wrap(typed);
  dnnl::reorder(plain, packed).execute(stream(), plain, packed);
  stream().wait();
  impl_->packings.push_back(packed);
}

PackedMatrix::~PackedMatrix() = default;
PackedMatrix::PackedMatrix(PackedMatrix&&) noexcept = default;
PackedMatrix& PackedMatrix::operator=(PackedMatrix&&) noexcept = default;

Tensor PackedMatrix::multiply(const Tensor& x, torch::ScalarType out) const {
  TORCH_CHECK(x.size(1) == impl_->rows && x.scalar_type() == impl_->dtype && x.is_contiguous());
  Tensor result = torch::empty({x.size(0), impl_->columns}, x.options().dtype(out));
  const auto& [desc, packing] = impl_->prepare(x.size(0), out, false);
  run(x, impl_->packings[packing], desc, result);
  return result;
}

void PackedMatrix::multiply_add(const Tensor& x, const Tensor& sum) const {
  TORCH_CHECK(x.size(1) == impl_->rows && x.scalar_type() == impl_->dtype && x.is_contiguous());
  TORCH_CHECK(sum.size(0) == x.size(0) && sum.size(1) == impl_->columns && sum.is_contiguous());
  const auto& [desc, packing] = impl_->prepare(x.size(0), sum.scalar_type(), true);
  run(x, impl_->packings[packing], desc, sum);
}

}  // namespace pandagpt::train
