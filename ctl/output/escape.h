#pragma once

#include <ostream>
#include <streambuf>
#include <string>

namespace muster::ctl {

// Passes text on to another buffer, with what could control a terminal made visible: control
// characters as `cat -v` shows them (ESC is "^[", a carriage return "\r"), those of Latin-1 and
// what turns the direction of writing as "\u202e". Names, messages and labels come from others, and
// must not be able to hide a line, to write over another one, or to type for the reader. Line ends
// and tabs stay. One thread.
class EscapingBuffer final : public std::streambuf {
 public:
  // How much is escaped.
  enum class Mode {
    kText,     // For people: always.
    kMachine,  // Also for programs, which want it as it is: only on a terminal.
    kRaw,      // Never: our own colours, and logs, which are shown as they were written.
  };

  EscapingBuffer(std::streambuf* target, bool is_terminal)
      : target_(target), is_terminal_(is_terminal) {}

  Mode mode() const { return mode_; }
  void SetMode(Mode mode);

 protected:
  int_type overflow(int_type c) override;
  std::streamsize xsputn(const char* text, std::streamsize size) override;
  int sync() override;

 private:
  bool Escapes() const { return mode_ == Mode::kText || (mode_ == Mode::kMachine && is_terminal_); }
  void Put(unsigned char c);
  void PutText(const std::string& text);
  void PutHeld();

  std::streambuf* const target_;
  const bool is_terminal_;
  Mode mode_ = Mode::kText;
  std::string held_;  // The beginning of a character that may have to be escaped.
  bool failed_ = false;
};

// While it lives, `out` is written in this mode, if it has an EscapingBuffer at all.
class OutputMode {
 public:
  OutputMode(std::ostream& out, EscapingBuffer::Mode mode);
  ~OutputMode();
  OutputMode(const OutputMode&) = delete;
  OutputMode& operator=(const OutputMode&) = delete;

 private:
  EscapingBuffer* const buffer_;
  const EscapingBuffer::Mode before_;
};

}  // namespace muster::ctl
