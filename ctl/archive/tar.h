#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace muster::ctl {

// One entry of a tar archive.
struct TarEntry {
  enum class Kind { kFile, kDirectory, kSymlink, kOther };
  Kind kind = Kind::kFile;
  std::string name;
  std::string link;  // Of kSymlink: where to.
  uint32_t mode = 0644;
  uint64_t size = 0;  // Of kFile.
  int64_t modified_unix_seconds = 0;
};

// Takes a tar archive apart as it arrives: POSIX ustar with pax headers, and GNU's long names.
// Names are as they stand in it; whoever writes them to a disk has to judge them. Pure; not
// thread-safe.
class TarReader {
 public:
  // An error of theirs ends the reading with it.
  struct Sink {
    std::function<absl::Status(const TarEntry&)> begin;
    std::function<absl::Status(std::string_view)> data;  // Of the file begun last.
    std::function<absl::Status()> end;                   // Of every entry.
  };

  explicit TarReader(Sink sink) : sink_(std::move(sink)) {}

  // DataLoss when this is no tar archive; then nothing more can be read.
  absl::Status Feed(std::string_view bytes);
  // DataLoss when it ended in the middle.
  absl::Status Finish() const;

 private:
  enum class State { kHeader, kFile, kText, kPadding, kOver };

  absl::Status TakeHeader(std::string_view block);
  absl::Status TakeText();
  absl::Status TakePax(std::string_view text);

  const Sink sink_;
  State state_ = State::kHeader;
  std::string block_;   // A header that is not complete yet.
  std::string text_;    // Of an entry that is about the next one.
  char text_type_ = 0;  // What that one is.
  uint64_t left_ = 0;   // Of what the state is about.
  uint64_t padding_ = 0;
  int zero_blocks_ = 0;
  // What was said about the next entry.
  std::string next_name_, next_link_;
  bool has_next_size_ = false;
  uint64_t next_size_ = 0;
};

// The header of an entry (and of its long name, if it has one) as it stands in an archive. The data
// follows, then TarPadding of its size.
std::string TarHeader(const TarEntry& entry);
std::string TarPadding(uint64_t size);
// What ends an archive.
std::string TarEnd();

}  // namespace muster::ctl
