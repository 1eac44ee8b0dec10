// Content parts of a message -> inputs: base64, data: addresses, http(s) addresses, ids of uploaded
// files, numbers of an IMU.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/file.h"
#include "pandagpt/input.h"
#include "server/json_fields.h"
#include "server/server_options.h"

namespace pandagpt {

class FileStore;
class RemoteMedia;

/// Where the bytes of parts come from. Either may be null: such parts are then refused.
struct MediaSources {
  FileStore* files = nullptr;
  RemoteMedia* remote = nullptr;
  std::string file_owner = {};  ///< whose files of the store the request may use
};

class MediaParts {
 public:
  MediaParts(MediaSources sources, const RequestLimits& limits)
      : sources_(std::move(sources)), limits_(limits) {}

  /// Whether a part of this type is an input ("image_url", ..).
  static bool is_media(const std::string& type);

  /// The inputs of one part (a film whose sound is wanted gives two). `part` is an object with a
  /// "type" for which is_media() holds. Throws ApiError that names the field.
  Inputs read(const JsonFields& part, const std::string& type) const;

  /// "data:[TYPE];base64,..", plain base64, http(s):.., or "file-..". The result has bytes and
  /// `name` (empty: the field's), or the path of a stored file as its name.
  Input fetch(const std::string& address, Modality modality, const std::string& field,
              const std::string& name = {}) const;

 private:
  Input motion(const JsonFields& imu) const;
  InputPart motion_file(const JsonFields& file) const;
  Bytes decode(std::string_view base64_text, const std::string& field) const;

  MediaSources sources_;
  const RequestLimits& limits_;
};

}  // namespace pandagpt
