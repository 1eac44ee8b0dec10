#include "preprocess/clip_sampler.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <string>

#include "pandagpt/error.h"

namespace pandagpt {
namespace {

__extension__ using Wide = unsigned __int128;

// Python's Fraction, as far as it is needed: numerator / (divisor * 2^shift).
struct Fraction {
  Wide numerator;
  std::uint64_t divisor;
  int shift;  // 0 .. 52
};

int bit_width(Wide value) {
  const auto high = static_cast<std::uint64_t>(value >> 64);
  const auto low = static_cast<std::uint64_t>(value);
  return static_cast<int>(high != 0 ? 64 + std::bit_width(high) : std::bit_width(low));
}

// The nearest double, ties to even, as Fraction.__float__ gives it.
double to_double(const Fraction& fraction) {
  if (fraction.numerator == 0) return 0;
  // As many bits as fit, so that the quotient has 64 or more; what is left over is "sticky".
  const int up = 128 - bit_width(fraction.numerator);
  const Wide numerator = fraction.numerator << up;
  Wide quotient = numerator / fraction.divisor;
  bool sticky = numerator % fraction.divisor != 0;
  const int down = std::max(bit_width(quotient) - 64, 0);
  sticky = sticky || (quotient & ((Wide{1} << down) - 1)) != 0;
  quotient >>= down;
  const auto bits = static_cast<std::uint64_t>(quotient) | static_cast<std::uint64_t>(sticky);
  return std::ldexp(static_cast<double>(bits), down - up - fraction.shift);
}

// The starts in seconds, exactly.
std::vector<Fraction> clip_starts(double duration, int clip_seconds, int n_clips) {
  if (clip_seconds < 1 || n_clips < 1 || !std::isfinite(duration) || duration < 0 ||
      duration >= double(std::int64_t{1} << 40))
    throw Error(ErrorKind::kUsage, "clip sampler: " + std::to_string(n_clips) + " clips of " +
                                       std::to_string(clip_seconds) + " s in " +
                                       std::to_string(duration) + " s are not possible");
  // A difference of doubles of which the smaller is >= 1: a multiple of 2^-52.
  const double max_start = std::max(duration - clip_seconds, 0.0);
  int exponent = 0;
  constexpr int kMantissaBits = 53;
  auto mantissa =
      static_cast<std::uint64_t>(std::ldexp(std::frexp(max_start, &exponent), kMantissaBits));
  int shift = kMantissaBits - exponent;
  if (mantissa == 0) shift = 0;
  for (; shift > 0 && mantissa % 2 == 0; --shift)
    mantissa /= 2;
  std::vector<Fraction> starts;
  for (int i = 0; i < n_clips; ++i)
    starts.push_back({Wide{mantissa} * static_cast<std::uint64_t>(i),
                      static_cast<std::uint64_t>(n_clips), shift});
  return starts;
}

}  // namespace

std::vector<Clip> sample_clips(double duration, int clip_seconds, int n_clips) {
  std::vector<Clip> clips;
  for (const Fraction& start : clip_starts(duration, clip_seconds, n_clips)) {
    Fraction end = start;
    end.numerator += (Wide{start.divisor} * static_cast<std::uint64_t>(clip_seconds))
                     << start.shift;
    clips.push_back({to_double(start), to_double(end)});
  }
  return clips;
}

std::vector<std::int64_t> sample_clip_offsets(double duration, int clip_seconds, int n_clips,
                                              int sample_rate) {
  if (sample_rate < 1) throw Error(ErrorKind::kUsage, "clip sampler: the sample rate must be > 0");
  std::vector<std::int64_t> offsets;
  for (const Fraction& start : clip_starts(duration, clip_seconds, n_clips)) {
    const Wide scaled = start.numerator * static_cast<std::uint64_t>(sample_rate) / start.divisor;
    offsets.push_back(static_cast<std::int64_t>(scaled >> start.shift));
  }
  return offsets;
}

}  // namespace pandagpt
