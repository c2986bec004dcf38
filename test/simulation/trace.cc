#include "test/simulation/trace.h"

#include <chrono>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace muster::simulation {

void Trace::Add(absl::string_view kind, absl::string_view text) {
  auto count = counts_.find(kind);
  if (count == counts_.end()) count = counts_.emplace(kind, 0).first;
  ++count->second;
  const auto since = std::chrono::duration_cast<std::chrono::microseconds>(clock_.Mono() - start_);
  const int64_t us = since.count();
  std::string line =
      absl::StrFormat("%3d:%02d:%02d.%06d %-12s %s", us / 3'600'000'000, us / 60'000'000 % 60,
                      us / 1'000'000 % 60, us % 1'000'000, kind, text);
  for (const char c : line) digest_ = (digest_ ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  Keep(std::move(line));
}

void Trace::AddLog(absl::string_view text) { Keep(absl::StrCat("                 | ", text)); }

void Trace::Keep(std::string line) {
  if (verbose_) std::printf("%s\n", line.c_str());
  lines_.push_back(std::move(line));
  if (lines_.size() > kLinesKept) lines_.pop_front();
}

}  // namespace muster::simulation
