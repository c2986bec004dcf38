#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "coordinator/admission/may_run.h"
#include "coordinator/api/admin_call.h"
#include "coordinator/audit/audit_log.h"
#include "coordinator/limits/call_limiter.h"
#include "coordinator/quota/object_census.h"
#include "coordinator/settings/settings.h"

namespace muster::coordinator {

// What stands around the calls of a coordinator, as its settings say it.
class Guards {
 public:
  // Opens the audit log, if there is to be one.
  static absl::StatusOr<std::unique_ptr<Guards>> Create(const Settings& settings,
                                                        const Clock& clock);

  CallGuards ForCalls() { return {audit_.get(), &limiter_, &live_, &clock_, reader_wait_}; }
  LiveCalls& live() { return live_; }
  // A host that joins, or tries to.
  void RememberEnrolment(const std::string& token, const std::string& node, const std::string& from,
                         const absl::Status& status);

 private:
  Guards(const LimitSettings& limits, const Clock& clock);

  const Clock& clock_;
  const Duration reader_wait_;
  std::unique_ptr<AuditLog> audit_;  // Null: there is none.
  CallLimiter limiter_;
  LiveCalls live_;
};

ObjectCensus::Limits CensusLimitsOf(const LimitSettings& settings);
RunRules RulesOf(const MayRunSettings& settings);

}  // namespace muster::coordinator
