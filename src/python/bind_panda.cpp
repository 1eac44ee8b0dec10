// Panda and its conversations.
#include <nanobind/stl/function.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pandagpt/panda.h"
#include "python/answer_stream.h"
#include "python/bindings.h"
#include "python/errors.h"

namespace nb = nanobind;
using namespace nb::literals;

namespace pandagpt::python {
namespace {

using Release = nb::call_guard<nb::gil_scoped_release>;
using Texts = std::vector<std::pair<std::string, std::string>>;  // question, answer

constexpr std::chrono::milliseconds kBetweenChecks{50};

/// Throws the KeyboardInterrupt, or what another handler of a signal has raised.
void check_interrupt() {
  const nb::gil_scoped_acquire gil;
  if (PyErr_CheckSignals() != 0) throw nb::python_error();
}

/// Ends an answer when Ctrl-C is pressed. Looks for it now and then only: each look takes the GIL.
class Interruptible {
 public:
  OnText on_text() {
    return [this](std::string_view /*text*/) {
      const auto now = std::chrono::steady_clock::now();
      if (now - last_ < kBetweenChecks) return true;
      last_ = now;
      try {
        check_interrupt();
      } catch (...) {
        interrupt_ = std::current_exception();
      }
      return interrupt_ == nullptr;
    };
  }
  Answer checked(Answer answer) const {
    if (interrupt_) std::rethrow_exception(interrupt_);
    return answer;
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
  std::exception_ptr interrupt_;
};

/// A Chat that notices when two use it at once: it belongs to one at a time.
class SharedChat : public std::enable_shared_from_this<SharedChat> {
 public:
  explicit SharedChat(Chat chat) : chat_(std::move(chat)) {}

  /// The right to use the chat, as long as it lives.
  class Turn {
   public:
    explicit Turn(std::shared_ptr<SharedChat> chat) : chat_(std::move(chat)) {
      if (chat_->is_busy_.exchange(true))
        throw Error(ErrorKind::kUsage,
                    "the chat is in use: take its streamed answer to the end, or close() it; "
                    "threads need a chat each");
    }
    ~Turn() { chat_->is_busy_ = false; }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    Chat* operator->() const { return &chat_->chat_; }

   private:
    std::shared_ptr<SharedChat> chat_;
  };

  std::shared_ptr<Turn> take() { return std::make_shared<Turn>(shared_from_this()); }

