#include "train/conversation_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "core/text_file.h"
#include "llm/prompt.h"
#include "pandagpt/error.h"
#include "pipeline/input_json.h"
#include "train/embedding_rows.h"
#include "train/fnv1a.h"

namespace pandagpt::train {
namespace fs = std::filesystem;
namespace {

using Json = nlohmann::json;

constexpr std::size_t kBlockBytes = 1 << 20;
constexpr const char* kImageName = "image_name";  // the reference's key
constexpr const char* kConversation = "conversation";
constexpr const char* kConversations = "conversations";
constexpr const char* kEmbedding = "embedding";
constexpr const char* kFacts = "facts";
constexpr const char* kRow = "row";

constexpr std::string_view kInputMarks[] = {"<image>", "<video>", "<audio>"};

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

std::string require_string(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string())
    throw BadObject(std::string("'") + key + "' is missing or not a string");
  return found->get<std::string>();
}

/// LLaVA's files call it "conversations".
const Json& turns_of(const Json& object) {
  const bool is_plural = object.contains(kConversations);
  if (is_plural && object.contains(kConversation))
    throw BadObject("has both 'conversation' and 'conversations'; keep one");
  const auto items = object.find(is_plural ? kConversations : kConversation);
  if (items == object.end() || !items->is_array() || items->empty())
    throw BadObject("'conversation' is missing or empty");
  return *items;
}

std::vector<Turn> parse_turns(const Json& object, bool open_ended) {
  std::vector<Turn> turns;
  bool human_is_next = true;
  for (const Json& item : turns_of(object)) {
    if (!item.is_object()) throw BadObject("a turn is not an object");
    const std::string from = require_string(item, "from");
    if (from != "human" && from != "gpt")
      throw BadObject("'from' is '" + from + "'; it has to be 'human' or 'gpt'");
    if ((from == "human") != human_is_next)
      throw BadObject("turns have to alternate, beginning with 'human'");
    std::string text = require_string(item, "value");
    if (human_is_next)
      turns.push_back({std::move(text), ""});
    else if (std::ranges::all_of(text, is_space))
      throw BadObject("an answer is empty");
    else
      turns.back().answer = std::move(text);
    human_is_next = !human_is_next;
  }
  if (!human_is_next && !open_ended) throw BadObject("the last question has no answer");
  return turns;
}

/// Takes away what LLaVA's files say an input's place with, at the beginning or end of `question`;
/// true if there was one.
bool remove_border_marks(std::string& question) {
  std::string_view rest = question;
  const auto trim = [&rest] {
    while (!rest.empty() && is_space(rest.front()))
      rest.remove_prefix(1);
    while (!rest.empty() && is_space(rest.back()))
      rest.remove_suffix(1);
  };
  bool found = false;
  for (bool again = true; again;) {
    again = false;
    for (const std::string_view mark : kInputMarks) {
      trim();
      if (rest.starts_with(mark)) {
        rest.remove_prefix(mark.size());
      } else if (rest.ends_with(mark)) {
        rest.remove_suffix(mark.size());
      } else {
        continue;
      }
      again = found = true;
    }
  }
  if (found) question = std::string(rest);
  return found;
}

/// The inputs of a conversation stand before its first question, which is where their marks may be.
void read_input_marks(Conversation& conversation) {
  for (std::size_t i = 0; i < conversation.turns.size(); ++i) {
    std::string& question = conversation.turns[i].question;
    const bool had_mark = i == 0 && remove_border_marks(question);
    if (had_mark && conversation.inputs.empty())
      throw BadObject("the first question has the mark of an input, but the record names none");
    for (const std::string_view mark : kInputMarks)
      if (question.find(mark) != std::string::npos)
        throw BadObject("'" + std::string(mark) +
                        "' stands inside a question; inputs stand before the first one, so take "
                        "the mark away or put it at that question's beginning");
  }
}

/// "facts": one line about the inputs.
void read_facts(const Json& object, Conversation& conversation) {
  if (!object.contains(kFacts) || object.at(kFacts).is_null()) return;
  const std::string facts = require_string(object, kFacts);
  if (facts.find('\n') != std::string::npos) throw BadObject("'facts' has several lines");
  if (conversation.inputs.empty())
    throw BadObject("'facts' are of inputs, and the record names none");
  std::string& question = conversation.turns.front().question;
  question = question_with_facts(facts, question);
}

/// "id" is a string or a number.
std::string parse_id(const Json& object) {
  const auto id = object.find("id");
  if (id == object.end() || id->is_null()) return "";
  if (!id->is_string() && !id->is_number()) throw BadObject("'id' is no string or number");
  return id->is_string() ? id->get<std::string>() : id->dump();
}

/// {"embedding": "a.npy", "row": 3}
Input parse_embedding(const Json& object, const fs::path& root) {
  EmbeddingRow row{resolved_path(root, require_string(object, kEmbedding))};
  if (!row.path.ends_with(".npy")) throw BadObject("'embedding' is no .npy file");
  const auto number = object.find(kRow);
  if (number != object.end() && !number->is_number_unsigned())
    throw BadObject("'row' is no whole number from 0 on");
  if (number != object.end()) row.row = number->get<std::int64_t>();
  return {.modality = Modality::kImage, .name = input_name(row)};
}

Conversation parse_conversation(const Json& object, const fs::path& root, bool open_ended) {
  if (!object.is_object()) throw BadObject("not an object");
  Conversation conversation;
  conversation.id = parse_id(object);
  if (object.contains(kImageName) && !object.at(kImageName).is_null())
    conversation.inputs.add_file(Modality::kImage,
                                 resolved_path(root, require_string(object, kImageName)));
  if (object.contains(kEmbedding)) conversation.inputs.add(parse_embedding(object, root));
  const Inputs inputs = inputs_of_json(object, root, {kImageName});
  for (const Input& input : inputs.items())
    conversation.inputs.add(input);
  conversation.turns = parse_turns(object, open_ended);
  read_input_marks(conversation);
  read_facts(object, conversation);
  return conversation;
}

[[noreturn]] void fail(const fs::path& path, const std::string& what) {
  throw Error(ErrorKind::kInput, path.string() + ": " + what);
}

std::size_t read_block(int descriptor, char* to, std::size_t size, std::uint64_t offset,
                       const fs::path& path) {
  ssize_t n = 0;
  do {
    n = pread(descriptor, to, size, static_cast<off_t>(offset));
  } while (n < 0 && errno == EINTR);
  if (n < 0) fail(path, std::string("can't be read: ") + std::strerror(errno));
  return static_cast<std::size_t>(n);
}

}  // namespace

