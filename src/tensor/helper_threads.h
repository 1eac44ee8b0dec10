// The threads that OpenMP keeps from one parallel region to the next.
#pragma once

namespace pandagpt {

/// Ends those of the calling thread; its next parallel region (llama.cpp's, ggml's or ours) starts
/// new ones, some 0.1 ms. To be called by a thread that has computed and won't for a while: when a
/// process has more such threads than processors, busy or not, libgomp has all of them sleep at
/// barriers instead of spinning for a moment, and a token of a small language model has a
/// thousand barriers.
void end_helper_threads();

}  // namespace pandagpt
