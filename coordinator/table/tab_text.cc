#include "coordinator/table/tab_text.h"

#include <algorithm>
#include <vector>

namespace muster::coordinator {
namespace {

constexpr size_t kPadding = 2;

using Cells = std::vector<std::string_view>;

size_t WidthOf(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;  // Not a byte inside a code point.
  }));
}

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

class Aligner {
 public:
  explicit Aligner(std::string_view text) {
    for (std::string_view line : Split(text, '\n')) lines_.push_back(Split(line, '\t'));
  }

  std::string Run() {
    Format(0, lines_.size());
    out_.pop_back();  // Split gives one line more than there are line ends.
    return std::move(out_);
  }

 private:
  // The last cell of a line is not ended by a tab and belongs to no column.
  bool HasCell(size_t line, size_t column) const { return column + 1 < lines_[line].size(); }

  // Lines from `begin` to before `end`, whose columns so far have `widths_`.
  void Format(size_t begin, size_t end) {
    const size_t column = widths_.size();
    for (size_t line = begin; line < end;) {
      if (!HasCell(line, column)) {
        Print(line++);
        continue;
      }
      size_t block_end = line;
      size_t width = 0;
      for (; block_end < end && HasCell(block_end, column); ++block_end) {
        width = std::max(width, WidthOf(lines_[block_end][column]) + kPadding);
      }
      widths_.push_back(width);
      Format(line, block_end);
      widths_.pop_back();
      line = block_end;
    }
  }

  void Print(size_t line) {
    for (size_t i = 0; i < lines_[line].size(); ++i) {
      const std::string_view cell = lines_[line][i];
      out_ += cell;
      if (i < widths_.size()) out_.append(widths_[i] - WidthOf(cell), ' ');
    }
    out_ += '\n';
  }

  std::vector<Cells> lines_;
  std::vector<size_t> widths_;
  std::string out_;
};

}  // namespace

std::string AlignTabs(std::string_view text) { return Aligner(text).Run(); }

}  // namespace muster::coordinator
