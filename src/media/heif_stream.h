// What the coded pictures inside an HEIC or AVIF file say about their size.
//
// The boxes of such a file give sizes, and so do the coded pictures themselves, for which a decoder
// takes memory. Nothing makes the two agree: a file of 1 KB may hold a picture of 65,535 pixels a
// side behind a header of 64.
#pragma once

#include <cstdint>

#include "core/file.h"

namespace pandagpt {

/// Width times height of the largest coded picture (HEVC or AV1) that the file holds; 0 if none is
/// found. Damaged parts are skipped: a decoder will complain about them.
std::uint64_t largest_coded_picture(ByteView file);

}  // namespace pandagpt
