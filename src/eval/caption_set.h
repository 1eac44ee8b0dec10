// Test sets on disk: photos with reference captions, and photos with ImageNet classes.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace pandagpt {

struct CaptionPhoto {
  std::string image_name;  ///< relative to the image root
  std::vector<std::string> captions;
};

/// Reads [{"image_name": .., "captions": [..]}, ..]. The training format with "conversation"s is
/// taken too: the gpt turns of one photo are its captions. Photos keep the file's order.
/// Throws Error(kInput) that names the entry and the key.
std::vector<CaptionPhoto> read_caption_set(const std::filesystem::path& path);

struct LabelledPhoto {
  std::string image_name;  ///< relative to the image folder
  int label = 0;           ///< index of its class
};

/// Reads tab-separated lines under a header with `image` and either `class_index`, or `wnid`
/// (WordNet id; ImageNet orders its classes by it, so all `n_classes` of them must occur).
/// Throws Error(kInput) for a missing column or a class that can't be told.
std::vector<LabelledPhoto> read_labels(const std::filesystem::path& path, int n_classes);

}  // namespace pandagpt
