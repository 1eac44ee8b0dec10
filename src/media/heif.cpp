#include "media/heif.h"

#ifdef PANDAGPT_HAVE_LIBHEIF

#include <algorithm>
#include <cstring>
#include <new>

#include "media/byte_reader.h"
#include "media/heif_file.h"
#include "media/heif_stream.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

std::uint32_t positive(int value) {
  return static_cast<std::uint32_t>(std::max(value, 0));
}

Image image_of(const heif_image* decoded) {
  int stride = 0;
  const std::uint8_t* rows =
      heif_image_get_plane_readonly(decoded, heif_channel_interleaved, &stride);
  Image image{heif_image_get_width(decoded, heif_channel_interleaved),
              heif_image_get_height(decoded, heif_channel_interleaved),
              {}};
  const std::size_t row_bytes = std::size_t{3} * positive(image.width);
  image.rgb.resize(row_bytes * positive(image.height));
  for (int y = 0; y < image.height; ++y)
    std::memcpy(&image.rgb[row_bytes * static_cast<std::size_t>(y)],
                rows + static_cast<std::ptrdiff_t>(y) * stride, row_bytes);
  return image;
}

}  // namespace

bool has_libheif() {
  return true;
}

void read_heif_size(ByteView bytes, const std::string& name, ImageInfo& info) {
  const HeifFile file(bytes);
  if (file.main() == nullptr) fail_unreadable_heif(name, info.format, file.error());
  info.width = positive(heif_image_handle_get_width(file.main()));
  info.height = positive(heif_image_handle_get_height(file.main()));
  const std::uint64_t canvas =
      std::uint64_t{positive(heif_image_handle_get_ispe_width(file.main()))} *
      positive(heif_image_handle_get_ispe_height(file.main()));
  info.coded_pixels = std::max(canvas, largest_coded_picture(bytes));
}

Bytes heif_exif(ByteView bytes) {
  constexpr std::size_t kLargest = std::size_t{1} << 20;
  constexpr std::size_t kOffsetBytes = 4;  // of a number that says where the TIFF header begins
  const HeifFile file(bytes);
  heif_item_id id = 0;
  if (file.main() == nullptr ||
      heif_image_handle_get_list_of_metadata_block_IDs(file.main(), "Exif", &id, 1) < 1)
    return {};
  const std::size_t size = heif_image_handle_get_metadata_size(file.main(), id);
  if (size <= kOffsetBytes || size > kLargest) return {};
  Bytes block(size);
  if (heif_image_handle_get_metadata(file.main(), id, block.data()).code != heif_error_Ok)
    return {};
  const std::size_t begin = kOffsetBytes + ByteReader(block, true).u32(0);
  if (begin >= size) return {};
  return {block.begin() + static_cast<std::ptrdiff_t>(begin), block.end()};
}

std::optional<Image> decode_with_libheif(ByteView bytes, const ImageInfo& info,
                                         std::string& complaint) {
  const HeifFile file(bytes);
  const HeifOwned<heif_decoding_options> options(heif_decoding_options_alloc());
  if (!options) throw std::bad_alloc();
  options->convert_hdr_to_8bit = 1;
  heif_image* result = nullptr;
  heif_error error = file.error();
  if (file.main() != nullptr)
    error = heif_decode_image(file.main(), &result, heif_colorspace_RGB,
                              heif_chroma_interleaved_RGB, options.get());
  throw_if_out_of_memory(error);
  const HeifOwned<heif_image> decoded(result);
  if (error.code != heif_error_Ok) {
    complaint = text_of(error);
    return std::nullopt;
  }
  heif_error warning{};
  if (heif_image_get_decoding_warnings(decoded.get(), 0, &warning, 1) > 0)
    complaint = text_of(warning);
  Image image = image_of(decoded.get());
  // A coded picture of another size than its header says is not the one that was judged.
  if (positive(image.width) == info.width && positive(image.height) == info.height) return image;
  complaint = "its pixels are " + std::to_string(image.width) + " x " +
              std::to_string(image.height) + ", its header says " + std::to_string(info.width) +
              " x " + std::to_string(info.height);
  return std::nullopt;
}

}  // namespace pandagpt

#else

namespace pandagpt {

bool has_libheif() {
  return false;
}
void read_heif_size(ByteView, const std::string&, ImageInfo&) {}
Bytes heif_exif(ByteView) {
  return {};
}
std::optional<Image> decode_with_libheif(ByteView, const ImageInfo&, std::string&) {
  return std::nullopt;
}

}  // namespace pandagpt

#endif
