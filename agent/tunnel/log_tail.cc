#include "agent/tunnel/log_tail.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "agent/tunnel/log_line.h"
#include "common/base/macros.h"

namespace muster::agent {
namespace {

constexpr int64_t kBlockBytes = 64 << 10;
// "2026-01-02T03:04:05.123456789+00:00 stderr P " and some room for tags to come.
constexpr int64_t kHeaderBytes = 96;

// Goes through a file backwards, line by line.
class BackwardLines {
 public:
  BackwardLines(const ReadAt& read_at, int64_t size) : read_at_(read_at), line_end_(size) {
    block_begin_ = size;
  }

  // The beginning of the next line towards the front, as it is in the file; -1 when there is none.
  absl::StatusOr<int64_t> Next() {
    if (line_end_ == 0) return -1;
    // The newline that ends this line, if it has one, is not the one before it.
    int64_t at = line_end_ - 1;
    while (true) {
      if (at - 1 < block_begin_) {
        if (at == 0) break;
        MUSTER_RETURN_IF_ERROR(ReadBlockBefore(at));
      }
      const size_t found = block_.rfind('\n', at - 1 - block_begin_);
      if (found != std::string::npos) {
        line_end_ = block_begin_ + static_cast<int64_t>(found) + 1;
        return line_end_;
      }
      at = block_begin_;
    }
    line_end_ = 0;
    return 0;
  }

  // The first bytes of the line at `begin`.
  absl::StatusOr<std::string> Header(int64_t begin) {
    const int64_t from = begin - block_begin_;
    if (from >= 0 && from + kHeaderBytes <= static_cast<int64_t>(block_.size())) {
      return block_.substr(from, kHeaderBytes);
    }
    std::string header(kHeaderBytes, '\0');
    MUSTER_ASSIGN_OR_RETURN(const size_t got, read_at_(begin, header.data(), header.size()));
    header.resize(got);
    return header;
  }

 private:
  absl::Status ReadBlockBefore(int64_t end) {
    const int64_t begin = std::max<int64_t>(0, end - kBlockBytes);
    std::string block(end - begin, '\0');
    MUSTER_ASSIGN_OR_RETURN(const size_t got, read_at_(begin, block.data(), block.size()));
    if (got < block.size()) return absl::DataLossError("the log was cut while it was read");
    block_ = std::move(block);
    block_begin_ = begin;
    return absl::OkStatus();
  }

  const ReadAt& read_at_;
  int64_t line_end_;
  int64_t block_begin_;
  std::string block_;
};

}  // namespace

absl::StatusOr<int64_t> FindTail(const ReadAt& read_at, int64_t size, int64_t lines) {
  BackwardLines backward(read_at, size);
  if (lines <= 0) {
    // What is just being written is new, and from its middle on nobody could read it.
    char last = '\n';
    if (size > 0) MUSTER_RETURN_IF_ERROR(read_at(size - 1, &last, 1).status());
    return last == '\n' ? size : backward.Next();
  }
  int64_t begin = size;
  // Whether something of that stream comes later, so that a part is not the last of its line.
  bool seen[2] = {false, false};
  while (true) {
    MUSTER_ASSIGN_OR_RETURN(const int64_t line, backward.Next());
    if (line < 0) return 0;
    MUSTER_ASSIGN_OR_RETURN(std::string header, backward.Header(line));
    const std::string_view first_line = std::string_view(header).substr(0, header.find('\n'));
    const std::optional<LogRecord> record = ParseLogLine(first_line);
    bool ends_a_line = true;
    if (record) {
      bool& later = seen[static_cast<size_t>(record->stream)];
      ends_a_line = !record->partial || !later;
      later = true;
    }
    if (ends_a_line && lines-- == 0) return begin;
    begin = line;
  }
}

}  // namespace muster::agent
