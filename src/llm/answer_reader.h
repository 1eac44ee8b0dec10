// An answer for whoever waits for it.
#pragma once

#include <memory>

#include "llm/generation_stream.h"
#include "pandagpt/generation.h"

namespace pandagpt {

/// Waits for the one answer of a request. `on_text` is called by this thread, and holds up nobody
/// else: it may take its time, or ask for another answer. When it returns false the answer ends,
/// and has what was shown until then as its text; what it throws is thrown, and the answer is given
/// up. Throws what the scheduler failed by.
Answer read_answer(std::shared_ptr<GenerationStream> stream, const OnText& on_text = {});

}  // namespace pandagpt
