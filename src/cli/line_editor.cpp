#include "cli/line_editor.h"

#include <histedit.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <initializer_list>
#include <utility>

#include "core/utf8.h"
#include "pandagpt/error.h"

namespace pandagpt {
namespace {

constexpr std::string_view kPasteOn = "\033[?2004h";  // the terminal marks what is pasted ..
constexpr std::string_view kPasteOff = "\033[?2004l";
constexpr const wchar_t* kPasteBegin = L"\033[200~";  // .. with these two
constexpr std::string_view kPasteEnd = "\033[201~";
constexpr std::size_t kMaxListed = 100;
constexpr int kDefaultColumns = 80;

std::wstring wide(std::string_view text) {
  const std::u32string points = decode_utf8(text);
  return {points.begin(), points.end()};
}

std::string narrow(std::wstring_view text) {
  return encode_utf8(std::u32string(text.begin(), text.end()));
}

/// libedit asks the C library how wide a character is and how it is written: without a locale of
/// UTF-8 (as in many containers) each byte of a letter would be shown as a number.
void set_character_locale() {
  std::setlocale(LC_CTYPE, "");
  if (MB_CUR_MAX == 1 && std::setlocale(LC_CTYPE, "C.UTF-8") == nullptr)
    std::setlocale(LC_CTYPE, "UTF-8");
}

/// Line ends as "\n", none at the end, tabs as spaces, no other control characters.
std::string cleaned_paste(const std::string& pasted) {
  std::string text;
  for (std::size_t i = 0; i < pasted.size(); ++i) {
    const char c = pasted[i];
    if (c == '\r') {
      if (i + 1 == pasted.size() || pasted[i + 1] != '\n') text += '\n';
    } else if (c == '\t') {
      text += ' ';
    } else if (c == '\n' || static_cast<unsigned char>(c) >= ' ') {
      if (c != 0x7F) text += c;
    }
  }
  text.erase(text.find_last_not_of('\n') + 1);
  return text;
}

/// How many bytes the sequence at the beginning of `text` needs by its first byte.
std::size_t announced_length(const std::string& text) {
  const auto first = static_cast<unsigned char>(text.front());
  if (first >= 0xF0) return 4;
  if (first >= 0xE0) return 3;
  return first >= 0xC0 ? 2 : 1;
}

std::string common_beginning(const std::vector<Completion::Candidate>& candidates) {
  std::string common = candidates.front().text;
  for (const Completion::Candidate& one : candidates) {
    const auto differ =
        std::mismatch(common.begin(), common.end(), one.text.begin(), one.text.end());
    common.erase(differ.first, common.end());
  }
  // Whole characters only.
  const std::string& first = candidates.front().text;
  const auto is_inside = [&](std::size_t at) {
    return at < first.size() && (static_cast<unsigned char>(first[at]) & 0xC0) == 0x80;
  };
  while (!common.empty() && is_inside(common.size()))
    common.pop_back();
  return common;
}

class LineEditor : public LineReader {
 public:
  LineEditor(Completer complete, HistoryFile history)
      : complete_(std::move(complete)), file_(std::move(history)), history_(history_winit()) {
    set_character_locale();
    output_.reset(fdopen(dup(STDERR_FILENO), "w"));  // stderr itself would write single bytes
    if (output_) edit_.reset(el_init("pandagpt", stdin, output_.get(), output_.get()));
    if (!edit_ || !history_) throw Error(ErrorKind::kInternal, "libedit can't be started");
    HistEventW event;
    history_w(history_.get(), &event, H_SETSIZE, static_cast<int>(HistoryFile::kMaxEntries));
    history_w(history_.get(), &event, H_SETUNIQUE, 1);
    for (const std::string& entry : file_.load())
      history_w(history_.get(), &event, H_ENTER, wide(entry).c_str());
    set_up();
  }

  Event next(const std::string& prompt, std::string& line) override {
    prompt_ = wide(prompt);
    is_interrupted_ = false;
    put(kPasteOn);
    // libedit would do so behind the prompt: what is typed in between would be the terminal's own.
    el_wset(edit_.get(), EL_PREP_TERM, 1);
    int count = 0;
    const wchar_t* typed = el_wgets(edit_.get(), &count);
    if (is_interrupted_) {
      const LineInfoW* info = el_wline(edit_.get());
      line = narrow({info->buffer, static_cast<std::size_t>(info->lastchar - info->buffer)});
    }
    put(kPasteOff);
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
    if (is_interrupted_) return Event::kInterrupt;
    if (typed == nullptr || count <= 0) return Event::kEnd;
    line = narrow({typed, static_cast<std::size_t>(count)});
    if (line.ends_with('\n')) line.pop_back();
    return Event::kLine;
  }

