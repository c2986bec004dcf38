#include "agent/enrol/join_request.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/host/linux_host.h"
#include "common/model/names.h"
#include "common/model/taints.h"

namespace muster::agent {
namespace {

constexpr char kOsLabel[] = "kubernetes.io/os";
constexpr char kArchitectureLabel[] = "kubernetes.io/arch";
constexpr size_t kHashHexLength = 64;

using Problems = std::vector<std::string>;

void Append(Problems& problems, const std::string& what, const model::NameProblems& found) {
  for (const std::string& problem : found) problems.push_back(absl::StrCat(what, ": ", problem));
}

void CheckPlainFlags(const JoinFlags& flags, Problems& problems) {
  const size_t colon = flags.coordinator.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == flags.coordinator.size()) {
    problems.push_back(absl::StrCat("coordinator \"", flags.coordinator,
                                    "\": expected HOST:PORT, such as 10.0.0.1:7440"));
  }
  const size_t dot = flags.token.find('.');
  if (dot == std::string::npos || dot == 0 || dot + 1 == flags.token.size()) {
    // Not shown: half a secret does not belong in a log either.
    problems.push_back("--token: expected ID.SECRET as \"musterctl token create\" prints it");
  }
  const std::string_view prefix = "sha256:";
  const std::string hex = flags.ca_hash.substr(std::min(prefix.size(), flags.ca_hash.size()));
  if (!absl::StartsWith(flags.ca_hash, "sha256:") || hex.size() != kHashHexLength ||
      hex.find_first_not_of("0123456789abcdef") != std::string::npos) {
    problems.push_back(absl::StrCat("--ca-hash \"", flags.ca_hash,
                                    "\": expected sha256: and 64 hexadecimal digits"));
  }
}

void ParseLabel(const std::string& text, JoinRequest& request, Problems& problems) {
  const std::string what = absl::StrCat("--label \"", text, "\"");
  const size_t equals = text.find('=');
  if (equals == std::string::npos) {
    problems.push_back(absl::StrCat(what, ": expected KEY=VALUE"));
    return;
  }
  const std::string key = text.substr(0, equals), value = text.substr(equals + 1);
  Append(problems, what, model::CheckQualifiedName(key));
  Append(problems, what, model::CheckLabelValue(value));
  if (!request.labels.emplace(key, value).second) {
    problems.push_back(absl::StrCat(what, ": the label ", key, " is given twice"));
  }
}

void ParseTaint(const std::string& text, JoinRequest& request, Problems& problems) {
  const std::string what = absl::StrCat("--taint \"", text, "\"");
  const size_t colon = text.rfind(':');
  const std::string effect = colon == std::string::npos ? "" : text.substr(colon + 1);
  if (effect != model::kNoSchedule && effect != model::kPreferNoSchedule &&
      effect != model::kNoExecute) {
    problems.push_back(absl::StrCat(what,
                                    ": expected KEY[=VALUE]:EFFECT with the effect NoSchedule, "
                                    "PreferNoSchedule or NoExecute"));
    return;
  }
  const std::string front = text.substr(0, colon);
  const size_t equals = front.find('=');
  v1::Taint& taint = request.taints.emplace_back();
  taint.set_key(front.substr(0, equals));
  if (equals != std::string::npos) taint.set_value(front.substr(equals + 1));
  taint.set_effect(effect);
  Append(problems, what, model::CheckQualifiedName(taint.key()));
  Append(problems, what, model::CheckLabelValue(taint.value()));
}

}  // namespace

absl::StatusOr<JoinRequest> MakeJoinRequest(const JoinFlags& flags, const std::string& host_name,
                                            const std::string& machine) {
  JoinRequest request;
  Problems problems;
  CheckPlainFlags(flags, problems);
  const bool given = !flags.node_name.empty();
  request.node_name = given ? flags.node_name : absl::AsciiStrToLower(host_name);
  Append(problems,
         given ? absl::StrCat("--node-name \"", request.node_name, "\"")
               : absl::StrCat("the host's name \"", request.node_name,
                              "\" cannot be a node's, give one with --node-name"),
         model::CheckDnsSubdomain(request.node_name));
  for (const std::string& label : flags.labels) ParseLabel(label, request, problems);
  for (const std::string& taint : flags.taints) ParseTaint(taint, request, problems);
  request.labels.emplace(kOsLabel, "linux");
  request.labels.emplace(kArchitectureLabel, ArchitectureName(machine));
  if (problems.empty()) return request;
  return absl::InvalidArgumentError(absl::StrJoin(problems, "\n"));
}

}  // namespace muster::agent
