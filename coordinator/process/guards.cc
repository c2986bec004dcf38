#include "coordinator/process/guards.h"

#include <utility>

#include "common/base/macros.h"
#include "common/version/version.h"

namespace muster::coordinator {
namespace {

AuditLog::Options AuditOptionsOf(const Settings& settings) {
  const AuditSettings& audit = settings.guards.audit;
  AuditLog::Options options;
  options.files.directory =
      audit.directory.empty() ? settings.state_dir + "/audit" : audit.directory;
  options.files.bytes_max = audit.file_mib << 20;
  options.files.files_max = static_cast<int>(audit.files);
  options.refuse = audit.when_full == "refuse";
  options.changes_only = audit.requests == "changes";
  return options;
}

CallLimiter::Options LimitsOf(const LimitSettings& settings) {
  CallLimiter::Options options;
  options.calls = {static_cast<double>(settings.requests_per_second),
                   static_cast<double>(settings.request_burst)};
  options.streams_max = settings.open_calls;
  const auto objects = static_cast<double>(settings.objects_per_user);
  options.objects = {objects / (24 * 60 * 60), objects};
  return options;
}

constexpr size_t kMessageMax = 512;

}  // namespace

Guards::Guards(const LimitSettings& limits, const Clock& clock)
    : clock_(clock), reader_wait_(limits.reader_wait), limiter_(clock, LimitsOf(limits)) {}

absl::StatusOr<std::unique_ptr<Guards>> Guards::Create(const Settings& settings,
                                                       const Clock& clock) {
  std::unique_ptr<Guards> guards(new Guards(settings.guards.limits, clock));
  if (settings.guards.audit.enabled) {
    MUSTER_ASSIGN_OR_RETURN(guards->audit_,
                            AuditLog::Open(AuditOptionsOf(settings), clock, Version()));
  }
  return guards;
}

void Guards::RememberEnrolment(const std::string& token, const std::string& node,
                               const std::string& from, const absl::Status& status) {
  if (audit_ == nullptr) return;
  AuditRecord record;
  // Its name alone, and only when it has the form of one: what somebody sends here may be anything.
  const std::string id = token.substr(0, token.find('.'));
  if (id.size() < token.size() && id.size() <= 32) record.user = "token:" + id;
  record.from = from;
  record.rpc = "Enrol";
  record.objects = {{"create", "nodes", "", node.substr(0, 256)}};
  record.allowed = status.ok();
  record.code = status.code();
  // It has words of the request in it.
  if (!status.ok()) record.message = std::string(status.message().substr(0, kMessageMax));
  audit_->Write(std::move(record));
}

ObjectCensus::Limits CensusLimitsOf(const LimitSettings& settings) {
  ObjectCensus::Limits limits;
  limits.objects = settings.objects;
  limits.objects_per_namespace = settings.objects_per_namespace;
  limits.bytes = settings.data_mib << 20;
  limits.bytes_per_namespace = settings.data_per_namespace_mib << 20;
  return limits;
}

RunRules RulesOf(const MayRunSettings& settings) {
  const auto level = [](const std::string& name) {
    return PodSecurityLevelNamed(name).value_or(PodSecurityLevel::kRestricted);
  };
  RunRules rules;
  rules.pod_security = {level(settings.enforce), level(settings.warn), level(settings.audit)};
  rules.host_paths = settings.host_paths;
  rules.registries = settings.registries;
  return rules;
}

}  // namespace muster::coordinator
