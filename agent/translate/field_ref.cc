#include "agent/translate/field_ref.h"

#include <cstdint>
#include <cstdio>
#include <map>
#include <optional>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "common/base/macros.h"
#include "common/model/quantity.h"

namespace muster::agent {
namespace {

using TextMap = google::protobuf::Map<std::string, std::string>;

// A double-quoted text as Go's strconv.Quote prints it: what readers of these files parse.
std::string Quoted(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    switch (c) {
      case '"':
        result += "\\\"";
        break;
      case '\\':
        result += "\\\\";
        break;
      case '\a':
        result += "\\a";
        break;
      case '\b':
        result += "\\b";
        break;
      case '\f':
        result += "\\f";
        break;
      case '\n':
        result += "\\n";
        break;
      case '\r':
        result += "\\r";
        break;
      case '\t':
        result += "\\t";
        break;
      case '\v':
        result += "\\v";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
          char escaped[8];
          std::snprintf(escaped, sizeof escaped, "\\x%02x", static_cast<unsigned char>(c));
          result += escaped;
        } else {
          result += c;
        }
    }
  }
  return result + '"';
}

std::string Lines(const TextMap& entries) {
  const std::map<std::string, std::string> sorted(entries.begin(), entries.end());
  return absl::StrJoin(sorted, "\n", [](std::string* out, const auto& entry) {
    absl::StrAppend(out, entry.first, "=", Quoted(entry.second));
  });
}

// The k of PREFIX['k'].
std::optional<std::string> Subscript(std::string_view path, std::string_view prefix) {
  absl::string_view rest(path.data(), path.size());
  if (!absl::ConsumePrefix(&rest, absl::string_view(prefix.data(), prefix.size()))) {
    return std::nullopt;
  }
  if (!absl::ConsumePrefix(&rest, "['") || !absl::ConsumeSuffix(&rest, "']")) return std::nullopt;
  return std::string(rest);
}

std::string ValueOrEmpty(const TextMap& entries, const std::string& key) {
  const auto found = entries.find(key);
  return found == entries.end() ? "" : found->second;
}

const v1::Container* FindContainer(const v1::Pod& pod, const std::string& name) {
  for (const v1::Container& container : pod.spec().containers()) {
    if (container.name() == name) return &container;
  }
  for (const v1::Container& container : pod.spec().init_containers()) {
    if (container.name() == name) return &container;
  }
  return nullptr;
}

}  // namespace

absl::StatusOr<std::string> FieldRefValue(const v1::Pod& pod, const std::string& field_path,
                                          const std::vector<std::string>& pod_ips,
                                          const NodeContext& node) {
  const v1::ObjectMeta& meta = pod.metadata();
  if (field_path == "metadata.name") return meta.name();
  if (field_path == "metadata.namespace") return meta.namespace_();
  if (field_path == "metadata.uid") return meta.uid();
  if (field_path == "metadata.labels") return Lines(meta.labels());
  if (field_path == "metadata.annotations") return Lines(meta.annotations());
  if (auto key = Subscript(field_path, "metadata.labels")) return ValueOrEmpty(meta.labels(), *key);
  if (auto key = Subscript(field_path, "metadata.annotations")) {
    return ValueOrEmpty(meta.annotations(), *key);
  }
  if (field_path == "spec.nodeName") return node.node_name;
  if (field_path == "spec.serviceAccountName") return pod.spec().service_account_name();
  if (field_path == "status.hostIP") {
    return node.host_ips.empty() ? std::string() : node.host_ips.front();
  }
  if (field_path == "status.hostIPs") return absl::StrJoin(node.host_ips, ",");
  if (field_path == "status.podIP") return pod_ips.empty() ? std::string() : pod_ips.front();
  if (field_path == "status.podIPs") return absl::StrJoin(pod_ips, ",");
  return absl::InvalidArgumentError(absl::StrCat("unsupported fieldPath: ", field_path));
}

absl::StatusOr<std::string> ResourceFieldRefValue(const v1::Pod& pod,
                                                  const v1::ResourceFieldSelector& selector,
                                                  const std::string& default_container,
                                                  const NodeContext& node) {
  const std::string& name =
      selector.container_name().empty() ? default_container : selector.container_name();
  const v1::Container* container = FindContainer(pod, name);
  if (container == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("container ", name, " not found"));
  }
  absl::string_view resource = selector.resource();
  const bool is_limit = absl::ConsumePrefix(&resource, "limits.");
  if (!is_limit && !absl::ConsumePrefix(&resource, "requests.")) {
    return absl::InvalidArgumentError(
        absl::StrCat("unsupported container resource: ", selector.resource()));
  }
  const std::string key(resource);
  const auto& amounts =
      is_limit ? container->resources().limits() : container->resources().requests();
  v1::Quantity amount;
  if (const auto found = amounts.find(key); found != amounts.end()) {
    amount = found->second;
  } else if (const auto all = node.allocatable.find(key);
             is_limit && all != node.allocatable.end()) {
    amount = all->second;
  } else {
    amount.set_text("0");
  }
  MUSTER_ASSIGN_OR_RETURN(const model::Quantity value, model::Quantity::Parse(amount.text()));
  const std::string divisor_text =
      selector.divisor().text().empty() || selector.divisor().text() == "0"
          ? "1"
          : selector.divisor().text();
  MUSTER_ASSIGN_OR_RETURN(const model::Quantity divisor, model::Quantity::Parse(divisor_text));
  // CPUs are the only resource asked for in fractions; memory in thousandths of a byte would
  // overflow.
  const bool in_milli = key == "cpu";
  const int64_t dividend = in_milli ? value.MilliValue() : value.Value();
  const int64_t by = in_milli ? divisor.MilliValue() : divisor.Value();
  if (by <= 0) {
    return absl::InvalidArgumentError(absl::StrCat("divisor of ", selector.resource(),
                                                   " must be positive, found ", divisor_text));
  }
  return absl::StrCat(dividend / by + (dividend % by > 0 ? 1 : 0));
}

}  // namespace muster::agent
