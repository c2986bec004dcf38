#include "ctl/jsonpath/parser.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <initializer_list>
#include <iterator>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "common/base/macros.h"

namespace muster::ctl::jsonpath {
namespace {

using manifest::Value;

// Filters within filters and ranges within ranges; nobody writes more by hand.
constexpr int kDepthMax = 50;

bool IsBlank(char c) { return c == ' ' || c == '\t'; }
// The archive's abseil does not take std::string_view.
std::string Concat(std::initializer_list<std::string_view> parts) {
  std::string text;
  for (const std::string_view part : parts) text += part;
  return text;
}

std::string_view Strip(std::string_view text) {
  while (!text.empty() && absl::ascii_isspace(static_cast<unsigned char>(text.front()))) {
    text.remove_prefix(1);
  }
  while (!text.empty() && absl::ascii_isspace(static_cast<unsigned char>(text.back()))) {
    text.remove_suffix(1);
  }
  return text;
}

bool IsQuote(char c) { return c == '"' || c == '\''; }

// Reads what stands between the braces of one action, or in a part of it.
class PathParser {
 public:
  PathParser(std::string_view text, int depth) : text_(text), depth_(depth) {}

  absl::StatusOr<Path> Parse() {
    if (depth_ > kDepthMax) return Error("more filters inside each other than anybody needs");
    Path path;
    while (true) {
      while (!AtEnd() && IsBlank(text_[at_])) ++at_;
      if (AtEnd()) return path;
      MUSTER_RETURN_IF_ERROR(ParseStep(path));
    }
  }

 private:
  bool AtEnd() const { return at_ == text_.size(); }
  bool Take(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }
  absl::Status Error(std::string_view what) const {
    return absl::InvalidArgumentError(Concat({what, " in \"", text_, "\""}));
  }

  absl::Status ParseStep(Path& path) {
    const char c = text_[at_];
    if (c == '$' || c == '@') {
      ++at_;
      return absl::OkStatus();
    }
    if (Take("[?(")) return ParseFilter(path);
    if (c == '[') return ParseBrackets(path);
    if (Take("..")) {
      path.push_back({Descent{}});
      // "..name", "..['name']" and "..*"
      if (!AtEnd() && text_[at_] != '[') ParseMember(path);
      return absl::OkStatus();
    }
    if (c == '.') {
      ++at_;
      // "." alone is the object itself, "[" after it needs no dot.
      if (!AtEnd() && text_[at_] != '[' && !IsBlank(text_[at_])) ParseMember(path);
      return absl::OkStatus();
    }
    if (IsQuote(c)) {
      MUSTER_ASSIGN_OR_RETURN(std::string text, ParseQuoted());
      path.push_back({Literal{manifest::MakeString(std::move(text))}});
      return absl::OkStatus();
    }
    if (absl::ascii_isdigit(static_cast<unsigned char>(c)) || c == '-' || c == '+') {
      return ParseNumber(path);
    }
    return ParseWord(path);
  }

  // Up to what ends a name; a backslash takes the next character as it is.
  void ParseMember(Path& path) {
    std::string name;
    bool escaped = false;
    while (!AtEnd()) {
      const char c = text_[at_];
      if (c == '\\' && at_ + 1 < text_.size()) {
        name += text_[at_ + 1];
        at_ += 2;
        escaped = true;
        continue;
      }
      if (IsBlank(c) || std::string_view(".[]$@{}").find(c) != std::string_view::npos) break;
      name += c;
      ++at_;
    }
    if (name == "*" && !escaped) {
      path.push_back({Everything{}});
    } else if (!name.empty()) {
      path.push_back({Member{std::move(name)}});
    }
  }

  absl::StatusOr<std::string> ParseQuoted() {
    const char quote = text_[at_++];
    std::string text;
    for (; !AtEnd(); ++at_) {
      char c = text_[at_];
      if (c == quote) {
        ++at_;
        return text;
      }
      if (c == '\\') {
        if (++at_ == text_.size()) break;
        c = text_[at_];
        constexpr std::string_view kLetters = "abfnrtv";
        constexpr std::string_view kMeanings = "\a\b\f\n\r\t\v";
        const size_t letter = kLetters.find(c);
        if (letter != std::string_view::npos) c = kMeanings[letter];
      }
      text += c;
    }
    return Error("a quotation mark is not closed");
  }

  absl::Status ParseNumber(Path& path) {
    const size_t begin = at_;
    ++at_;
    while (!AtEnd() &&
           std::string_view("0123456789.eE+-").find(text_[at_]) != std::string_view::npos) {
      ++at_;
    }
    std::string_view written = text_.substr(begin, at_ - begin);
    if (written.front() == '+') written.remove_prefix(1);
    double number = 0;
    const auto [end, error] =
        std::from_chars(written.data(), written.data() + written.size(), number);
    if (error != std::errc() || end != written.data() + written.size()) {
      return Error(Concat({"\"", written, "\" is no number"}));
    }
    Value value;
    const bool whole = written.find_first_of(".eE") == std::string_view::npos;
    value.type = whole ? Value::Type::kInteger : Value::Type::kFloat;
    value.text = std::string(written);
    path.push_back({Literal{std::move(value)}});
    return absl::OkStatus();
  }

