#include "coordinator/settings/guard_settings.h"

#include <chrono>

#include "absl/strings/str_cat.h"
#include "common/config/allow_list.h"
#include "common/model/host_reach.h"

namespace muster::coordinator {
namespace {

using namespace std::chrono_literals;

const std::vector<std::string> kLevels = {"privileged", "baseline", "restricted"};
const std::vector<std::string> kRequests = {"all", "changes"};
const std::vector<std::string> kWhenFull = {"continue", "refuse"};

void ReadAudit(ConfigSection section, AuditSettings& audit) {
  section.Read("enabled", audit.enabled);
  section.Read("directory", audit.directory);
  section.Read("maxSizeMiB", audit.file_mib, 1, 4'096);
  section.Read("maxFiles", audit.files, 2, 10'000);
  section.ReadChoice("requests", kRequests, audit.requests);
  section.ReadChoice("whenFull", kWhenFull, audit.when_full);
}

void ReadMayRun(ConfigSection section, MayRunSettings& may_run) {
  ConfigSection levels = section.Section("podSecurity");
  levels.ReadChoice("enforce", kLevels, may_run.enforce);
  levels.ReadChoice("warn", kLevels, may_run.warn);
  levels.ReadChoice("audit", kLevels, may_run.audit);
  ReadAllowList(section, "hostPaths", &model::BadHostPathPrefix, may_run.host_paths);
  ReadAllowList(section, "registries", &model::BadImageSource, may_run.registries);
}

void ReadLimits(ConfigSection section, LimitSettings& limits) {
  section.Read("requestsPerSecond", limits.requests_per_second, 1, 1'000'000);
  section.Read("requestBurst", limits.request_burst, 1, 1'000'000);
  section.Read("openCalls", limits.open_calls, 1, 1'000'000);
  section.Read("messageMiB", limits.message_mib, 4, 1'024);
  section.Read("readerWait", limits.reader_wait, 5s, 24h);
  section.Read("newConnections", limits.new_connections, 16, 1'000'000);
  section.Read("objects", limits.objects, 100, 100'000'000);
  section.Read("objectsPerNamespace", limits.objects_per_namespace, 10, 100'000'000);
  section.Read("objectsPerUser", limits.objects_per_user, 10, 100'000'000);
  section.Read("dataMiB", limits.data_mib, 16, 1'000'000);
  section.Read("dataPerNamespaceMiB", limits.data_per_namespace_mib, 1, 1'000'000);
}

}  // namespace

void ReadGuards(ConfigSection& root, GuardSettings& settings) {
  ReadAudit(root.Section("audit"), settings.audit);
  ReadMayRun(root.Section("mayRun"), settings.may_run);
  ReadLimits(root.Section("limits"), settings.limits);
}

absl::Status CheckGuards(const GuardSettings& settings) {
  const std::string& directory = settings.audit.directory;
  if (directory.empty() || directory.front() == '/') return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("audit.directory: \"", directory, "\" is no absolute path"));
}

std::vector<std::string> DifferentGuards(const GuardSettings& a, const GuardSettings& b) {
  std::vector<std::string> keys;
  if (a.audit != b.audit) keys.emplace_back("audit");
  if (a.may_run != b.may_run) keys.emplace_back("mayRun");
  if (a.limits != b.limits) keys.emplace_back("limits");
  return keys;
}

}  // namespace muster::coordinator
