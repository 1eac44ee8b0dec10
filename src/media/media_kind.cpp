#include "media/media_kind.h"

#include "media/image_info.h"
#include "media/media_input.h"
#include "pandagpt/error.h"

namespace pandagpt {

Modality media_kind(ByteView bytes, const std::string& name) {
  try {
    read_image_info(bytes, name);
    return Modality::kImage;
  } catch (const Error&) {  // no picture
    MediaInput input(bytes, name);
    return input.find_stream(AVMEDIA_TYPE_VIDEO) != nullptr ? Modality::kVideo : Modality::kAudio;
  }
}

}  // namespace pandagpt
