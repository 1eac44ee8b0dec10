// SHA-256 as bytes: for keys that are compared and stored. As text: core/file.h.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace pandagpt {

using Sha256 = std::array<std::uint8_t, 32>;

Sha256 sha256(std::span<const std::uint8_t> bytes);
Sha256 sha256(std::string_view text);
/// Of a file's content, read in blocks. Throws Error(kInput) if it can't be read.
Sha256 sha256_of_file(const std::filesystem::path& path);

/// Lower-case hexadecimal, two digits a byte.
std::string to_hex(std::span<const std::uint8_t> bytes);
/// The inverse of to_hex() for a digest; nothing for any other text.
std::optional<Sha256> sha256_from_hex(std::string_view hex);

}  // namespace pandagpt