/// Finds where records begin and end; what lies between is judged when a record is read.
class ConversationFile::Scanner {
 public:
  explicit Scanner(const fs::path& path) : path_(path) {}

  void take(char c, std::uint64_t offset) {
    switch (state_) {
      case State::kStart:
        if (is_space(c)) return;
        if (c == '[') {
          state_ = State::kList;
          return;
        }
        state_ = State::kLines;
        [[fallthrough]];
      case State::kLines:
        if (c == '\n')
          end_record();
        else
          extend_record(c, offset);
        return;
      case State::kList:
        take_in_list(c, offset);
        return;
      case State::kAfterList:
        if (!is_space(c)) fail(path_, "something stands behind the JSON list's end");
        return;
    }
  }

  std::vector<Record> finish() {
    if (state_ == State::kList)
      fail(path_, "not valid JSON: the list has no end; was the file cut off?");
    end_record();
    if (records_.empty()) fail(path_, "has no conversations");
    return std::move(records_);
  }

 private:
  enum class State { kStart, kLines, kList, kAfterList };

  void take_in_list(char c, std::uint64_t offset) {
    if (in_string_) {
      in_string_ = is_escaped_ || c != '"';
      is_escaped_ = !is_escaped_ && c == '\\';
    } else if (depth_ == 0 && (c == ',' || c == ']')) {
      // "[]" has no records, "[a,,b]" has an empty one
      if (c == ',' && !is_open_) start_record(offset);
      end_record();
      if (c == ']') state_ = State::kAfterList;
      return;
    } else {
      in_string_ = c == '"';
      if (c == '[' || c == '{') ++depth_;
      if (c == ']' || c == '}') --depth_;
      if (depth_ < 0) fail(path_, "not valid JSON near byte " + std::to_string(offset));
    }
    extend_record(c, offset);
  }

  void start_record(std::uint64_t offset) {
    record_ = {offset, 0, fnv1a(nullptr, 0)};
    is_open_ = true;
  }

  void extend_record(char c, std::uint64_t offset) {
    if (!is_open_) {
      if (is_space(c)) return;
      start_record(offset);
    }
    if (record_.length > kMaxRecordBytes) return;
    ++record_.length;
    record_.checksum = fnv1a(&c, 1, record_.checksum);
  }

  void end_record() {
    if (is_open_) records_.push_back(record_);
    is_open_ = false;
  }

  const fs::path& path_;
  State state_ = State::kStart;
  int depth_ = 0;  // inside the list
  bool in_string_ = false;
  bool is_escaped_ = false;
  bool is_open_ = false;
  Record record_{};
  std::vector<Record> records_;
};

ConversationFile::OpenFile::OpenFile(const fs::path& path) : descriptor(-1) {
  if (fs::is_directory(path)) fail(path, "is a folder, a file of conversations was expected");
  descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail(path, std::string("can't be opened: ") + std::strerror(errno));
}

ConversationFile::OpenFile::~OpenFile() {
  if (descriptor >= 0) close(descriptor);
}

ConversationFile::ConversationFile(fs::path path, fs::path media_root)
    : path_(std::move(path)), media_root_(std::move(media_root)), file_(path_) {
  Scanner scanner(path_);
  std::vector<char> block(kBlockBytes);
  std::uint64_t offset = 0;
  for (;;) {
    const std::size_t n = read_block(file_.descriptor, block.data(), block.size(), offset, path_);
    if (n == 0) break;
    const ByteView bytes(reinterpret_cast<const std::uint8_t*>(block.data()), n);
    const std::size_t first = offset == 0 ? check_text_beginning(bytes, path_.string()) : 0;
    for (std::size_t i = first; i < n; ++i)
      scanner.take(block[i], offset + i);
    offset += n;
  }
  records_ = scanner.finish();
}

Conversation ConversationFile::read(std::int64_t index, bool open_ended) const {
  const Record& record = records_.at(static_cast<std::size_t>(index));
  if (record.length > kMaxRecordBytes)
    throw BadObject("longer than " + std::to_string(kMaxRecordBytes >> 20) + " MiB");
  std::string text(record.length, '\0');
  const std::size_t n =
      read_block(file_.descriptor, text.data(), text.size(), record.offset, path_);
  if (n != text.size() || fnv1a(text.data(), text.size()) != record.checksum)
    fail(path_, "has changed since training began; put the old file back, or --restart");
  Json json;
  try {
    json = Json::parse(text);
  } catch (const Json::parse_error& error) {
    const bool is_text = std::strstr(error.what(), "UTF-8") == nullptr;
    throw BadObject(std::string("not valid ") + (is_text ? "JSON" : "UTF-8") + " near its byte " +
                    std::to_string(error.byte));
  }
  return parse_conversation(json, media_root_, open_ended);
}

}  // namespace pandagpt::train
