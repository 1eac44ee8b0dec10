// How a film's frames are turned to be upright.
#pragma once

struct AVStream;  // libavformat/avformat.h

namespace pandagpt {

/// 0, 90, 180 or 270 degrees clockwise, by the stream's display matrix. Angles in between are
/// ignored, as decord does.
int rotation_of(const AVStream& stream);

/// EXIF's number (1 to 8) for the same, mirrored films included: a matrix that swaps left and right
/// is half a turn to rotation_of(), as it is to decord and OpenCV.
int orientation_of(const AVStream& stream);

}  // namespace pandagpt
