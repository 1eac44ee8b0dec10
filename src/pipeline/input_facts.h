// What is measured in inputs, as prompts and answers take it.
#pragma once

#include <string>
#include <vector>

#include "pandagpt/facts.h"

namespace pandagpt {

/// The line that stands before a question (question_with_facts): the inputs' sentences, one behind
/// the other; empty if nothing was measured.
std::string facts_line(const std::vector<InputFacts>& facts);

/// Standard input ("-") can be read once, and its content may be needed twice: the inputs with it
/// as a buffer. Throws Error(kInput) if it can't be read.
Inputs with_standard_input_read(const Inputs& inputs);

}  // namespace pandagpt
