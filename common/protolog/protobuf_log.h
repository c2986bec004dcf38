#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/base/clock.h"

namespace muster {

// How much of what a library says is worth a line: so many a second, and how many more there were.
// A plain value; callers say when things happen, in the order of time.
class LineLimiter {
 public:
  explicit LineLimiter(int per_second) : per_second_(per_second) {}

  // Is this line to be written? Then: how many were not since the last one that was.
  std::optional<int64_t> Take(MonoTime now);

 private:
  const int per_second_;
  MonoTime second_began_{};
  int in_second_ = 0;
  int64_t left_out_ = 0;
};

// protobuf writes a line to standard error for whatever it cannot read, and what it reads comes
// from the network: whoever reaches a port could fill the journal. From now on its lines go to
// `write`, on any thread, a few of them a second; nothing is lost by that, since everybody who
// parses looks at the outcome. `fatal`: the process is about to end. Call it at the beginning of
// main.
void TakeProtobufLog(void (*write)(bool fatal, const std::string& line));

}  // namespace muster
