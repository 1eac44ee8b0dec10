// Depth map -> tensor: disparity as a one-channel picture, the way of Omnivore and ImageBind.
//
// Neither has published a loader. What is here follows
//   - ImageBind (arXiv:2305.05665), appendix A: SUN RGB-D's depth is filled in and converted "to
//     disparity for scale normalization", following Omnivore (arXiv:2201.08377);
//   - the authors' conversion for SUN RGB-D: github.com/facebookresearch/omnivore, issue 12;
//   - Omnivore's inference code: DepthNorm(max_depth=75), Resize(224), CenterCrop(224), Normalize.
// docs/modalities.md tells what is certain about it and what isn't.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "media/scalar_map.h"
#include "preprocess/scalar_resample.h"

namespace pandagpt {

/// Of the sensor, or of the stereo pair that it stands for.
struct DepthCamera {
  float focal_length = 518.857901F;  ///< pixels of the map as it is given
  float baseline = 0.075F;           ///< metres between the two views
};

// Baselines of the authors' table; focal lengths of SUN RGB-D's intrinsics.txt.
inline constexpr DepthCamera kKinect1{518.857901F, 0.075F};
inline constexpr DepthCamera kKinect2{529.5F, 0.075F};
inline constexpr DepthCamera kRealSense{691.584229F, 0.095F};
inline constexpr DepthCamera kXtion{570.342205F, 0.095F};
/// These by name: "kinect1", "kinect2", "realsense", "xtion".
const std::map<std::string, DepthCamera>& depth_cameras();

struct DepthTransform {
  int size = 224;  ///< side of the crop, and shorter side after resizing, pixels
  DepthCamera camera = kKinect1;
  float min_depth = 0.01F;      ///< metres; nearer is taken for this
  float max_depth = 50.0F;      ///< metres; farther is taken for this
  float max_disparity = 75.0F;  ///< pixels; more is taken for this, and it becomes 1
  float mean = 0.0418F;         ///< of disparity / max_disparity
  float std = 0.0295F;
};

inline constexpr DepthTransform kImageBindDepth{};

/// A map with more than this share of pixels without depth shows something cut out (a person before
/// a background of zeros), whose outline filled holes would wipe out: they are background, at
/// max_depth.
inline constexpr double kCutOutHoles = 0.75;

/// (height, width) of disparity / max_disparity, 0 to 1, before resizing: the first half of
/// depth_tensor. Throws as it does.
FloatPlane disparity_plane(const ScalarMap& metres, const std::string& name,
                           const DepthTransform& transform = kImageBindDepth);
/// (1, size, size): the other half: resized, cropped, normalised.
std::vector<float> disparity_tensor(const FloatPlane& plane,
                                    const DepthTransform& transform = kImageBindDepth);

/// (1, size, size): depth clamped, disparity = focal_length * baseline / depth, clamped and divided
/// by max_disparity, resized (bilinear, antialiased) and cropped, normalised. `metres` is what
/// depth_in_metres() gives. Pixels without depth (NaN) first take the depth of the nearest pixel
/// that has one, or are background if there are too many (kCutOutHoles). `name` stands for the map
/// in messages. Throws Error(kInput) if no pixel has a depth, Error(kUsage) for a camera or limits
/// that aren't positive, Error(kInternal) for a map in another unit.
std::vector<float> depth_tensor(const ScalarMap& metres, const std::string& name,
                                const DepthTransform& transform = kImageBindDepth);

}  // namespace pandagpt
