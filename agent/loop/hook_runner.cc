#include "agent/loop/hook_runner.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/probe/probe_answer.h"
#include "agent/workload/handler_call.h"

namespace muster::agent {
namespace {

using std::chrono::seconds;

// Of a request that nothing else bounds.
constexpr seconds kRequestMax{120};

absl::Status StatusOfExec(const absl::StatusOr<ExecResult>& result) {
  if (!result.ok()) return result.status();
  if (result->exit_code == 0) return absl::OkStatus();
  const std::string said = CleanText(absl::StrCat(result->stdout_text, result->stderr_text), 512);
  return absl::AbortedError(absl::StrCat("the command of the hook exited with ", result->exit_code,
                                         said.empty() ? "" : ": ", said));
}

}  // namespace

HookRunner::HookRunner(const Clock& clock, Runtime& runtime, Prober& prober,
                       std::shared_ptr<NodeInbox> inbox)
    : clock_(clock), runtime_(runtime), prober_(prober), inbox_(std::move(inbox)) {}

HookRunner::~HookRunner() { *alive_ = false; }

void HookRunner::Post(Done done, absl::Status status) const {
  inbox_->Post(
      std::function<void()>([alive = alive_, done = std::move(done), status = std::move(status)] {
        if (*alive) done(status);
      }));
}

void HookRunner::Run(const v1::LifecycleHandler& hook, const v1::Container& container,
                     const std::string& container_id, const std::string& pod_ip,
                     std::optional<Duration> limit, Done done) {
  const absl::StatusOr<HandlerCall> call = CallOfHook(hook, container, pod_ip);
  if (!call.ok()) return Post(std::move(done), call.status());
  const auto answer = [inbox = inbox_, alive = alive_, done](const absl::Status& status) {
    inbox->Post(std::function<void()>([alive, done, status] {
      if (*alive) done(status);
    }));
  };
  if (const auto* exec = std::get_if<ExecCall>(&*call)) {
    // Without a timeout of its own: whoever limits it ends the container.
    runtime_.ExecSync(
        container_id, exec->command, seconds(0),
        [answer](const absl::StatusOr<ExecResult>& result) { answer(StatusOfExec(result)); });
  } else if (const auto* http = std::get_if<HttpCall>(&*call)) {
    prober_.Ask(*http, limit.value_or(kRequestMax), [answer](const ProbeAnswer& said) {
      const bool good =
          said.kind == ProbeAnswer::Kind::kSuccess || said.kind == ProbeAnswer::Kind::kWarning;
      answer(good ? absl::OkStatus() : absl::AbortedError(said.output));
    });
  } else if (const auto* sleep = std::get_if<SleepCall>(&*call)) {
    Duration time = sleep->time;
    if (limit) time = std::min(time, *limit);
    sleeps_.push_back(
        {clock_.Mono() + std::chrono::duration_cast<MonoTime::duration>(time), std::move(done)});
    // So that somebody asks when to wake up.
    inbox_->Post(std::function<void()>([] {}));
  }
}

std::optional<MonoTime> HookRunner::Step(MonoTime now) {
  std::optional<MonoTime> wake;
  std::vector<Sleep> over;
  std::erase_if(sleeps_, [&](Sleep& sleep) {
    if (sleep.until <= now) {
      over.push_back(std::move(sleep));
      return true;
    }
    if (!wake || sleep.until < *wake) wake = sleep.until;
    return false;
  });
  for (Sleep& sleep : over) Post(std::move(sleep.done), absl::OkStatus());
  return wake;
}

}  // namespace muster::agent