  void remember(const std::string& entry) override {
    HistEventW event;
    if (history_w(history_.get(), &event, H_FIRST) >= 0 && narrow(event.str) == entry) return;
    history_w(history_.get(), &event, H_ENTER, wide(entry).c_str());
    file_.append(entry);
  }

 private:
  struct EditCloser {
    void operator()(EditLine* edit) const { el_end(edit); }
  };
  struct FileCloser {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  struct HistoryCloser {
    void operator()(HistoryW* history) const { history_wend(history); }
  };

  static LineEditor& of(EditLine* edit) {
    void* self = nullptr;
    el_wget(edit, EL_CLIENTDATA, &self);
    return *static_cast<LineEditor*>(self);
  }

  void set_up() {
    EditLine* edit = edit_.get();
    el_wset(edit, EL_CLIENTDATA, this);
    el_wset(
        edit, EL_PROMPT, +[](EditLine* one) { return of(one).prompt_.data(); });
    el_wset(
        edit, EL_GETCFN, +[](EditLine* one, wchar_t* c) { return of(one).get(*c); });
    el_wset(edit, EL_HIST, history_w, history_.get());
    el_wset(edit, EL_EDITOR, L"emacs");
    const auto add = [&](const wchar_t* name, const wchar_t* help, auto function) {
      el_wset(edit, EL_ADDFN, name, help, function);
    };
    add(
        L"panda-paste", L"Take what is pasted as it is",
        +[](EditLine* one, wint_t) { return of(one).paste(); });
    add(
        L"panda-complete", L"Complete a command or a file",
        +[](EditLine* one, wint_t) { return of(one).complete(); });
    // Beside libedit's own: keys as terminals of today send them and as shells have them.
    const auto bind = [&](const wchar_t* function, std::initializer_list<const wchar_t*> keys) {
      for (const wchar_t* key : keys)
        el_wset(edit, EL_BIND, key, function, nullptr);
    };
    bind(L"panda-paste", {kPasteBegin});
    bind(L"panda-complete", {L"\t"});
    bind(L"em-inc-search-prev", {L"^R"});
    bind(L"ed-move-to-beg", {L"\033[1~", L"\033[H", L"\033OH"});
    bind(L"ed-move-to-end", {L"\033[4~", L"\033[F", L"\033OF"});
    bind(L"em-next-word", {L"\033[1;5C"});
    bind(L"ed-prev-word", {L"\033[1;5D"});
    bind(L"ed-delete-prev-word", {L"^W", L"\033\177"});
    bind(L"ed-delete-next-char", {L"\033[3~"});
    el_source(edit, nullptr);  // ~/.editrc: the user's own keys
  }

  void put(std::string_view text) const {
    std::fwrite(text.data(), 1, text.size(), output_.get());
    std::fflush(output_.get());
  }

  /// One character for libedit: 1, or 0 at the end, or -1 if the line is to be given up. Exceptions
  /// must not cross libedit: they are thrown again by next().
  int get(wchar_t& c) {
    try {
      return read_character(c);
    } catch (...) {
      failure_ = std::current_exception();
      return -1;
    }
  }

  int read_character(wchar_t& c) {
    while (true) {
      if (!bytes_.empty() && (bytes_.size() >= announced_length(bytes_) || at_end_)) {
        const std::size_t length = std::max<std::size_t>(1, utf8_length(bytes_));
        c = static_cast<wchar_t>(decode_utf8(std::string_view(bytes_).substr(0, length)).front());
        bytes_.erase(0, length);
        return 1;
      }
      if (at_end_) return 0;
      switch (wait_for_input()) {
        case InputEvent::kReady:
          read_block();
          break;
        case InputEvent::kTerminal:
          put(kPasteOn);
          el_wset(edit_.get(), EL_PREP_TERM, 1);
          el_resize(edit_.get());
          el_wset(edit_.get(), EL_REFRESH);
          break;
        case InputEvent::kInterrupt:
          is_interrupted_ = true;
          return -1;
      }
    }
  }

