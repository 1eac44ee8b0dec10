// What the tests of converters and checkpoint readers share.
#pragma once

#include <filesystem>
#include <string>

#include "test_support.h"

namespace pandagpt::test {

inline std::filesystem::path convert_fixture(const std::string& name) {
  return std::filesystem::path(PANDAGPT_FIXTURES) / "convert" / name;
}

/// The message of the Error(kModel) that `call` throws.
template <typename Call>
std::string model_error(const Call& call) {
  const Error error = error_of(call);
  EXPECT_EQ(error.kind(), ErrorKind::kModel) << error.what();
  return error.what();
}

}  // namespace pandagpt::test
