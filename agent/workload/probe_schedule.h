#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "agent/probe/prober.h"
#include "common/base/clock.h"
#include "muster/v1/container.pb.h"

namespace muster::agent {

enum class ProbeKind { kStartup, kLiveness, kReadiness };
enum class ProbeVerdict { kUnknown, kSuccess, kFailure };

// "Startup", "Liveness", "Readiness", as messages begin.
const char* NameOf(ProbeKind kind);

// The numbers of a probe, with Kubernetes' defaults for those not set.
struct ProbeTiming {
  std::chrono::seconds initial_delay{0}, period{10}, timeout{1};
  int success_threshold = 1, failure_threshold = 3;
};
ProbeTiming TimingOf(const v1::Probe& probe);

// When one probe of one container is to be tried, and what its answers come to (Kubernetes:
// kubelet's prober worker).
//
// The first attempt is made as soon as the container has run for the initial delay, then one every
// period, on whole seconds of our clock, so that the probes of a node wake it together. A verdict
// is published when so many answers in a row agree; answers that say nothing do not count, but are
// asked for again at once, twice. A startup probe ends with its verdict, and until it has succeeded
// the other two wait. A liveness probe that failed is silent until a new instance comes.
//
// A plain value without a clock.
class ProbeSchedule {
 public:
  // The container's newest instance.
  struct Subject {
    std::string id;  // Empty: there is none.
    bool running = false;
    MonoTime started_at{};
    bool startup_done = true;  // Its startup probe succeeded, or there is none.
  };

  ProbeSchedule(ProbeKind kind, const ProbeTiming& timing) : kind_(kind), timing_(timing) {}

  // How the container is now. Another id starts over, with readiness not there yet and liveness
  // assumed.
  void See(const Subject& subject, MonoTime now);

  // Of an instance that an earlier agent looked after: it stays at that verdict until answers say
  // otherwise, and is first asked at `first_at`. Call it after See.
  void CarryOver(ProbeVerdict verdict, MonoTime first_at);

  // When to ask next; nullopt: not before See or End.
  std::optional<MonoTime> due() const;

  // It is asked now.
  void Begin(MonoTime now);
  // What came of asking that instance. True when the verdict changed.
  bool End(const std::string& id, ProbeAnswer::Kind answer);

  ProbeVerdict verdict() const { return verdict_; }
  ProbeKind kind() const { return kind_; }
  const ProbeTiming& timing() const { return timing_; }
  const std::string& id() const { return subject_.id; }

 private:
  MonoTime NextTick(MonoTime after, MonoTime now) const;

  ProbeKind kind_;
  ProbeTiming timing_;
  Subject subject_;
  ProbeVerdict verdict_ = ProbeVerdict::kUnknown;
  bool over_ = false;  // Nothing more is to be found out about this instance.
  bool asking_ = false;
  int vain_tries_ = 0;  // Answers in a row, within one tick, that said nothing.
  bool again_at_once_ = false;
  MonoTime next_{};
  std::optional<bool> last_;  // The newest answer that counts,
  int in_a_row_ = 0;          // and how many agree.
};

}  // namespace muster::agent
