#include "ctl/commands/logs_follow.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "common/base/mutex.h"
#include "ctl/commands/log_order.h"

namespace muster::ctl {
namespace {

// Of each log, before it is read on.
constexpr size_t kLinesWaitingMax = 1'000;

class Follower {
 public:
  // All outlive it.
  Follower(Context& context, const LogsOptions& options, const std::vector<LogSource>& sources)
      : context_(context),
        options_(options),
        sources_(sources),
        order_(sources.size(), {}, std::chrono::steady_clock::now()) {
    for (const LogSource& source : sources) sinks_.emplace_back(options, source);
  }

  int Run(AdminClient& client, const std::vector<admin::v1::LogsRequest>& requests) {
    for (const admin::v1::LogsRequest& request : requests) {
      streams_.push_back(client.OpenLogs(request));
    }
    std::vector<std::thread> threads;
    for (size_t log = 0; log < streams_.size(); ++log) {
      threads.emplace_back([this, log] { ReadLog(log); });
    }
    Print();
    for (std::thread& thread : threads) thread.join();
    return exit_code_;
  }

 private:
  // On the log's own thread.
  void ReadLog(size_t log) {
    LogSplitter lines([this, log](LogLine line) { Push(log, std::move(line)); });
    admin::v1::LogsChunk chunk;
    while (streams_[log]->Read(chunk)) lines.Add(chunk.data());
    lines.Finish();
    const absl::Status status = streams_[log]->Finish();
    MutexLock lock(&mutex_);
    order_.End(log);
    ++changes_;
    // Not of those that were ended from here.
    if (status.ok() || stopped_ || sinks_[log].full()) return;
    failures_.push_back(absl::Status(status.code(), absl::StrCat("pod ", sources_[log].pod, ": ",
                                                                 std::string(status.message()))));
  }

  void Push(size_t log, LogLine line) {
    MutexLock lock(&mutex_);
    const auto room = [this, log]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
      return stopped_ || order_.waiting(log) < kLinesWaitingMax;
    };
    mutex_.Await(room);
    if (!stopped_) order_.Add(log, std::move(line), std::chrono::steady_clock::now());
    ++changes_;
  }

  // Until all is printed, or nothing more is to be.
  void Print() {
    for (;;) {
      std::optional<std::pair<size_t, LogLine>> next;
      std::vector<absl::Status> failures;
      {
        MutexLock lock(&mutex_);
        next = order_.Take(std::chrono::steady_clock::now());
        if (!next) {
          failures = std::exchange(failures_, {});
          if (failures.empty() && order_.done()) return;
          if (failures.empty()) {
            WaitForMore();
            continue;
          }
        }
      }
      for (const absl::Status& failure : failures) {
        const int code = Fail(context_, failure);
        if (options_.ignore_errors) continue;
        exit_code_ = code;
        return Stop();
      }
      if (next && !PrintLine(next->first, next->second)) return Stop();
    }
  }

  void WaitForMore() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const uint64_t seen = changes_;
    const auto changed = [this, seen]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
      return changes_ != seen || !failures_.empty() || order_.done();
    };
    const std::optional<MonoTime> look = order_.NextLook();
    if (!look) return mutex_.Await(changed);
    (void)mutex_.AwaitFor(
        changed, std::max<Duration>(*look - std::chrono::steady_clock::now(), Duration(1)));
  }

  // False: nobody reads it.
  bool PrintLine(size_t log, const LogLine& line) {
    std::string text;
    bool full = false;
    {
      MutexLock lock(&mutex_);
      text = sinks_[log].Text(line);
      full = sinks_[log].full();
    }
    if (full) streams_[log]->Cancel();
    context_.out << text << std::flush;
    return static_cast<bool>(context_.out);
  }

  void Stop() {
    {
      MutexLock lock(&mutex_);
      stopped_ = true;
    }
    for (const auto& stream : streams_) stream->Cancel();
  }

  Context& context_;
  const LogsOptions& options_;
  const std::vector<LogSource>& sources_;
  std::vector<std::unique_ptr<AdminClient::LogStream>> streams_;  // Before the threads begin.
  int exit_code_ = kExitDone;
  Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  uint64_t changes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<absl::Status> failures_ ABSL_GUARDED_BY(mutex_);
  std::vector<LogSink> sinks_ ABSL_GUARDED_BY(mutex_);
  LogOrder order_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

int FollowLogs(Context& context, AdminClient& client, const LogsOptions& options,
               const std::vector<LogSource>& sources,
               const std::vector<admin::v1::LogsRequest>& requests) {
  return Follower(context, options, sources).Run(client, requests);
}

}  // namespace muster::ctl
