#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>

#include "absl/strings/string_view.h"
#include "common/base/clock.h"

namespace muster::simulation {

// What happened: all of it as a digest, the last lines as text, and how often each kind.
class Trace {
 public:
  explicit Trace(const Clock& clock) : clock_(clock), start_(clock.Mono()) {}

  // `kind` is a word that is counted; `text` the rest of the line.
  void Add(absl::string_view kind, absl::string_view text);
  // Kept beside the others for people, but no part of the run: the log of production code.
  void AddLog(absl::string_view text);
  // Every line goes to standard output as well.
  void set_verbose(bool verbose) { verbose_ = verbose; }

  uint64_t digest() const { return digest_; }
  const std::deque<std::string>& last_lines() const { return lines_; }
  const std::map<std::string, int64_t, std::less<>>& counts() const { return counts_; }

 private:
  void Keep(std::string line);

  static constexpr size_t kLinesKept = 400;

  const Clock& clock_;
  const MonoTime start_;
  bool verbose_ = false;
  uint64_t digest_ = 0xcbf29ce484222325;  // FNV-1a.
  std::deque<std::string> lines_;
  std::map<std::string, int64_t, std::less<>> counts_;
};

}  // namespace muster::simulation
