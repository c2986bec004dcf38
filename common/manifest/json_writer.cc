#include "common/manifest/json_writer.h"

#include <array>
#include <cstdio>

#include "common/manifest/utf8.h"

namespace muster::manifest {
namespace {

constexpr size_t kIndent = 4;

void WriteString(std::string_view text, std::string& out) {
  out += '"';
  for (size_t at = 0; at < text.size();) {
    const CodePoint point = ReadCodePoint(text, at);
    if (!point.valid) {
      AppendUtf8(kReplacementCharacter, out);
    } else if (point.value == '"' || point.value == '\\') {
      out += '\\';
      out += static_cast<char>(point.value);
    } else if (point.value == '\n') {
      out += "\\n";
    } else if (point.value == '\t') {
      out += "\\t";
    } else if (point.value == '\r') {
      out += "\\r";
    } else if (point.value < 0x20) {
      std::array<char, 8> escape;
      std::snprintf(escape.data(), escape.size(), "\\u%04x", point.value);
      out += escape.data();
    } else {
      out.append(text.substr(at, point.size));
    }
    at += point.size;
  }
  out += '"';
}

class Writer {
 public:
  explicit Writer(JsonForm form) : pretty_(form == JsonForm::kPretty) {}

  void Write(const Value& value, size_t depth) {
    switch (value.type) {
      case Value::Type::kNull:
        out_ += "null";
        return;
      case Value::Type::kBool:
      case Value::Type::kInteger:
      case Value::Type::kFloat:
        out_ += value.text.empty() ? "null" : value.text;
        return;
      case Value::Type::kString:
        return WriteString(value.text, out_);
      case Value::Type::kList:
        return WriteList(value, depth);
      case Value::Type::kMapping:
        return WriteMapping(value, depth);
    }
  }

  std::string Take() { return std::move(out_); }

 private:
  void NewLine(size_t depth) {
    if (!pretty_) return;
    out_ += '\n';
    out_.append(depth * kIndent, ' ');
  }

  void WriteList(const Value& value, size_t depth) {
    out_ += '[';
    for (size_t i = 0; i < value.items.size(); ++i) {
      if (i > 0) out_ += ',';
      NewLine(depth + 1);
      Write(value.items[i], depth + 1);
    }
    if (!value.items.empty()) NewLine(depth);
    out_ += ']';
  }

  void WriteMapping(const Value& value, size_t depth) {
    out_ += '{';
    bool first = true;
    for (const Member* member : SortedMembers(value)) {
      if (!first) out_ += ',';
      first = false;
      NewLine(depth + 1);
      WriteString(member->key, out_);
      out_ += pretty_ ? ": " : ":";
      Write(member->value, depth + 1);
    }
    if (!first) NewLine(depth);
    out_ += '}';
  }

  const bool pretty_;
  std::string out_;
};

}  // namespace

std::string WriteJson(const Value& value, JsonForm form) {
  Writer writer(form);
  writer.Write(value, 0);
  return writer.Take();
}

}  // namespace muster::manifest