 private:
  Chat chat_;
  std::atomic<bool> is_busy_ = false;
};

Texts texts_of(const std::vector<Turn>& turns) {
  Texts texts;
  for (const Turn& turn : turns)
    texts.emplace_back(turn.question, turn.answer);
  return texts;
}

std::vector<Turn> turns_of(const Texts& texts) {
  std::vector<Turn> turns;
  for (const auto& [question, answer] : texts)
    turns.push_back({question, answer});
  return turns;
}

void bind_answer(nb::module_& m) {
  nb::class_<Timings>(m, "Timings")
      .def_ro("queue_ms", &Timings::queue_ms)
      .def_ro("encode_ms", &Timings::encode_ms)
      .def_ro("cached_inputs", &Timings::cached_inputs)
      .def_ro("prompt_ms", &Timings::prompt_ms)
      .def_ro("first_text_ms", &Timings::first_text_ms)
      .def_ro("generate_ms", &Timings::generate_ms)
      .def_ro("prompt_tokens", &Timings::prompt_tokens)
      .def_ro("reused_tokens", &Timings::reused_tokens)
      .def_ro("generated_tokens", &Timings::generated_tokens)
      .def_ro("guessed_tokens", &Timings::guessed_tokens)
      .def_ro("accepted_tokens", &Timings::accepted_tokens);
  nb::class_<Answer>(m, "Answer")
      .def_ro("text", &Answer::text)
      .def_prop_ro("finish", [](const Answer& answer) { return to_string(answer.finish); })
      .def_ro("seed", &Answer::seed)
      .def_ro("warnings", &Answer::warnings)
      .def_ro("is_unsure", &Answer::is_unsure)
      .def_ro("timings", &Answer::timings);
  nb::class_<AnswerStream>(m, "AnswerStream")
      .def(
          "next", [](AnswerStream& stream) { return stream.next(check_interrupt); }, Release())
      .def("close", &AnswerStream::close, Release())
      .def("answer", &AnswerStream::answer, Release());
}

void bind_options(nb::module_& m) {
  nb::class_<GenerateOptions>(m, "GenerateOptions")
      .def(nb::init<>())
      .def(nb::init<const GenerateOptions&>())
      .def_rw("max_tokens", &GenerateOptions::max_tokens)
      .def_rw("greedy", &GenerateOptions::greedy)
      .def_rw("n_beams", &GenerateOptions::n_beams)
      .def_rw("temperature", &GenerateOptions::temperature)
      .def_rw("top_p", &GenerateOptions::top_p)
      .def_rw("top_k", &GenerateOptions::top_k)
      .def_rw("min_p", &GenerateOptions::min_p)
      .def_rw("repeat_penalty", &GenerateOptions::repeat_penalty)
      .def_rw("repeat_last_n", &GenerateOptions::repeat_last_n)
      .def_rw("frequency_penalty", &GenerateOptions::frequency_penalty)
      .def_rw("presence_penalty", &GenerateOptions::presence_penalty)
      .def_rw("n_draft", &GenerateOptions::n_draft)
      .def_rw("seed", &GenerateOptions::seed, nb::arg().none());
  nb::class_<InputLimits>(m, "InputLimits")
      .def(nb::init<>())
      .def_rw("max_pixels", &InputLimits::max_pixels)
      .def_rw("max_seconds", &InputLimits::max_seconds)
      .def_rw("max_decode_seconds", &InputLimits::max_decode_seconds);
  nb::class_<PandaOptions>(m, "PandaOptions")
      .def(nb::init<>())
      .def_rw("device", &PandaOptions::device)
      .def_rw("encoder_device", &PandaOptions::encoder_device)
      .def_rw("n_gpu_layers", &PandaOptions::n_gpu_layers)
      .def_rw("repack", &PandaOptions::repack)
      .def_rw("rpc_servers", &PandaOptions::rpc_servers)
      .def_rw("use_adapter", &PandaOptions::use_adapter)
      .def_rw("n_threads", &PandaOptions::n_threads)
      .def_rw("n_ctx", &PandaOptions::n_ctx)
      .def_rw("n_parallel", &PandaOptions::n_parallel)
      .def("set_later_inputs",
           [](PandaOptions& options, const std::string& name) {
             options.later_inputs = later_inputs_from_name(name);
             if (!options.later_inputs)
               throw Error(ErrorKind::kUsage,
                           "later_inputs is 'replace' or 'keep', not '" + name + "'");
           })
      .def_rw("verify", &PandaOptions::verify)
      .def_rw("use_cache", &PandaOptions::use_cache)
      .def_rw("cache_file", &PandaOptions::cache_file)
      .def_rw("limits", &PandaOptions::limits)
      .def_rw("say_unsure", &PandaOptions::say_unsure)
      .def_rw("system_message", &PandaOptions::system_message);
}

void bind_model_info(nb::module_& m) {
  nb::class_<ModelInfo>(m, "ModelInfo")
      .def_ro("name", &ModelInfo::name)
      .def_ro("folder", &ModelInfo::folder)
      .def_ro("licence", &ModelInfo::licence)
      .def_ro("licence_note", &ModelInfo::licence_note)
      .def_ro("limitations", &ModelInfo::limitations)
      .def_ro("provenance", &ModelInfo::provenance)
      .def_ro("language_model", &ModelInfo::language_model)
      .def_ro("embedding_width", &ModelInfo::embedding_width)
      .def_ro("n_image_tokens", &ModelInfo::n_image_tokens)
      .def_ro("n_ctx", &ModelInfo::n_ctx)
      .def_prop_ro("later_inputs",
                   [](const ModelInfo& info) { return to_string(info.later_inputs); })
      .def_prop_ro("modalities",
                   [](const ModelInfo& info) {
                     std::vector<std::string> names;
                     for (const Modality modality : info.modalities)
                       names.push_back(to_string(modality));
                     return names;
                   })
      .def_ro("example_questions", &ModelInfo::example_questions);
}

void bind_chat(nb::module_& m) {
  nb::class_<SharedChat>(m, "Chat")
      .def(
          "set_inputs",
          [](SharedChat& chat, const Inputs& inputs) { (*chat.take())->set_inputs(inputs); },
          "inputs"_a, Release())
      .def(
          "add_inputs",
          [](SharedChat& chat, const Inputs& inputs) { (*chat.take())->add_inputs(inputs); },
          "inputs"_a, Release())
      .def(
          "ask",
          [](SharedChat& chat, const std::string& question, const GenerateOptions& options) {
            Interruptible answer;
            return answer.checked((*chat.take())->ask(question, options, answer.on_text()));
          },
          "question"_a, "options"_a, Release())
      .def(
          "stream",
          [](SharedChat& chat, std::string question, const GenerateOptions& options) {
            options.validate();
            return std::make_unique<AnswerStream>(
                [turn = chat.take(), question = std::move(question), options](
                    const OnText& on_text) { return (*turn)->ask(question, options, on_text); });
          },
          "question"_a, "options"_a, Release())
      .def(
          "regenerate",
          [](SharedChat& chat, const GenerateOptions& options) {
            Interruptible answer;
            return answer.checked((*chat.take())->regenerate(options, answer.on_text()));
          },
          "options"_a, Release())
      .def(
          "stream_again",
          [](SharedChat& chat, const GenerateOptions& options) {
            options.validate();
            return std::make_unique<AnswerStream>(
                [turn = chat.take(), options](const OnText& on_text) {
                  return (*turn)->regenerate(options, on_text);
                });
          },
          "options"_a, Release())
      .def(
          "reset", [](SharedChat& chat) { (*chat.take())->reset(); }, Release())
      .def(
          "history", [](SharedChat& chat) { return texts_of((*chat.take())->history()); },
          Release())
      .def(
          "set_history",
          [](SharedChat& chat, const Texts& turns) {
            (*chat.take())->set_history(turns_of(turns));
          },
          "turns"_a, Release());
}

}  // namespace

void bind_panda(nb::module_& m) {
  bind_answer(m);
  bind_options(m);
  bind_model_info(m);
  bind_chat(m);
  nb::class_<Panda>(m, "Panda")
      .def(nb::init<const std::string&, const PandaOptions&>(), "model"_a, "options"_a, Release())
      .def(
          "ask",
          [](const Panda& panda, const Inputs& inputs, const std::string& question,
             const GenerateOptions& options) {
            Interruptible answer;
            return answer.checked(panda.ask(inputs, question, options, answer.on_text()));
          },
          "inputs"_a, "question"_a, "options"_a, Release())
      .def(
          "stream",
          [](const Panda& panda, Inputs inputs, std::string question,
             const GenerateOptions& options) {
            options.validate();
            return std::make_unique<AnswerStream>([panda, inputs = std::move(inputs),
                                                   question = std::move(question),
                                                   options](const OnText& on_text) {
              return panda.ask(inputs, question, options, on_text);
            });
          },
          "inputs"_a, "question"_a, "options"_a, Release())
      .def(
          "start_chat",
          [](const Panda& panda) { return std::make_shared<SharedChat>(panda.start_chat()); },
          Release())
      .def(
          "embed",
          [](const Panda& panda, const Inputs& inputs) {
            std::vector<float> values;
            {
              const nb::gil_scoped_release release;
              values = panda.embed(inputs);
            }
            return rows_of(std::move(values), panda.info().embedding_width);
          },
          "inputs"_a)
      .def_prop_ro("default_options", &Panda::default_options, nb::rv_policy::copy)
      .def_prop_ro("info", &Panda::info, nb::rv_policy::copy);
}

}  // namespace pandagpt::python
