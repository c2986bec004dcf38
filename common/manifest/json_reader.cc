#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/manifest/reader.h"
#include "common/manifest/utf8.h"

namespace muster::manifest {
namespace {

// One pass over the text by recursive descent. The first mistake ends it. Written by hand because
// findings need line and column of every value, which no JSON library here gives.
class JsonReader {
 public:
  JsonReader(std::string_view text, const DecodeLimits& limits) : text_(text), limits_(limits) {}

  ReadResult Read() {
    ReadResult result;
    SkipBlanks();
    while (at_ < text_.size()) {
      values_ = 0;
      Value value;
      if (!ReadValue(value, 0)) {
        result.problems.push_back({Severity::kError, Here(), std::move(problem_)});
        break;
      }
      result.documents.push_back(std::move(value));
      SkipBlanks();
    }
    return result;
  }

 private:
  bool Fail(std::string message) {
    problem_ = std::move(message);
    return false;
  }

  Position Here() const { return {line_, static_cast<int>(at_ - line_start_) + 1}; }

  bool AtEnd() const { return at_ >= text_.size(); }
  char Peek() const { return AtEnd() ? '\0' : text_[at_]; }

  void SkipBlanks() {
    while (!AtEnd()) {
      const char c = text_[at_];
      if (c != ' ' && c != '\t' && c != '\n' && c != '\r') return;
      ++at_;
      if (c == '\n') {
        ++line_;
        line_start_ = at_;
      }
    }
  }

  bool Take(char wanted) {
    if (Peek() != wanted || AtEnd()) return false;
    ++at_;
    return true;
  }

  bool TakeWord(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  bool ReadValue(Value& value, int depth) {
    if (depth > limits_.depth_max) {
      return Fail(absl::StrCat("nested deeper than ", limits_.depth_max, " levels"));
    }
    if (++values_ > limits_.values_max) {
      return Fail(absl::StrCat("more than ", limits_.values_max, " values"));
    }
    value.position = Here();
    switch (Peek()) {
      case '{':
        return ReadMapping(value, depth);
      case '[':
        return ReadList(value, depth);
      case '"':
        value.type = Value::Type::kString;
        return ReadString(value.text);
      case 't':
      case 'f':
        value.type = Value::Type::kBool;
        value.text = value.written = Peek() == 't' ? "true" : "false";
        return TakeWord(value.text) || Fail("expected a JSON value");
      case 'n':
        return TakeWord("null") || Fail("expected a JSON value");
      default:
        return ReadNumber(value);
    }
  }

  bool ReadMapping(Value& value, int depth) {
    value.type = Value::Type::kMapping;
    ++at_;
    SkipBlanks();
    if (Take('}')) return true;
    while (true) {
      SkipBlanks();
      Member member;
      member.key_position = Here();
      if (Peek() != '"') return Fail("expected a key in double quotes");
      if (!ReadString(member.key)) return false;
      SkipBlanks();
      if (!Take(':')) return Fail("expected ':' after the key");
      SkipBlanks();
      if (!ReadValue(member.value, depth + 1)) return false;
      value.members.push_back(std::move(member));
      SkipBlanks();
      if (Take('}')) return true;
      if (!Take(',')) return Fail("expected ',' or '}'");
    }
  }

  bool ReadList(Value& value, int depth) {
    value.type = Value::Type::kList;
    ++at_;
    SkipBlanks();
    if (Take(']')) return true;
    while (true) {
      SkipBlanks();
      Value item;
      if (!ReadValue(item, depth + 1)) return false;
      value.items.push_back(std::move(item));
      SkipBlanks();
      if (Take(']')) return true;
      if (!Take(',')) return Fail("expected ',' or ']'");
    }
  }

  size_t SkipDigits() {
    const size_t start = at_;
    while (absl::ascii_isdigit(static_cast<unsigned char>(Peek()))) ++at_;
    return at_ - start;
  }

  bool ReadNumber(Value& value) {
    const size_t start = at_;
    bool integer = true;
    Take('-');
    const bool leading_zero = Peek() == '0';
    const size_t whole = SkipDigits();
    if (whole == 0 || (leading_zero && whole > 1)) {
      at_ = start;
      return Fail("expected a JSON value");
    }
    if (Take('.')) {
      integer = false;
      if (SkipDigits() == 0) return Fail("expected digits after the point");
    }
    if (Peek() == 'e' || Peek() == 'E') {
      integer = false;
      ++at_;
      if (Peek() == '+' || Peek() == '-') ++at_;
      if (SkipDigits() == 0) return Fail("expected digits in the exponent");
    }
    value.type = integer ? Value::Type::kInteger : Value::Type::kFloat;
    value.text = std::string(text_.substr(start, at_ - start));
    value.written = value.text;
    return true;
  }

  bool ReadHex(uint32_t& unit) {
    unit = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      const unsigned char c = static_cast<unsigned char>(Peek());
      if (!absl::ascii_isxdigit(c)) return Fail("expected four hexadecimal digits");
      unit = unit * 16 + (absl::ascii_isdigit(c) ? c - '0' : absl::ascii_tolower(c) - 'a' + 10);
    }
    return true;
  }

  // After the u of an escape. A half of a surrogate pair alone becomes the replacement character.
  bool ReadUnicodeEscape(std::string& out) {
    uint32_t unit = 0;
    if (!ReadHex(unit)) return false;
    const bool high = unit >= 0xD800 && unit < 0xDC00;
    if (high && text_.substr(at_, 2) == "\\u") {
      const size_t second_at = at_;
      at_ += 2;
      uint32_t low = 0;
      if (!ReadHex(low)) return false;
      if (low >= 0xDC00 && low < 0xE000) {
        AppendUtf8(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00), out);
        return true;
      }
      at_ = second_at;
    }
    AppendUtf8(unit >= 0xD800 && unit < 0xE000 ? kReplacementCharacter : unit, out);
    return true;
  }

  bool ReadEscape(std::string& out) {
    const char c = Peek();
    ++at_;
    switch (c) {
      case '"':
      case '\\':
      case '/':
        out += c;
        return true;
      case 'b':
        out += '\b';
        return true;
      case 'f':
        out += '\f';
        return true;
      case 'n':
        out += '\n';
        return true;
      case 'r':
        out += '\r';
        return true;
      case 't':
        out += '\t';
        return true;
      case 'u':
        return ReadUnicodeEscape(out);
      default:
        --at_;
        return Fail("no such escape in a JSON string");
    }
  }

  bool ReadString(std::string& out) {
    ++at_;
    while (true) {
      if (AtEnd()) return Fail("the string does not end");
      const unsigned char c = static_cast<unsigned char>(text_[at_]);
      if (c == '"') {
        ++at_;
        return true;
      }
      if (c < 0x20) return Fail("a control character in a string has to be escaped");
      ++at_;
      if (c != '\\') {
        out += static_cast<char>(c);
      } else if (!ReadEscape(out)) {
        return false;
      }
    }
  }

  const std::string_view text_;
  const DecodeLimits& limits_;
  size_t at_ = 0;
  int line_ = 1;
  size_t line_start_ = 0;
  size_t values_ = 0;
  std::string problem_;
};

}  // namespace

ReadResult ReadJson(std::string_view text, const DecodeLimits& limits) {
  return JsonReader(text, limits).Read();
}

}  // namespace muster::manifest
