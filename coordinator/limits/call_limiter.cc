#include "coordinator/limits/call_limiter.h"

#include <chrono>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "coordinator/limits/peer_network.h"

namespace muster::coordinator {
namespace {

// Stands for all callers that are not remembered one by one.
constexpr char kOthers[] = "";

std::string UserKey(const std::string& user) { return absl::StrCat("user ", user); }

std::string WaitText(Duration wait) {
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(wait).count();
  if (ms < 1'000) return absl::StrCat(ms, " ms");
  return absl::StrCat((ms + 999) / 1'000, " s");
}

}  // namespace

CallLimiter::Caller& CallLimiter::Find(const std::string& key, MonoTime now) {
  if (const auto found = callers_.find(key); found != callers_.end()) return found->second;
  if (callers_.size() >= options_.callers_max) {
    for (auto it = callers_.begin(); it != callers_.end();) {
      const Caller& caller = it->second;
      const bool idle = caller.streams == 0 && caller.refused == 0 && caller.calls.IsFull(now) &&
                        caller.objects.IsFull(now);
      it = idle ? callers_.erase(it) : std::next(it);
    }
    if (callers_.size() >= options_.callers_max) return callers_[kOthers];
  }
  return callers_[key];
}

absl::Status CallLimiter::Take(const std::string& key, const std::string& who,
                               const TokenBucket::Rate& rate) {
  MutexLock lock(&mutex_);
  const MonoTime now = clock_.Mono();
  Caller& caller = Find(key, now);
  const std::optional<Duration> wait = caller.calls.Take(rate, now);
  if (!wait) return absl::OkStatus();
  ++caller.refused;
  return absl::ResourceExhaustedError(absl::StrCat("too many requests: ", who, " may make ",
                                                   rate.per_second, " a second; try again in ",
                                                   WaitText(*wait)));
}

absl::Status CallLimiter::TakeCall(const std::string& user) {
  return Take(UserKey(user), absl::StrCat("user \"", user, "\""), options_.calls);
}

absl::Status CallLimiter::TakeUnknownCall(const std::string& peer) {
  return Take(absl::StrCat("address ", PeerNetworkOf(peer)), "an address without a known user",
              options_.unknown_calls);
}

absl::Status CallLimiter::CheckObjects(const std::string& user) {
  MutexLock lock(&mutex_);
  const MonoTime now = clock_.Mono();
  Caller& caller = Find(UserKey(user), now);
  const std::optional<Duration> wait = caller.objects.Wait(options_.objects, now);
  if (!wait) return absl::OkStatus();
  ++caller.refused;
  return absl::ResourceExhaustedError(absl::StrCat(
      "too many new objects: user \"", user, "\" may make ", options_.objects.burst,
      " at once and as many again in a day (limits.objectsPerUser of the coordinator's settings); "
      "try again in ",
      WaitText(*wait)));
}

void CallLimiter::ChargeObjects(const std::string& user, int64_t count) {
  if (count == 0) return;
  MutexLock lock(&mutex_);
  const MonoTime now = clock_.Mono();
  Find(UserKey(user), now).objects.Charge(options_.objects, static_cast<double>(count), now);
}

absl::Status CallLimiter::TakeStream(const std::string& user) {
  MutexLock lock(&mutex_);
  Caller& caller = Find(UserKey(user), clock_.Mono());
  if (caller.streams < options_.streams_max) {
    ++caller.streams;
    return absl::OkStatus();
  }
  ++caller.refused;
  return absl::ResourceExhaustedError(
      absl::StrCat("too many open calls: user \"", user, "\" has ", caller.streams,
                   " watches, logs, execs and forwarded connections, and may have ",
                   options_.streams_max, "; end some, and try again"));
}

void CallLimiter::GiveStream(const std::string& user) {
  MutexLock lock(&mutex_);
  // One that came under another name, because there was no place left, is with the others.
  auto found = callers_.find(UserKey(user));
  if (found == callers_.end() || found->second.streams == 0) found = callers_.find(kOthers);
  if (found != callers_.end() && found->second.streams > 0) --found->second.streams;
}

int64_t CallLimiter::TakeRefused(const std::string& user) {
  MutexLock lock(&mutex_);
  const auto found = callers_.find(UserKey(user));
  return found == callers_.end() ? 0 : std::exchange(found->second.refused, 0);
}

}  // namespace muster::coordinator
