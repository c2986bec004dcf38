#include "agent/workload/probe_schedule.h"

#include <algorithm>

namespace muster::agent {
namespace {

using std::chrono::seconds;

// Kubernetes: maxProbeRetries.
constexpr int kTriesPerTick = 3;

int OrDefault(int value, int when_unset) { return value > 0 ? value : when_unset; }

MonoTime ToWholeSecond(MonoTime time) {
  return MonoTime(std::chrono::round<seconds>(time.time_since_epoch()));
}

}  // namespace

const char* NameOf(ProbeKind kind) {
  switch (kind) {
    case ProbeKind::kStartup:
      return "Startup";
    case ProbeKind::kLiveness:
      return "Liveness";
    case ProbeKind::kReadiness:
      break;
  }
  return "Readiness";
}

ProbeTiming TimingOf(const v1::Probe& probe) {
  return {seconds(std::max(0, probe.initial_delay_seconds())),
          seconds(OrDefault(probe.period_seconds(), 10)),
          seconds(OrDefault(probe.timeout_seconds(), 1)), OrDefault(probe.success_threshold(), 1),
          OrDefault(probe.failure_threshold(), 3)};
}

void ProbeSchedule::See(const Subject& subject, MonoTime now) {
  const bool startup_over = subject.startup_done && !subject_.startup_done;
  const bool new_instance = subject.id != subject_.id;
  subject_ = subject;
  if (new_instance) {
    verdict_ = kind_ == ProbeKind::kReadiness  ? ProbeVerdict::kFailure
               : kind_ == ProbeKind::kLiveness ? ProbeVerdict::kSuccess
                                               : ProbeVerdict::kUnknown;
    over_ = asking_ = again_at_once_ = false;
    last_.reset();
    in_a_row_ = 0;
    next_ = std::max(now, subject.started_at + timing_.initial_delay);
  } else if (startup_over && next_ < now) {
    // Whoever waits for it to be ready has waited long enough.
    next_ = kind_ == ProbeKind::kReadiness ? now : NextTick(next_, now);
  }
  if (!subject.id.empty() && !subject.running) verdict_ = ProbeVerdict::kFailure;
}

void ProbeSchedule::CarryOver(ProbeVerdict verdict, MonoTime first_at) {
  if (!subject_.running) return;
  verdict_ = verdict;
  over_ = kind_ == ProbeKind::kStartup && verdict == ProbeVerdict::kSuccess;
  next_ = std::max(next_, first_at);
}

std::optional<MonoTime> ProbeSchedule::due() const {
  const bool waits_for_startup = kind_ != ProbeKind::kStartup && !subject_.startup_done;
  if (!subject_.running || over_ || asking_ || waits_for_startup) return std::nullopt;
  return again_at_once_ ? MonoTime() : next_;
}

MonoTime ProbeSchedule::NextTick(MonoTime after, MonoTime now) const {
  const auto missed = std::max<int64_t>(0, (now - after) / timing_.period);
  const MonoTime tick = ToWholeSecond(after + (missed + 1) * timing_.period);
  return tick > now ? tick : tick + timing_.period;
}

void ProbeSchedule::Begin(MonoTime now) {
  asking_ = true;
  if (again_at_once_) {
    again_at_once_ = false;
    return;
  }
  vain_tries_ = 0;
  next_ = NextTick(next_, now);
}

bool ProbeSchedule::End(const std::string& id, ProbeAnswer::Kind answer) {
  if (id != subject_.id || !asking_) return false;
  asking_ = false;
  if (!subject_.running || over_) return false;
  if (answer == ProbeAnswer::Kind::kError) {
    again_at_once_ = ++vain_tries_ < kTriesPerTick;
    return false;
  }
  const bool good = answer != ProbeAnswer::Kind::kFailure;
  in_a_row_ = last_ == good ? in_a_row_ + 1 : 1;
  last_ = good;
  if (in_a_row_ < (good ? timing_.success_threshold : timing_.failure_threshold)) return false;
  const ProbeVerdict before = verdict_;
  verdict_ = good ? ProbeVerdict::kSuccess : ProbeVerdict::kFailure;
  over_ = kind_ == ProbeKind::kStartup || (kind_ == ProbeKind::kLiveness && !good);
  return verdict_ != before;
}

}  // namespace muster::agent
