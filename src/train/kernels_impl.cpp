// The kernels' loops, compiled once per instruction set (see CMakeLists.txt): PANDAGPT_ISA names
// the variant. No standard library templates here: their instances could be merged by the linker
// with those of other files and then run on a CPU that lacks the instructions.
#include <stdint.h>
#include <string.h>

#include "train/kernels.h"

namespace pandagpt::train {
namespace {

struct Bf16 {
  uint16_t bits;
};

inline float bits_to_float(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}
inline uint32_t float_to_bits(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof(bits));
  return bits;
}

inline float get(float x) {
  return x;
}
inline float get(Bf16 x) {
  return bits_to_float(static_cast<uint32_t>(x.bits) << 16);
}
inline void put(float& y, float value) {
  y = value;
}
inline void put(Bf16& y, float value) {
  // round to nearest even; the inputs are finite in a healthy run, and NaN stays NaN
  const uint32_t bits = float_to_bits(value);
  y.bits = static_cast<uint16_t>((bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16);
}

// exp by range reduction and a degree-6 polynomial (Cephes expf): 2 ulp, and GCC vectorises it.
inline float exp_fast(float x) {
  x = x < -87.0F ? -87.0F : x;
  x = x > 88.0F ? 88.0F : x;
  const float n = __builtin_floorf(x * 1.44269504088896341F + 0.5F);
  const float r = (x - n * 0.693359375F) + n * 2.12194440e-4F;
  float p = 1.9875691500e-4F;
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * r * r + r + 1.0F;
  return p * bits_to_float(static_cast<uint32_t>(static_cast<int32_t>(n) + 127) << 23);
}

inline float sigmoid(float x) {
  return 1.0F / (1.0F + exp_fast(-x));
}

/// 32 well-mixed bits of (key, index) (splitmix-style, on 32-bit lanes so that it vectorises).
inline uint32_t hash(uint32_t key_low, uint32_t key_high, uint32_t index) {
  uint32_t h = index * 0x9E3779B1U + key_low;
  h = (h ^ (h >> 16)) * 0x85EBCA6BU;
  h = (h ^ (h >> 13)) * 0xC2B2AE35U;
  h ^= key_high;
  h = (h ^ (h >> 16)) * 0x7FEB352DU;
  return h ^ (h >> 15);
}

// Calls body with typed pointers for the two storage types.
template <class Body>
inline void typed(ConstActivation a, Body body) {
  a.is_bf16 ? body(static_cast<const Bf16*>(a.data)) : body(static_cast<const float*>(a.data));
}
template <class Body>
inline void typed(Activation a, Body body) {
  a.is_bf16 ? body(static_cast<Bf16*>(a.data)) : body(static_cast<float*>(a.data));
}

void rms_norm(int64_t begin, int64_t end, int64_t c, const float* x, const float* weight, float eps,
              Activation y, float* rstd) {
  typed(y, [=](auto* out) {
    for (int64_t t = begin; t < end; ++t) {
      const float* row = x + t * c;
      float sum = 0;
      for (int64_t i = 0; i < c; ++i)
        sum += row[i] * row[i];
      const float r = 1.0F / __builtin_sqrtf(sum / static_cast<float>(c) + eps);
      rstd[t] = r;
#pragma GCC ivdep
      for (int64_t i = 0; i < c; ++i)
        put(out[t * c + i], row[i] * r * weight[i]);
    }
  });
}

void rms_norm_backward(int64_t begin, int64_t end, int64_t c, ConstActivation dy, const float* x,
                       const float* weight, const float* rstd, float* dx) {
  typed(dy, [=](auto* grad) {
    for (int64_t t = begin; t < end; ++t) {
      const float* row = x + t * c;
      float dot = 0;
      for (int64_t i = 0; i < c; ++i)
        dot += get(grad[t * c + i]) * weight[i] * row[i];
      const float r = rstd[t];
      const float k = dot * r * r * r / static_cast<float>(c);
#pragma GCC ivdep
      for (int64_t i = 0; i < c; ++i)
        dx[t * c + i] = get(grad[t * c + i]) * weight[i] * r - row[i] * k;
    }
  });
}

void swiglu(int64_t begin, int64_t end, int64_t f, ConstActivation gate_up, Activation y) {
  typed(gate_up, [=](auto* in) {
    typed(y, [=](auto* out) {
      for (int64_t t = begin; t < end; ++t) {
#pragma GCC ivdep
        for (int64_t i = 0; i < f; ++i) {
          const float gate = get(in[t * 2 * f + i]);
          put(out[t * f + i], gate * sigmoid(gate) * get(in[t * 2 * f + f + i]));
        }
      }
    });
  });
}

void swiglu_backward(int64_t begin, int64_t end, int64_t f, ConstActivation gate_up,
                     ConstActivation dy, Activation d_gate_up) {
  typed(gate_up, [=](auto* in) {
    typed(dy, [=](auto* grad) {
      typed(d_gate_up, [=](auto* out) {
        for (int64_t t = begin; t < end; ++t)
#pragma GCC ivdep
          for (int64_t i = 0; i < f; ++i) {
            const float gate = get(in[t * 2 * f + i]);
            const float up = get(in[t * 2 * f + f + i]);
            const float d = get(grad[t * f + i]);
            const float s = sigmoid(gate);
            put(out[t * 2 * f + i], d * up * s * (1.0F + gate * (1.0F - s)));
            put(out[t * 2 * f + f + i], d * gate * s);
          }
      });
    });
  });
}

// Both types are the same in the dropout kernels.
template <bool kAdd, class In, class Out>
inline void dropout_range(int64_t begin, int64_t end, const In* x, Out* y, float p, uint64_t key,
                          uint64_t first) {
  const uint32_t threshold = static_cast<uint32_t>(static_cast<double>(p) * 4294967296.0);
  const float keep = 1.0F / (1.0F - p);
  const uint32_t low = static_cast<uint32_t>(key);
  const uint32_t high = static_cast<uint32_t>(key >> 32);
  const uint32_t offset = static_cast<uint32_t>(first);  // beyond 2^32 elements masks recur
#pragma GCC ivdep
  for (int64_t i = begin; i < end; ++i) {
    const float scale =
        hash(low, high, offset + static_cast<uint32_t>(i)) >= threshold ? keep : 0.0F;
    put(y[i], (kAdd ? get(y[i]) : 0.0F) + get(x[i]) * scale);
  }
}

void dropout(int64_t begin, int64_t end, ConstActivation x, Activation y, float p, uint64_t key,
             uint64_t first) {
  typed(x, [=](auto* in) {
    typed(y, [=](auto* out) { dropout_range<false>(begin, end, in, out, p, key, first); });
  });
}

void dropout_add(int64_t begin, int64_t end, ConstActivation x, Activation y, float p, uint64_t key,
                 uint64_t first) {
  typed(x, [=](auto* in) {
    typed(y, [=](auto* out) { dropout_range<true>(begin, end, in, out, p, key, first); });
  });
}

void load_head(int64_t n, int64_t d, int64_t stride, ConstActivation x, const int64_t* positions,
               const float* cos, const float* sin, float* y) {
  typed(x, [=](auto* in) {
    for (int64_t t = 0; t < n; ++t) {
      const auto* row = in + t * stride;
      float* out = y + t * d;
      if (positions == nullptr) {
        for (int64_t i = 0; i < d; ++i)
          out[i] = get(row[i]);
        continue;
      }
      const float* c = cos + positions[t] * (d / 2);
      const float* s = sin + positions[t] * (d / 2);
      for (int64_t i = 0; i < d / 2; ++i) {
        const float a = get(row[2 * i]);
        const float b = get(row[2 * i + 1]);
        out[2 * i] = a * c[i] - b * s[i];
        out[2 * i + 1] = a * s[i] + b * c[i];
      }
    }
  });
}

void store_head(int64_t n, int64_t d, int64_t stride, const float* x, const int64_t* positions,
                const float* cos, const float* sin, Activation y) {
  typed(y, [=](auto* out_base) {
    for (int64_t t = 0; t < n; ++t) {
      auto* out = out_base + t * stride;
      const float* row = x + t * d;
      if (positions == nullptr) {
        for (int64_t i = 0; i < d; ++i)
          put(out[i], row[i]);
        continue;
      }
      const float* c = cos + positions[t] * (d / 2);
      const float* s = sin + positions[t] * (d / 2);
      for (int64_t i = 0; i < d / 2; ++i) {  // the transpose of the rotation
        put(out[2 * i], row[2 * i] * c[i] + row[2 * i + 1] * s[i]);
        put(out[2 * i + 1], row[2 * i + 1] * c[i] - row[2 * i] * s[i]);
      }
    }
  });
}

void masked_softmax(int64_t rows, int64_t n, int64_t n_prefix, float scale, float* scores,
                    float* lse) {
  const int64_t width = n_prefix + n;
  for (int64_t row = 0; row < rows; ++row) {
    float* s = scores + row * width;
    const int64_t visible = n_prefix + row % n + 1;
    float top = s[0];
    for (int64_t i = 1; i < visible; ++i)
      top = s[i] > top ? s[i] : top;
    float sum = 0;
    for (int64_t i = 0; i < visible; ++i) {
      s[i] = exp_fast((s[i] - top) * scale);
      sum += s[i];
    }
    const float inverse = 1.0F / sum;
    for (int64_t i = 0; i < visible; ++i)
      s[i] *= inverse;
    for (int64_t i = visible; i < width; ++i)
      s[i] = 0;
    lse[row] = top * scale + __builtin_logf(sum);
  }
}

void masked_softmax_backward(int64_t rows, int64_t n, int64_t n_prefix, float scale, float* scores,
                             const float* lse, const float* delta, float* d_probs) {
  const int64_t width = n_prefix + n;
  for (int64_t row = 0; row < rows; ++row) {
    float* s = scores + row * width;
    float* d = d_probs + row * width;
    const int64_t visible = n_prefix + row % n + 1;
    for (int64_t i = 0; i < visible; ++i) {
      s[i] = exp_fast(s[i] * scale - lse[row]);
      d[i] = s[i] * (d[i] - delta[row]) * scale;
    }
    for (int64_t i = visible; i < width; ++i)
      s[i] = d[i] = 0;
  }
}

void row_dot(int64_t rows, int64_t d, const float* a, const float* b, float* delta) {
  for (int64_t row = 0; row < rows; ++row) {
    float sum = 0;
    for (int64_t i = 0; i < d; ++i)
      sum += a[row * d + i] * b[row * d + i];
    delta[row] = sum;
  }
}

void cross_entropy(int64_t v, const float* logits, int64_t target, float scale, Activation d_logits,
                   double* loss, int64_t* n_correct) {
  float top = logits[0];
  for (int64_t i = 1; i < v; ++i)
    top = logits[i] > top ? logits[i] : top;
  float sum = 0;
  for (int64_t i = 0; i < v; ++i)
    sum += exp_fast(logits[i] - top);
  *loss += static_cast<double>(top + __builtin_logf(sum) - logits[target]);
  *n_correct += logits[target] >= top ? 1 : 0;
  if (d_logits.data == nullptr) return;
  const float factor = scale / sum;
  typed(d_logits, [=](auto* out) {
#pragma GCC ivdep
    for (int64_t i = 0; i < v; ++i)
      put(out[i], exp_fast(logits[i] - top) * factor);
    put(out[target], exp_fast(logits[target] - top) * factor - scale);
  });
}

}  // namespace

#define PANDAGPT_CONCAT_(a, b) a##b
#define PANDAGPT_CONCAT(a, b) PANDAGPT_CONCAT_(a, b)
extern const Kernels PANDAGPT_CONCAT(kKernels_, PANDAGPT_ISA);
const Kernels PANDAGPT_CONCAT(kKernels_, PANDAGPT_ISA) = {
    rms_norm,  rms_norm_backward, swiglu,         swiglu_backward,         dropout, dropout_add,
    load_head, store_head,        masked_softmax, masked_softmax_backward, row_dot, cross_entropy};

}  // namespace pandagpt::train
