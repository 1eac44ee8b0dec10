#include "server/chat_messages.h"

#include <optional>
#include <string>
#include <utility>

#include "server/api_error.h"

namespace pandagpt {
namespace {

using nlohmann::json;
using Question = ConversationRequest::Question;

constexpr std::size_t kMaxContentParts = 256;

void append_line(std::string& text, const std::string& line) {
  if (line.empty()) return;
  if (!text.empty()) text += '\n';
  text += line;
}

class MessageReader {
 public:
  MessageReader(const MediaParts& media, const RequestLimits& limits, LaterInputs later_inputs)
      : media_(media), limits_(limits) {
    conversation_.later_inputs = later_inputs;
  }

  void add(const JsonFields& message) {
    const std::string role = message.require_text("role");
    if (role == "system" || role == "developer") {
      append_line(system_, text_of(message));
    } else if (role == "user") {
      add_question(content_of(message));
    } else if (role == "assistant") {
      add_answer(text_of(message));
    } else {
      message.fail("role", "must be system, user or assistant");
    }
  }

  ConversationRequest finish() && {
    ConversationRequest& result = conversation_;
    if (!system_.empty()) {  // behind the last question, or a question of its own
      if (!is_question_open()) result.questions.emplace_back();
      append_line(result.questions.back().text, std::exchange(system_, {}));
    }
    if (result.questions.empty() || result.questions.size() == result.answers.size())
      throw ApiError::invalid("the last message must be one of the user", "messages");
    return std::move(result);
  }

 private:
  bool is_question_open() const {
    return conversation_.questions.size() > conversation_.answers.size();
  }

  void add_question(Question content) {
    if (!is_question_open()) conversation_.questions.emplace_back();
    Question& question = conversation_.questions.back();
    append_line(question.text, std::exchange(system_, {}));
    append_line(question.text, content.text);
    if (!content.inputs.empty() && !keeps_inputs()) set_aside_earlier_inputs();
    append_line(question.asked, content.text);
    for (const Input& input : content.inputs.items())
      question.inputs.add(input);
  }

  bool keeps_inputs() const { return conversation_.later_inputs == LaterInputs::kKeep; }

  /// They aren't even encoded.
  void set_aside_earlier_inputs() {
    auto& questions = conversation_.questions;
    for (auto question = questions.begin(); question != questions.end() - 1; ++question)
      question->inputs = {};
  }

  /// Inputs that would be seen together with those of the message that is being read.
  std::size_t n_inputs_beside() const {
    const auto& questions = conversation_.questions;
    const auto first =
        keeps_inputs() ? questions.begin() : questions.end() - (is_question_open() ? 1 : 0);
    std::size_t n = 0;
    for (auto question = first; question != questions.end(); ++question)
      n += question->inputs.items().size();
    return n;
  }

  void add_answer(const std::string& text) {
    // A greeting: it answers nothing.
    if (conversation_.questions.empty()) conversation_.questions.emplace_back();
    if (is_question_open())
      conversation_.answers.push_back(text);
    else
      append_line(conversation_.answers.back(), text);
  }

  std::string text_of(const JsonFields& message) {
    // An answer that only called tools has no content.
    if (message.find("content") == nullptr) return {};
    const Question content = content_of(message);
    if (!content.inputs.empty()) message.fail("content", "has inputs; only the user's may");
    return content.text;
  }

  Question content_of(const JsonFields& message) {
    Question question;
    const json& content = message.require("content");
    if (content.is_string()) {
      question.text = content.get<std::string>();
      return question;
    }
    if (!content.is_array()) message.fail("content", "must be a text or a list of parts");
    const auto parts = message.list("content", kMaxContentParts);
    for (std::size_t i = 0; i < parts.size(); ++i)
      add_part(JsonFields(*parts[i], message.name_of("content[" + std::to_string(i) + "]")),
               question);
    return question;
  }

  void add_part(const JsonFields& part, Question& question) {
    const std::string type = part.require_text("type");
    if (type == "text") return append_line(question.text, part.require_text("text"));
    if (!MediaParts::is_media(type))
      part.fail("type",
                "must be text, image_url, input_audio, audio_url, video_url, "
                "thermal_image, depth_map or imu");
    const Inputs inputs = media_.read(part, type);
    for (const Input& input : inputs.items()) {
      if (question.inputs.items().size() + n_inputs_beside() >= limits_.max_parts)
        throw ApiError::invalid(
            "more than " + std::to_string(limits_.max_parts) + " inputs in one request",
            part.name_of("type"));
      question.inputs.add(input);
    }
  }

  const MediaParts& media_;
  const RequestLimits& limits_;
  ConversationRequest conversation_;
  std::string system_;  // waits for the next question
};

LaterInputs read_later_inputs(const JsonFields& body, LaterInputs otherwise) {
  constexpr const char* kKey = "later_inputs";
  const std::optional<std::string> name = body.text(kKey);
  if (!name) return otherwise;
  const std::optional<LaterInputs> later = later_inputs_from_name(*name);
  if (!later) body.fail(kKey, "must be replace or keep");
  return *later;
}

}  // namespace

ConversationRequest read_messages(const JsonFields& body, const MediaParts& media,
                                  const RequestLimits& limits, LaterInputs later_inputs) {
  body.require("messages");
  const auto messages = body.list("messages", limits.max_messages);
  MessageReader reader(media, limits, read_later_inputs(body, later_inputs));
  for (std::size_t i = 0; i < messages.size(); ++i)
    reader.add(JsonFields(*messages[i], "messages[" + std::to_string(i) + "]"));
  ConversationRequest conversation = std::move(reader).finish();
  conversation.wants_facts = body.boolean("facts");
  return conversation;
}

}  // namespace pandagpt