  // true and false; a name without a dot is a mistake people make.
  absl::Status ParseWord(Path& path) {
    const size_t begin = at_;
    while (!AtEnd() &&
           (absl::ascii_isalnum(static_cast<unsigned char>(text_[at_])) || text_[at_] == '_')) {
      ++at_;
    }
    const std::string_view word = text_.substr(begin, at_ - begin);
    if (word == "true" || word == "false") {
      path.push_back({Literal{manifest::MakeBool(word == "true")}});
      return absl::OkStatus();
    }
    if (word.empty()) {
      return Error(Concat({"unexpected character '", text_.substr(begin, 1), "'"}));
    }
    return Error(Concat({"unexpected word \"", word, "\" (a member is .", word, ")"}));
  }

  // The text up to the bracket that closes this one; quoted brackets do not count.
  absl::StatusOr<std::string_view> TakeBrackets() {
    const size_t begin = ++at_;
    char quote = '\0';
    for (; !AtEnd(); ++at_) {
      const char c = text_[at_];
      if (c == '\\') {
        if (at_ + 1 < text_.size()) ++at_;
      } else if (quote != '\0') {
        if (c == quote) quote = '\0';
      } else if (IsQuote(c)) {
        quote = c;
      } else if (c == ']') {
        return text_.substr(begin, at_++ - begin);
      }
    }
    return Error("a bracket is not closed");
  }

  absl::Status ParseBrackets(Path& path) {
    MUSTER_ASSIGN_OR_RETURN(const std::string_view inside, TakeBrackets());
    std::vector<Path> alternatives;
    for (const std::string_view part : SplitAtCommas(inside)) {
      Path alternative;
      MUSTER_RETURN_IF_ERROR(ParseSubscript(part, alternative));
      alternatives.push_back(std::move(alternative));
    }
    if (alternatives.size() == 1) {
      std::move(alternatives[0].begin(), alternatives[0].end(), std::back_inserter(path));
    } else {
      path.push_back({Union{std::move(alternatives)}});
    }
    return absl::OkStatus();
  }

  static std::vector<std::string_view> SplitAtCommas(std::string_view text) {
    std::vector<std::string_view> parts;
    size_t begin = 0;
    char quote = '\0';
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\\') {
        ++i;
      } else if (quote != '\0') {
        if (text[i] == quote) quote = '\0';
      } else if (IsQuote(text[i])) {
        quote = text[i];
      } else if (text[i] == ',') {
        parts.push_back(text.substr(begin, i - begin));
        begin = i + 1;
      }
    }
    parts.push_back(text.substr(begin));
    return parts;
  }

  absl::Status ParseSubscript(std::string_view part, Path& path) const {
    part = Strip(part);
    if (part == "*") {
      path.push_back({Slice{}});
      return absl::OkStatus();
    }
    if (part.size() >= 2 && IsQuote(part.front()) && part.back() == part.front()) {
      std::string name;
      for (size_t i = 1; i + 1 < part.size(); ++i) {
        if (part[i] == '\\' && i + 2 < part.size()) ++i;
        name += part[i];
      }
      path.push_back({Member{std::move(name)}});
      return absl::OkStatus();
    }
    std::array<std::optional<int64_t>, 3> numbers;
    size_t count = 0;
    bool valid = !part.empty();
    for (size_t begin = 0; valid; ++count) {
      const size_t colon = std::min(part.find(':', begin), part.size());
      const std::string_view number = part.substr(begin, colon - begin);
      if (count == numbers.size()) {
        valid = false;
      } else if (!number.empty()) {
        int64_t value = 0;
        const auto [end, error] =
            std::from_chars(number.data(), number.data() + number.size(), value);
        valid = error == std::errc() && end == number.data() + number.size();
        numbers[count] = value;
      }
      if (colon == part.size()) break;
      begin = colon + 1;
    }
    if (!valid) {
      return Error(Concat({"[", part,
                           "] is neither an index, nor a slice as 1:5, nor a name "
                           "in quotation marks"}));
    }
    path.push_back(
        {Slice{.begin = numbers[0], .end = numbers[1], .step = numbers[2], .single = count == 0}});
    return absl::OkStatus();
  }

