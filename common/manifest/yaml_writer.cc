#include "common/manifest/yaml_writer.h"

#include <array>
#include <cstdint>
#include <cstdio>

#include "common/manifest/utf8.h"
#include "common/manifest/yaml_scalar.h"

namespace muster::manifest {
namespace {

// Longer keys have to be announced by "? ", or readers give up looking for their colon.
constexpr size_t kSimpleKeyMax = 128;
constexpr size_t kIndent = 2;

// May stand in the text as it is, outside double quotes.
bool IsPrintable(uint32_t point) {
  if (point < 0x20 || point == 0x7F || (point >= 0x80 && point < 0xA0)) return false;
  const bool line_break = point == 0x2028 || point == 0x2029;
  const bool no_character = point == 0xFEFF || (point & 0xFFFE) == 0xFFFE;
  return !line_break && !no_character;
}

// What decides the style of a string, gathered in one pass.
struct Traits {
  bool printable = true;  // Apart from line ends.
  bool lines = false;     // Has line ends.
};

Traits TraitsOf(std::string_view text) {
  Traits traits;
  for (size_t at = 0; at < text.size();) {
    const CodePoint point = ReadCodePoint(text, at);
    if (point.valid && point.value == '\n') {
      traits.lines = true;
    } else if (!point.valid || !IsPrintable(point.value)) {
      traits.printable = false;
    }
    at += point.size;
  }
  return traits;
}

bool IsBlank(char c) { return c == ' ' || c == '\t'; }

// No sign in it that would end or change a plain scalar in block context.
bool LooksPlain(std::string_view text) {
  if (text.empty() || IsBlank(text.front()) || IsBlank(text.back()) || text.back() == ':') {
    return false;
  }
  if (std::string_view("?:,[]{}#&*!|>'\"%@`").find(text.front()) != std::string_view::npos) {
    return false;
  }
  if (text.front() == '-' && (text.size() == 1 || IsBlank(text[1]))) return false;
  if (text.substr(0, 3) == "---" || text.substr(0, 3) == "...") return false;
  return text.find(": ") == std::string_view::npos && text.find(" #") == std::string_view::npos;
}

// As a block the text keeps its lines; leading blanks or several line ends at the end would need
// indicators that readers disagree on.
bool FitsBlock(std::string_view text, const Traits& traits) {
  if (!traits.lines || !traits.printable || text.front() == '\n' || IsBlank(text.front())) {
    return false;
  }
  const bool two_ends = text.size() > 1 && text.back() == '\n' && text[text.size() - 2] == '\n';
  // A last line of blanks alone would be lost in the chomping.
  const std::string_view body = text.back() == '\n' ? text.substr(0, text.size() - 1) : text;
  const bool blank_end = body.empty() || IsBlank(body.back());
  return !two_ends && !blank_end;
}

std::string DoubleQuoted(std::string_view text) {
  std::string out = "\"";
  for (size_t at = 0; at < text.size();) {
    const CodePoint point = ReadCodePoint(text, at);
    const uint32_t value = point.valid ? point.value : kReplacementCharacter;
    std::array<char, 12> escape;
    if (value == '"' || value == '\\') {
      out += '\\';
      out += static_cast<char>(value);
    } else if (value == '\n') {
      out += "\\n";
    } else if (value == '\t') {
      out += "\\t";
    } else if (value == '\r') {
      out += "\\r";
    } else if (IsPrintable(value)) {
      AppendUtf8(value, out);
    } else {
      const char* format = value < 0x100 ? "\\x%02x" : value < 0x10000 ? "\\u%04x" : "\\U%08x";
      std::snprintf(escape.data(), escape.size(), format, value);
      out += escape.data();
    }
    at += point.size;
  }
  return out + "\"";
}

std::string SingleQuoted(std::string_view text) {
  std::string out = "'";
  for (char c : text) {
    out += c;
    if (c == '\'') out += c;
  }
  return out + "'";
}

std::string OnOneLine(std::string_view text, const Traits& traits) {
  if (!traits.printable || traits.lines || MayReadAsNonString(text)) return DoubleQuoted(text);
  return LooksPlain(text) ? std::string(text) : SingleQuoted(text);
}

class Writer {
 public:
  // Writes what follows a "key:" or "-": on the same line, or indented below it.
  void WriteAfterKey(const Value& value, size_t indent) {
    if (value.type == Value::Type::kMapping && !value.members.empty()) {
      out_ += '\n';
      WriteMapping(value, indent + kIndent, true);
    } else if (value.type == Value::Type::kList && !value.items.empty()) {
      out_ += '\n';
      WriteList(value, indent, true);
    } else {
      out_ += ' ';
      WriteScalar(value, indent);
    }
  }

  void WriteMapping(const Value& value, size_t indent, bool indent_first) {
    bool first = true;
    for (const Member* member : SortedMembers(value)) {
      if (!first || indent_first) out_.append(indent, ' ');
      first = false;
      const std::string key = OnOneLine(member->key, TraitsOf(member->key));
      if (key.size() <= kSimpleKeyMax) {
        out_ += key + ":";
      } else {
        out_ += "? " + key + "\n";
        out_.append(indent, ' ');
        out_ += ":";
      }
      WriteAfterKey(member->value, indent);
    }
  }

  void WriteList(const Value& value, size_t indent, bool indent_first) {
    bool first = true;
    for (const Value& item : value.items) {
      if (!first || indent_first) out_.append(indent, ' ');
      first = false;
      out_ += "- ";
      if (item.type == Value::Type::kMapping && !item.members.empty()) {
        WriteMapping(item, indent + kIndent, false);
      } else if (item.type == Value::Type::kList && !item.items.empty()) {
        WriteList(item, indent + kIndent, false);
      } else {
        WriteScalar(item, indent);
      }
    }
  }

  // Also of empty lists and mappings. Ends the line.
  void WriteScalar(const Value& value, size_t indent) {
    switch (value.type) {
      case Value::Type::kNull:
        out_ += "null";
        break;
      case Value::Type::kBool:
      case Value::Type::kInteger:
      case Value::Type::kFloat:
        out_ += value.text.empty() ? "null" : value.text;
        break;
      case Value::Type::kString:
        return WriteString(value.text, indent);
      case Value::Type::kList:
        out_ += "[]";
        break;
      case Value::Type::kMapping:
        out_ += "{}";
        break;
    }
    out_ += '\n';
  }

  std::string Take() { return std::move(out_); }

 private:
  void WriteString(std::string_view text, size_t indent) {
    const Traits traits = TraitsOf(text);
    if (!FitsBlock(text, traits)) {
      out_ += OnOneLine(text, traits) + "\n";
      return;
    }
    const bool ends_line = text.back() == '\n';
    out_ += ends_line ? "|\n" : "|-\n";
    if (ends_line) text.remove_suffix(1);
    while (true) {
      const std::string_view line = text.substr(0, text.find('\n'));
      if (!line.empty()) out_.append(indent + kIndent, ' ').append(line);
      out_ += '\n';
      if (line.size() == text.size()) return;
      text.remove_prefix(line.size() + 1);
    }
  }

  std::string out_;
};

}  // namespace

std::string WriteYaml(const Value& value) {
  Writer writer;
  if (value.type == Value::Type::kMapping && !value.members.empty()) {
    writer.WriteMapping(value, 0, true);
  } else if (value.type == Value::Type::kList && !value.items.empty()) {
    writer.WriteList(value, 0, true);
  } else {
    writer.WriteScalar(value, 0);
  }
  return writer.Take();
}

}  // namespace muster::manifest
