#include "ctl/output/escape.h"

#include "absl/strings/str_format.h"

namespace muster::ctl {
namespace {

constexpr unsigned char kDelete = 0x7f;
// How the characters begin in UTF-8 that are looked at: U+0080 to U+00BF, U+2000 to U+2FFF.
constexpr unsigned char kLatinLead = 0xc2, kGeneralLead = 0xe2;

// Marks, embeddings, overrides and isolates.
bool TurnsDirection(unsigned point) {
  return point == 0x200e || point == 0x200f || (point >= 0x202a && point <= 0x202e) ||
         (point >= 0x2066 && point <= 0x2069);
}

}  // namespace

void EscapingBuffer::SetMode(Mode mode) {
  PutHeld();
  mode_ = mode;
}

void EscapingBuffer::PutText(const std::string& text) {
  const auto size = static_cast<std::streamsize>(text.size());
  if (target_->sputn(text.data(), size) != size) failed_ = true;
}

void EscapingBuffer::PutHeld() {
  if (!held_.empty()) PutText(held_);
  held_.clear();
}

void EscapingBuffer::Put(unsigned char c) {
  if (!held_.empty()) {
    const bool continues = (c & 0xc0) == 0x80;
    if (!continues) PutHeld();
    if (continues) {
      held_ += static_cast<char>(c);
      const auto byte = [this](size_t i) { return static_cast<unsigned char>(held_[i]); };
      if (byte(0) == kGeneralLead && held_.size() < 3) return;
      const unsigned point = byte(0) == kLatinLead
                                 ? byte(1)
                                 : (byte(0) & 0x0fu) << 12 | (byte(1) & 0x3fu) << 6 | (c & 0x3fu);
      if (point < 0xa0 || TurnsDirection(point)) held_ = absl::StrFormat("\\u%04x", point);
      return PutHeld();
    }
  }
  if (c == kLatinLead || c == kGeneralLead) {
    held_.assign(1, static_cast<char>(c));
  } else if (c == '\r') {
    PutText("\\r");
  } else if ((c < 0x20 && c != '\n' && c != '\t') || c == kDelete) {
    PutText({'^', static_cast<char>(c ^ 0x40)});
  } else {
    PutText({static_cast<char>(c)});
  }
}

EscapingBuffer::int_type EscapingBuffer::overflow(int_type c) {
  if (traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
  const char byte = traits_type::to_char_type(c);
  if (Escapes()) {
    Put(static_cast<unsigned char>(byte));
  } else {
    PutText({byte});
  }
  return failed_ ? traits_type::eof() : c;
}

std::streamsize EscapingBuffer::xsputn(const char* text, std::streamsize size) {
  if (!Escapes()) {
    PutHeld();
    return target_->sputn(text, size);
  }
  for (std::streamsize i = 0; i < size; ++i) Put(static_cast<unsigned char>(text[i]));
  return failed_ ? 0 : size;
}

int EscapingBuffer::sync() {
  // Half a character waits on: whoever flushes in the middle of one has more to say.
  return target_->pubsync() == 0 && !failed_ ? 0 : -1;
}

OutputMode::OutputMode(std::ostream& out, EscapingBuffer::Mode mode)
    : buffer_(dynamic_cast<EscapingBuffer*>(out.rdbuf())),
      before_(buffer_ == nullptr ? mode : buffer_->mode()) {
  if (buffer_ != nullptr) buffer_->SetMode(mode);
}

OutputMode::~OutputMode() {
  if (buffer_ != nullptr) buffer_->SetMode(before_);
}

}  // namespace muster::ctl
