#include "convert/sentencepiece_model.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <string_view>

#include "core/file.h"
#include "core/utf8.h"
#include "core/what_is_this.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

constexpr std::size_t kMaxModelBytes = 64U << 20;
constexpr std::size_t kMaxPieces = 1U << 20;
constexpr std::size_t kMaxPieceBytes = 1024;

// Field numbers of sentencepiece_model.proto.
constexpr std::uint64_t kPieces = 1, kTrainerSpec = 2, kNormalizerSpec = 3;
constexpr std::uint64_t kPieceText = 1, kPieceScore = 2, kPieceType = 3;
constexpr std::uint64_t kModelType = 3, kWhitespaceAsSuffix = 24;
constexpr std::uint64_t kBosPiece = 46, kEosPiece = 47, kPadPiece = 48;
constexpr std::uint64_t kCharacterMap = 2, kAddDummyPrefix = 3, kRemoveExtraWhitespaces = 4;

/// How a field is laid out; the deprecated groups (3 and 4), which may nest, are refused.
enum class Wire { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

struct Field {
  std::uint64_t number = 0;
  Wire wire = Wire::kVarint;
  std::uint64_t value = 0;  ///< of the wire types other than kBytes
  ByteView bytes;
};

/// The fields of one message. Messages in it are bytes until a reader of their own is made, so that
/// no file can make this recurse.
class MessageReader {
 public:
  MessageReader(ByteView bytes, const std::string& file) : bytes_(bytes), file_(file) {}

  bool next(Field* field) {
    if (bytes_.empty()) return false;
    const std::uint64_t tag = varint();
    field->number = tag >> 3;
    field->wire = static_cast<Wire>(tag & 7);
    if (field->number == 0) fail("a field without a number");
    switch (field->wire) {
      case Wire::kVarint:
        field->value = varint();
        return true;
      case Wire::kFixed64:
        field->value = fixed(8);
        return true;
      case Wire::kFixed32:
        field->value = fixed(4);
        return true;
      case Wire::kBytes:
        field->bytes = take(varint());
        return true;
    }
    fail("a field of unknown kind");
  }

  /// Complains unless `field` has the wire type that its number calls for.
  void expect(const Field& field, Wire wire) const {
    if (field.wire != wire) fail("field " + std::to_string(field.number) + " is of another kind");
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorKind::kModel, file_ + ": no SentencePiece model, or damaged: " + what);
  }

 private:
  ByteView take(std::uint64_t size) {
    if (size > bytes_.size()) fail("it ends in the middle of a field");
    const ByteView part = bytes_.first(size);
    bytes_ = bytes_.subspan(size);
    return part;
  }

  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const std::uint8_t byte = take(1).front();
      value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
    fail("a number of more than 64 bits");
  }

  std::uint64_t fixed(int size) {
    std::uint64_t value = 0;
    int shift = 0;
    for (const std::uint8_t byte : take(size)) {
      value |= static_cast<std::uint64_t>(byte) << shift;
      shift += 8;
    }
    return value;
  }

  ByteView bytes_;
  const std::string& file_;
};

std::string text_of(const Field& field, const MessageReader& reader) {
  reader.expect(field, Wire::kBytes);
  const std::string text(field.bytes.begin(), field.bytes.end());
  if (text.empty() || text.size() > kMaxPieceBytes)
    reader.fail("a piece of no or excessive length");
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t length = rest.front() == '\0' ? 0 : utf8_length(rest);
    if (length == 0) reader.fail("a piece that is not UTF-8");
    rest.remove_prefix(length);
  }
  return text;
}

bool flag_of(const Field& field, const MessageReader& reader) {
  reader.expect(field, Wire::kVarint);
  return field.value != 0;
}

SentencePiece read_piece(ByteView bytes, const std::string& file) {
  MessageReader reader(bytes, file);
  SentencePiece piece;
  Field field;
  while (reader.next(&field)) {
    if (field.number == kPieceText) {
      piece.text = text_of(field, reader);
    } else if (field.number == kPieceScore) {
      reader.expect(field, Wire::kFixed32);
      piece.score = std::bit_cast<float>(static_cast<std::uint32_t>(field.value));
      if (!std::isfinite(piece.score)) reader.fail("a score that is not finite");
    } else if (field.number == kPieceType) {
      reader.expect(field, Wire::kVarint);
      if (field.value < LLAMA_TOKEN_TYPE_NORMAL || field.value > LLAMA_TOKEN_TYPE_BYTE)
        reader.fail("a piece of unknown type");
      piece.type = static_cast<llama_token_type>(field.value);
    }
  }
  if (piece.text.empty()) reader.fail("a piece without text");
  return piece;
}

void read_trainer(ByteView bytes, const std::string& file, SentencePieceModel* model) {
  MessageReader reader(bytes, file);
  Field field;
  while (reader.next(&field)) {
    if (field.number == kModelType) {
      reader.expect(field, Wire::kVarint);
      model->model_type = field.value > 4 ? 0 : static_cast<int>(field.value);
    } else if (field.number == kWhitespaceAsSuffix) {
      model->whitespace_as_suffix = flag_of(field, reader);
    } else if (field.number == kBosPiece) {
      model->bos_piece = text_of(field, reader);
    } else if (field.number == kEosPiece) {
      model->eos_piece = text_of(field, reader);
    } else if (field.number == kPadPiece) {
      model->pad_piece = text_of(field, reader);
    }
  }
}

void read_normalizer(ByteView bytes, const std::string& file, SentencePieceModel* model) {
  MessageReader reader(bytes, file);
  Field field;
  while (reader.next(&field)) {
    if (field.number == kCharacterMap) {
      reader.expect(field, Wire::kBytes);
      model->has_character_map = !field.bytes.empty();
    } else if (field.number == kAddDummyPrefix) {
      model->add_dummy_prefix = flag_of(field, reader);
    } else if (field.number == kRemoveExtraWhitespaces) {
      model->remove_extra_whitespaces = flag_of(field, reader);
    }
  }
}

}  // namespace

SentencePieceModel read_sentencepiece_model(const std::filesystem::path& path) {
  const std::string file = path.string();
  const MappedFile map(path);
  if (map.bytes().size() > kMaxModelBytes)
    throw Error(ErrorKind::kModel, file + ": larger than any SentencePiece model");
  if (const std::string what = what_is_this(map.bytes()); !what.empty())
    throw Error(ErrorKind::kModel, file + ": no SentencePiece model" + but_it_is(what, ""));
  MessageReader reader(map.bytes(), file);
  SentencePieceModel model;
  Field field;
  while (reader.next(&field)) {
    if (field.number != kPieces && field.number != kTrainerSpec && field.number != kNormalizerSpec)
      continue;
    reader.expect(field, Wire::kBytes);
    if (field.number == kTrainerSpec) read_trainer(field.bytes, file, &model);
    if (field.number == kNormalizerSpec) read_normalizer(field.bytes, file, &model);
    if (field.number != kPieces) continue;
    if (model.pieces.size() >= kMaxPieces) reader.fail("too many pieces");
    model.pieces.push_back(read_piece(field.bytes, file));
  }
  if (model.pieces.empty()) reader.fail("it holds no pieces");
  return model;
}

}  // namespace pandagpt