  void read_block() {
    std::array<char, 4096> block{};
    const ssize_t count = read(STDIN_FILENO, block.data(), block.size());
    if (count < 0 && errno == EINTR) return;
    // A terminal that has gone away is EIO.
    if (count < 0 && errno != EIO)
      throw Error(ErrorKind::kInput, std::string("standard input: ") + std::strerror(errno));
    at_end_ = count <= 0;
    if (count > 0) bytes_.append(block.data(), static_cast<std::size_t>(count));
  }

  unsigned char paste() {
    std::string pasted;
    for (wchar_t c = 0; !pasted.ends_with(kPasteEnd);) {
      if (get(c) != 1) return is_interrupted_ || failure_ ? CC_ERROR : CC_EOF;
      if (pasted.size() > kMaxLineBytes) pasted.erase(0, pasted.size() / 2);  // is refused below
      pasted += narrow({&c, 1});
    }
    pasted.resize(pasted.size() - kPasteEnd.size());
    const std::string text = cleaned_paste(pasted);
    if (text.empty()) return CC_REFRESH;
    if (el_winsertstr(edit_.get(), wide(text).c_str()) != 0) return CC_ERROR;
    return CC_REFRESH;
  }

  unsigned char complete() {
    const LineInfoW* info = el_wline(edit_.get());
    const std::string line =
        narrow({info->buffer, static_cast<std::size_t>(info->cursor - info->buffer)});
    const Completion found = complete_(line);
    if (found.candidates.empty()) return CC_REFRESH_BEEP;
    const std::string typed = line.substr(found.begin);
    const std::string common = common_beginning(found.candidates);
    if (common.size() > typed.size() || (found.candidates.size() == 1 && common != typed)) {
      el_wdeletestr(edit_.get(), static_cast<int>(wide(typed).size()));
      el_winsertstr(edit_.get(), wide(common).c_str());
      return CC_REFRESH;
    }
    if (found.candidates.size() == 1) return CC_REFRESH_BEEP;
    list(found.candidates);
    return CC_REDISPLAY;
  }

  /// The candidates in columns below the line, as shells show them.
  void list(const std::vector<Completion::Candidate>& candidates) const {
    winsize size{};
    ioctl(STDERR_FILENO, TIOCGWINSZ, &size);
    const auto columns = static_cast<std::size_t>(size.ws_col > 0 ? size.ws_col : kDefaultColumns);
    const std::size_t n_listed = std::min(candidates.size(), kMaxListed);
    std::size_t width = 0;
    for (std::size_t i = 0; i < n_listed; ++i)
      width = std::max(width, decode_utf8(candidates[i].shown).size() + 2);
    const std::size_t per_row = std::max<std::size_t>(1, columns / width);
    std::string text = "\n";
    for (std::size_t i = 0; i < n_listed; ++i) {
      text += candidates[i].shown;
      const bool ends_row = (i + 1) % per_row == 0 || i + 1 == n_listed;
      text += ends_row ? "\n" : std::string(width - decode_utf8(candidates[i].shown).size(), ' ');
    }
    if (candidates.size() > n_listed)
      text += ".. and " + std::to_string(candidates.size() - n_listed) + " more\n";
    put(text);
  }

  Completer complete_;
  HistoryFile file_;
  std::unique_ptr<HistoryW, HistoryCloser> history_;
  std::unique_ptr<std::FILE, FileCloser> output_;
  std::unique_ptr<EditLine, EditCloser> edit_;
  std::wstring prompt_;
  std::string bytes_;  // read, and not yet given to libedit
  bool at_end_ = false;
  bool is_interrupted_ = false;
  std::exception_ptr failure_;
};

}  // namespace

std::unique_ptr<LineReader> open_line_editor(Completer complete, HistoryFile history) {
  const char* terminal = std::getenv("TERM");
  const bool is_dumb =
      terminal == nullptr || *terminal == '\0' || std::string_view(terminal) == "dumb";
  if (is_dumb || isatty(STDIN_FILENO) == 0 || isatty(STDERR_FILENO) == 0) return nullptr;
  return std::make_unique<LineEditor>(std::move(complete), std::move(history));
}

}  // namespace pandagpt
