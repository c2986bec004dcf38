#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/manifest/reader.h"
#include "common/manifest/yaml_scalar.h"
#include "common/manifest/yaml_text.h"

namespace muster::manifest {
namespace {

// Leaves the parser; caught in this file.
struct Refusal {
  Position position;
  std::string message;
};

constexpr std::string_view kYamlTags = "tag:yaml.org,2002:";

// Builds a value from the events of one chunk of text, which holds at most one document.
class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(std::string_view text, int first_line, const DecodeLimits& limits, ReadResult& result)
      : text_(text), first_line_(first_line), limits_(limits), result_(result) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    // The parser is content with `{a: b} c`, and at `{a: b},` reports empty documents without end.
    if (has_document_) throw Refusal{At(mark), "the document ended before this"};
    has_document_ = true;
    frames_.clear();
    anchors_.clear();
    values_ = 0;
    bytes_ = 0;
    root_ = Value();
    root_.position = At(mark);
  }

  void OnDocumentEnd() override { result_.documents.push_back(std::move(root_)); }

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (!frames_.empty() && frames_.back().is_block && frames_.back().key.has_value()) {
      RequireColon(*frames_.back().key);
    }
    OnScalar(mark, "?", anchor, "");
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) throw Refusal{At(mark), "an alias stands inside its own anchor"};
    const Value& target = found->second;
    Count(target, At(mark));
    if (ExpectsKey()) {
      if (IsContainer(target)) throw Refusal{At(mark), "a key has to be a plain text"};
      SetKey(target.type, target.text, target.written, mark);
      return;
    }
    Place(Value(target));
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    bool is_merge = false;
    Value value = MakeScalar(mark, tag, WithoutLooseBytes(text), is_merge);
    if (EndOfScalar(text_, mark.pos) == std::string_view::npos) {
      throw Refusal{value.position, "the text in quotes does not end"};
    }
    Count(value, value.position);
    Remember(anchor, value);
    if (!ExpectsKey()) return Place(std::move(value));
    if (is_merge) {
      frames_.back().key = PendingKey{"<<", "<<", value.position, mark.pos, true};
      return;
    }
    SetKey(value.type, value.text, value.written, mark);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    Open(Value::Type::kList, mark, tag, anchor, false);
  }
  void OnSequenceEnd() override { Close(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override {
    Open(Value::Type::kMapping, mark, tag, anchor, style == YAML::EmitterStyle::Block);
  }
  void OnMapEnd() override { Close(); }

  Position At(const YAML::Mark& mark) const { return {first_line_ + mark.line, mark.column + 1}; }

 private:
  struct PendingKey {
    std::string text;
    std::string written;
    Position position;
    int offset = 0;  // In the text of the chunk.
    bool is_merge = false;
  };
  struct Frame {
    Value value;
    YAML::anchor_t anchor = 0;
    bool is_block = false;  // A mapping with one key a line.
    std::optional<PendingKey> key;
    std::vector<Member> merged;  // What << brings in, strongest first.
  };

  static bool IsContainer(const Value& value) {
    return value.type == Value::Type::kList || value.type == Value::Type::kMapping;
  }

  // The parser takes a line without colon in a mapping for a key without value.
  void RequireColon(const PendingKey& key) const {
    size_t at = EndOfScalar(text_, key.offset);
    if (text_.substr(at, key.written.size()) == key.written) at += key.written.size();
    at = text_.find_first_not_of(" \t", at);
    if (at != std::string_view::npos && text_[at] == ':') return;
    // After "? " a key needs none.
    const std::string_view before =
        text_.substr(0, std::min(static_cast<size_t>(key.offset), text_.size()));
    const size_t last = before.find_last_not_of(" \t");
    if (last != std::string_view::npos && before[last] == '?') return;
    throw Refusal{key.position, absl::StrCat("expected ':' after \"", key.written, "\"")};
  }

  bool ExpectsKey() const {
    return !frames_.empty() && frames_.back().value.type == Value::Type::kMapping &&
           !frames_.back().key.has_value();
  }

  Value MakeScalar(const YAML::Mark& mark, const std::string& tag, const std::string& text,
                   bool& is_merge) const {
    Value value;
    value.position = At(mark);
    const bool is_plain = tag == "?" || tag.empty();
    const bool is_quoted = tag == "!";
    if (!is_plain && !is_quoted && tag.rfind(kYamlTags, 0) != 0) {
      throw Refusal{value.position, absl::StrCat("the tag \"", tag, "\" is not known")};
    }
    if (is_quoted || tag == std::string(kYamlTags) + "str") {
      value.type = Value::Type::kString;
      value.text = text;
      return value;
    }
    PlainScalar scalar = ResolvePlainScalar(text);
    const std::string name = is_plain ? "" : tag.substr(kYamlTags.size());
    using Type = PlainScalar::Type;
    const bool fits = is_plain || (name == "null" && scalar.type == Type::kNull) ||
                      (name == "bool" && scalar.type == Type::kBool) ||
                      (name == "int" && scalar.type == Type::kInteger) ||
                      (name == "float" && scalar.type == Type::kInteger) ||
                      (name == "float" && scalar.type == Type::kFloat) ||
                      (name == "timestamp" && scalar.type == Type::kString);
    if (!fits) {
      throw Refusal{value.position,
                    absl::StrCat("the tag !!", name, " does not fit \"", text, "\"")};
    }
    switch (scalar.type) {
      case Type::kNull:
        value.type = Value::Type::kNull;
        return value;
      case Type::kBool:
        value.type = Value::Type::kBool;
        break;
      case Type::kInteger:
        value.type = Value::Type::kInteger;
        break;
      case Type::kFloat:
        value.type = Value::Type::kFloat;
        break;
      case Type::kMerge:
        is_merge = true;
        [[fallthrough]];
      case Type::kString:
        value.type = Value::Type::kString;
        value.text = text;
        return value;
    }
    value.text = std::move(scalar.json);
    value.written = text;
    return value;
  }

  // Keys are texts. As in kubectl a number or boolean becomes its JSON form, which surprises
  // whoever wrote `on: 1`, so it is said.
  void SetKey(Value::Type type, const std::string& text, const std::string& written,
              const YAML::Mark& mark) {
    const Position position = At(mark);
    if (type == Value::Type::kNull) throw Refusal{position, "a key is missing"};
    if (type == Value::Type::kFloat && text.empty()) {
      throw Refusal{position, absl::StrCat("the key ", written, " has to be quoted")};
    }
    if (type != Value::Type::kString && text != written) {
      result_.problems.push_back(
          {Severity::kWarning, position,
           absl::StrCat("the key ", written, " is read as \"", text, "\"; quote it")});
    }
    frames_.back().key =
        PendingKey{text, written.empty() ? text : written, position, mark.pos, false};
  }

  void Open(Value::Type type, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
            bool is_block) {
    const std::string expected =
        absl::StrCat(std::string(kYamlTags), type == Value::Type::kList ? "seq" : "map");
    if (tag != "?" && tag != "!" && !tag.empty() && tag != expected) {
      throw Refusal{At(mark), absl::StrCat("the tag \"", tag, "\" is not known here")};
    }
    if (ExpectsKey()) throw Refusal{At(mark), "a key has to be a plain text"};
    if (frames_.size() >= static_cast<size_t>(limits_.depth_max)) {
      throw Refusal{At(mark), absl::StrCat("nested deeper than ", limits_.depth_max, " levels")};
    }
    Frame frame;
    frame.value.type = type;
    frame.value.position = At(mark);
    frame.anchor = anchor;
    frame.is_block = is_block;
    Count(frame.value, frame.value.position);
    frames_.push_back(std::move(frame));
  }

  void Close() {
    Frame frame = std::move(frames_.back());
    frames_.pop_back();
    // What the mapping says itself wins over what it merges.
    std::set<std::string> known;
    if (!frame.merged.empty()) {
      for (const Member& member : frame.value.members) known.insert(member.key);
    }
    for (Member& member : frame.merged) {
      if (known.insert(member.key).second) frame.value.members.push_back(std::move(member));
    }
    Remember(frame.anchor, frame.value);
    Place(std::move(frame.value));
  }

  void Remember(YAML::anchor_t anchor, const Value& value) {
    if (anchor == 0) return;
    Count(value, value.position);  // The copy takes memory too.
    anchors_.insert_or_assign(anchor, value);
  }

  void Place(Value value) {
    if (frames_.empty()) {
      root_ = std::move(value);
      return;
    }
    Frame& frame = frames_.back();
    if (frame.value.type == Value::Type::kList) {
      frame.value.items.push_back(std::move(value));
      return;
    }
    PendingKey key = *std::move(frame.key);
    frame.key.reset();
    if (key.is_merge) return Merge(frame, std::move(value), key.position);
    frame.value.members.push_back({std::move(key.text), key.position, std::move(value)});
  }

  static void Merge(Frame& frame, Value value, Position position) {
    std::vector<Value> sources;
    if (value.type == Value::Type::kList) {
      sources = std::move(value.items);
    } else {
      sources.push_back(std::move(value));
    }
    for (Value& source : sources) {
      if (source.type != Value::Type::kMapping) {
        throw Refusal{position, "<< merges a mapping or a list of mappings"};
      }
      for (Member& member : source.members) frame.merged.push_back(std::move(member));
    }
  }

  // Takes a value, with all that is in it, from the allowance of the document.
  void Count(const Value& value, Position position) {
    ++values_;
    bytes_ += value.text.size() + value.written.size();
    if (values_ > limits_.values_max || bytes_ > limits_.expanded_max) {
      throw Refusal{position,
                    absl::StrCat("the document is too large: more than ", limits_.values_max,
                                 " values or ", limits_.expanded_max, " bytes with its aliases")};
    }
    for (const Value& item : value.items) Count(item, position);
    for (const Member& member : value.members) {
      bytes_ += member.key.size();
      Count(member.value, position);
    }
  }

  const std::string_view text_;
  const int first_line_;
  const DecodeLimits& limits_;
  ReadResult& result_;
  Value root_;
  std::vector<Frame> frames_;
  std::map<YAML::anchor_t, Value> anchors_;
  size_t values_ = 0;
  size_t bytes_ = 0;
  bool has_document_ = false;
};

void ReadChunk(const YamlChunk& chunk, const DecodeLimits& limits, ReadResult& result) {
  TreeBuilder builder(chunk.text, chunk.first_line, limits, result);
  const auto refuse = [&result](Position position, std::string message) {
    result.problems.push_back({Severity::kError, position, std::move(message)});
  };
  try {
    std::istringstream stream{std::string(chunk.text)};
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Refusal& refusal) {
    refuse(refusal.position, refusal.message);
  } catch (const YAML::Exception& error) {
    const int tab = TabInIndentation(chunk.text, error.mark.line);
    if (tab > 0) {
      refuse({chunk.first_line + error.mark.line, tab}, "a tab cannot indent YAML, use blanks");
    } else {
      refuse(builder.At(error.mark), absl::StrCat("this is not valid YAML: ", error.msg));
    }
  } catch (const std::exception& error) {
    refuse({chunk.first_line, 1}, absl::StrCat("this cannot be read: ", error.what()));
  }
}

}  // namespace

ReadResult ReadYaml(std::string_view text, const DecodeLimits& limits) {
  ReadResult result;
  const auto refuse = [&result](int line, int column, std::string message) {
    result.problems.push_back({Severity::kError, {line, column}, std::move(message)});
  };
  int line = 1;
  int column = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    ++column;
    if (c == '\n') {
      ++line;
      column = 0;
    } else if ((static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\r') || c == 0x7F) {
      refuse(line, column, "YAML cannot hold this control character as it is");
      return result;
    } else if (c == '%' && column == 1 && !IsYamlDirective(text.substr(i, 6))) {
      // The parser would drop the whole line without a word.
      refuse(line, column, "a line cannot begin with %, put it in quotes");
    }
  }
  for (const YamlChunk& chunk : SplitDocuments(text)) ReadChunk(chunk, limits, result);
  return result;
}

}  // namespace muster::manifest
