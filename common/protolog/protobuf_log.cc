#include "common/protolog/protobuf_log.h"

#include <atomic>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/mutex.h"
#include "google/protobuf/stubs/logging.h"

namespace muster {
namespace {

constexpr int kLinesPerSecond = 5;

std::atomic<void (*)(bool fatal, const std::string& line)> written_by = nullptr;

void Handle(google::protobuf::LogLevel level, const char* file, int line,
            const std::string& message) {
  auto* const write = written_by.load();
  const bool fatal = level == google::protobuf::LOGLEVEL_FATAL;
  std::string text = absl::StrCat("protobuf: ", file, ":", line, ": ", message);
  if (fatal) return write(true, text);
  static Mutex mutex;
  static LineLimiter limiter(kLinesPerSecond);
  std::optional<int64_t> left_out;
  {
    MutexLock lock(&mutex);
    left_out = limiter.Take(std::chrono::steady_clock::now());
  }
  if (!left_out) return;
  if (*left_out > 0) absl::StrAppend(&text, " (and ", *left_out, " more before it)");
  write(false, text);
}

}  // namespace

std::optional<int64_t> LineLimiter::Take(MonoTime now) {
  if (now - second_began_ >= std::chrono::seconds(1)) {
    second_began_ = now;
    in_second_ = 0;
  }
  if (in_second_ >= per_second_) {
    ++left_out_;
    return std::nullopt;
  }
  ++in_second_;
  return std::exchange(left_out_, 0);
}

void TakeProtobufLog(void (*write)(bool fatal, const std::string& line)) {
  written_by = write;
  google::protobuf::SetLogHandler(&Handle);
}

}  // namespace muster