  // After "[?(".
  absl::Status ParseFilter(Path& path) {
    const size_t begin = at_;
    size_t comparison = std::string_view::npos;
    char quote = '\0';
    int open = 1;
    for (; !AtEnd(); ++at_) {
      const char c = text_[at_];
      if (c == '\\') {
        if (at_ + 1 < text_.size()) ++at_;
      } else if (quote != '\0') {
        if (c == quote) quote = '\0';
      } else if (IsQuote(c)) {
        quote = c;
      } else if (c == '(') {
        ++open;
      } else if (c == ')' && --open == 0) {
        break;
      } else if (open == 1 && comparison == std::string_view::npos &&
                 std::string_view("=!<>").find(c) != std::string_view::npos) {
        comparison = at_ - begin;
      }
    }
    if (AtEnd()) return Error("a filter is not closed with )]");
    const std::string_view inside = text_.substr(begin, at_ - begin);
    if (!Take(")]")) return Error("a filter is not closed with )]");
    Filter filter;
    std::string_view left = inside;
    std::string_view right;
    if (comparison != std::string_view::npos) {
      left = inside.substr(0, comparison);
      right = inside.substr(comparison);
      MUSTER_RETURN_IF_ERROR(TakeOperator(right, filter));
    }
    MUSTER_ASSIGN_OR_RETURN(filter.left, PathParser(left, depth_ + 1).Parse());
    MUSTER_ASSIGN_OR_RETURN(filter.right, PathParser(right, depth_ + 1).Parse());
    path.push_back({std::move(filter)});
    return absl::OkStatus();
  }

  absl::Status TakeOperator(std::string_view& right, Filter& filter) const {
    using Operator = Filter::Operator;
    constexpr std::array<std::pair<std::string_view, Operator>, 6> kOperators = {{
        {"==", Operator::kEqual},
        {"!=", Operator::kNotEqual},
        {"<=", Operator::kLessOrEqual},
        {">=", Operator::kGreaterOrEqual},
        {"<", Operator::kLess},
        {">", Operator::kGreater},
    }};
    for (const auto& [text, comparison] : kOperators) {
      if (!right.starts_with(text)) continue;
      filter.comparison = comparison;
      right.remove_prefix(text.size());
      if (!Strip(right).empty()) return absl::OkStatus();
      return Error(Concat({"there is nothing to compare with after ", text}));
    }
    return Error("a comparison is one of == != < <= > >=");
  }

  const std::string_view text_;
  const int depth_;
  size_t at_ = 0;
};

class TemplateParser {
 public:
  explicit TemplateParser(std::string_view text) : text_(text) {}

  absl::StatusOr<std::vector<Piece>> Parse() {
    MUSTER_ASSIGN_OR_RETURN(std::vector<Piece> pieces, ParsePieces(0));
    return pieces;
  }

 private:
  // Up to the end, or to the {end} of the range it is in.
  absl::StatusOr<std::vector<Piece>> ParsePieces(int depth) {
    if (depth > kDepthMax) return absl::InvalidArgumentError("too many ranges inside each other");
    std::vector<Piece> pieces;
    while (true) {
      const size_t brace = std::min(text_.find('{', at_), text_.size());
      if (brace > at_) {
        pieces.push_back(
            {.type = Piece::Type::kText, .text = std::string(text_.substr(at_, brace - at_))});
      }
      at_ = brace;
      if (at_ == text_.size()) {
        if (depth == 0) return pieces;
        return absl::InvalidArgumentError("{range ...} without an {end}");
      }
      MUSTER_ASSIGN_OR_RETURN(std::string_view action, TakeAction());
      action = Strip(action);
      if (action == "end") {
        if (depth > 0) return pieces;
        return absl::InvalidArgumentError("{end} without a {range ...}");
      }
      Piece piece{.type = Piece::Type::kAction};
      if (action.starts_with("range") && (action.size() == 5 || !IsWordPart(action[5]))) {
        piece.type = Piece::Type::kRange;
        action.remove_prefix(5);
      }
      MUSTER_ASSIGN_OR_RETURN(piece.path, PathParser(action, 0).Parse());
      if (piece.type == Piece::Type::kRange) {
        MUSTER_ASSIGN_OR_RETURN(piece.body, ParsePieces(depth + 1));
      }
      pieces.push_back(std::move(piece));
    }
  }

  static bool IsWordPart(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)); }

  // The text between braces; quoted ones do not count.
  absl::StatusOr<std::string_view> TakeAction() {
    const size_t begin = ++at_;
    char quote = '\0';
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '\\') {
        if (at_ + 1 < text_.size()) ++at_;
      } else if (quote != '\0') {
        if (c == quote) quote = '\0';
      } else if (IsQuote(c)) {
        quote = c;
      } else if (c == '}') {
        return text_.substr(begin, at_++ - begin);
      }
    }
    return absl::InvalidArgumentError(
        Concat({"a brace is not closed: \"", text_.substr(begin - 1), "\""}));
  }

  const std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

absl::StatusOr<std::vector<Piece>> ParseTemplate(std::string_view text) {
  return TemplateParser(text).Parse();
}

}  // namespace muster::ctl::jsonpath
