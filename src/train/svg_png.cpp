#include <cairo.h>
#include <librsvg/rsvg.h>

#include <cmath>
#include <memory>
#include <ostream>

#include "core/file.h"
#include "pandagpt/error.h"
#include "train/plot.h"

namespace pandagpt::train {
namespace {

struct Release {
  void operator()(RsvgHandle* handle) const { g_object_unref(handle); }
  void operator()(GError* error) const { g_error_free(error); }
  void operator()(cairo_surface_t* surface) const { cairo_surface_destroy(surface); }
  void operator()(cairo_t* context) const { cairo_destroy(context); }
};
template <typename T>
using Owned = std::unique_ptr<T, Release>;

[[noreturn]] void fail(const std::filesystem::path& path, const std::string& why) {
  throw Error(ErrorKind::kInternal, path.string() + ": the chart can't be drawn: " + why);
}

void check(bool ok, GError* raw, const std::filesystem::path& path) {
  const Owned<GError> error(raw);
  if (!ok) fail(path, error ? error->message : "librsvg says no more");
}

cairo_status_t append(void* text, const unsigned char* bytes, unsigned int size) {
  static_cast<std::string*>(text)->append(reinterpret_cast<const char*>(bytes), size);
  return CAIRO_STATUS_SUCCESS;
}

}  // namespace

void write_png(const std::string& svg, double scale, const std::filesystem::path& path) {
  GError* error = nullptr;
  const Owned<RsvgHandle> handle(
      rsvg_handle_new_from_data(reinterpret_cast<const guint8*>(svg.data()), svg.size(), &error));
  check(handle != nullptr, error, path);
  double width = 0;
  double height = 0;
  if (rsvg_handle_get_intrinsic_size_in_pixels(handle.get(), &width, &height) == FALSE)
    fail(path, "it has no size in pixels");
  width = std::ceil(width * scale);
  height = std::ceil(height * scale);
  const Owned<cairo_surface_t> surface(cairo_image_surface_create(
      CAIRO_FORMAT_RGB24, static_cast<int>(width), static_cast<int>(height)));
  const Owned<cairo_t> context(cairo_create(surface.get()));
  cairo_set_source_rgb(context.get(), 1, 1, 1);
  cairo_paint(context.get());
  const RsvgRectangle whole{0, 0, width, height};
  error = nullptr;
  check(rsvg_handle_render_document(handle.get(), context.get(), &whole, &error) == TRUE, error,
        path);
  std::string png;
  const cairo_status_t status = cairo_surface_write_to_png_stream(surface.get(), append, &png);
  if (status != CAIRO_STATUS_SUCCESS) fail(path, cairo_status_to_string(status));
  write_file_atomically(path, [&](std::ostream& out) { out << png; });
}

}  // namespace pandagpt::train
