#include "coordinator/table/describe_sections.h"

#include <algorithm>
#include <map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/model/labels.h"
#include "common/model/quantity.h"

namespace muster::coordinator {
namespace {

constexpr char kLastApplied[] = "kubectl.kubernetes.io/last-applied-configuration";
constexpr size_t kAnnotationLengthMax = 140;

std::string Shortened(const std::string& text, size_t length_max) {
  return text.size() > length_max ? text.substr(0, length_max) + "..." : text;
}

const char* TrueOrFalse(bool value) { return value ? "true" : "false"; }

// Lines of one key and value inside a volume.
void Line(std::string_view key, std::string_view value, std::string& out) {
  out += "    ";
  out += key;
  out += ":\t";
  out += value;
  out += '\n';
}

void DescribeDownwardItems(
    const google::protobuf::RepeatedPtrField<v1::DownwardAPIVolumeFile>& items, std::string& out) {
  out += "    Items:\n";
  for (const v1::DownwardAPIVolumeFile& item : items) {
    const std::string& from =
        item.has_field_ref() ? item.field_ref().field_path() : item.resource_field_ref().resource();
    absl::StrAppend(&out, "      ", from, " -> ", item.path(), "\n");
  }
}

void DescribeProjected(const v1::ProjectedVolumeSource& projected, std::string& out) {
  Line("Type", "Projected (a volume that contains injected data from multiple sources)", out);
  for (const v1::VolumeProjection& source : projected.sources()) {
    if (source.has_secret()) {
      Line("SecretName", source.secret().name(), out);
      Line("Optional", TrueOrFalse(source.secret().optional()), out);
    } else if (source.has_downward_api()) {
      Line("DownwardAPI", "true", out);
    } else if (source.has_config_map()) {
      Line("ConfigMapName", source.config_map().name(), out);
      Line("Optional", TrueOrFalse(source.config_map().optional()), out);
    }
  }
}

std::string SizeLimit(const v1::EmptyDirVolumeSource& empty_dir) {
  const absl::StatusOr<model::Quantity> limit =
      model::Quantity::Parse(empty_dir.size_limit().text());
  return limit.ok() && limit->sign() > 0 ? limit->ToString() : "<unset>";
}

void DescribeVolume(const v1::Volume& volume, std::string& out) {
  if (volume.has_host_path()) {
    Line("Type", "HostPath (bare host directory volume)", out);
    Line("Path", volume.host_path().path(), out);
    Line("HostPathType", volume.host_path().has_type() ? volume.host_path().type() : "<none>", out);
  } else if (volume.has_empty_dir()) {
    Line("Type", "EmptyDir (a temporary directory that shares a pod's lifetime)", out);
    Line("Medium", volume.empty_dir().medium(), out);
    Line("SizeLimit", SizeLimit(volume.empty_dir()), out);
  } else if (volume.has_secret()) {
    Line("Type", "Secret (a volume populated by a Secret)", out);
    Line("SecretName", volume.secret().secret_name(), out);
    Line("Optional", TrueOrFalse(volume.secret().optional()), out);
  } else if (volume.has_config_map()) {
    Line("Type", "ConfigMap (a volume populated by a ConfigMap)", out);
    Line("Name", volume.config_map().name(), out);
    Line("Optional", TrueOrFalse(volume.config_map().optional()), out);
  } else if (volume.has_downward_api()) {
    Line("Type", "DownwardAPI (a volume populated by information about the pod)", out);
    DescribeDownwardItems(volume.downward_api().items(), out);
  } else if (volume.has_projected()) {
    DescribeProjected(volume.projected(), out);
  } else {
    out += "  <unknown>\n";
  }
}

}  // namespace

void DescribeLabels(std::string_view title, const TextMap& labels, std::string& out) {
  out += title;
  out += ":\t";
  if (labels.empty()) {
    out += "<none>\n";
    return;
  }
  const std::map<std::string, std::string> sorted(labels.begin(), labels.end());
  out += absl::StrJoin(sorted, "\n\t", absl::PairFormatter("="));
  out += '\n';
}

void DescribeAnnotations(std::string_view title, const TextMap& annotations, std::string& out) {
  out += title;
  out += ":\t";
  std::map<std::string, std::string> sorted(annotations.begin(), annotations.end());
  sorted.erase(kLastApplied);
  if (sorted.empty()) {
    out += "<none>\n";
    return;
  }
  bool first = true;
  for (auto& [key, value] : sorted) {
    if (!first) out += '\t';
    first = false;
    if (value.ends_with('\n')) value.pop_back();
    const bool fits = key.size() + value.size() + 2 <= kAnnotationLengthMax;
    if (fits && value.find('\n') == std::string::npos) {
      absl::StrAppend(&out, key, ": ", value, "\n");
      continue;
    }
    absl::StrAppend(&out, key, ":\n");
    for (const std::string& line : std::vector<std::string>(absl::StrSplit(value, '\n'))) {
      absl::StrAppend(&out, "\t  ", Shortened(line, kAnnotationLengthMax - 2), "\n");
    }
  }
}

void DescribeTolerations(std::string_view title,
                         const google::protobuf::RepeatedPtrField<v1::Toleration>& tolerations,
                         std::string& out) {
  out += title;
  out += ":\t";
  if (tolerations.empty()) {
    out += "<none>\n";
    return;
  }
  std::vector<v1::Toleration> sorted(tolerations.begin(), tolerations.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.key() < b.key(); });
  for (size_t i = 0; i < sorted.size(); ++i) {
    const v1::Toleration& toleration = sorted[i];
    std::string text = toleration.key();
    if (!toleration.value().empty()) absl::StrAppend(&text, "=", toleration.value());
    if (!toleration.effect().empty()) absl::StrAppend(&text, ":", toleration.effect());
    if (toleration.operator_() == "Exists" && toleration.value().empty()) {
      text += text.empty() ? "op=Exists" : " op=Exists";
    }
    if (toleration.has_toleration_seconds()) {
      absl::StrAppend(&text, " for ", toleration.toleration_seconds(), "s");
    }
    absl::StrAppend(&out, i == 0 ? "" : "\t", text, "\n");
  }
}

void DescribeSpreadConstraints(
    const google::protobuf::RepeatedPtrField<v1::TopologySpreadConstraint>& constraints,
    std::string_view indent, std::string& out) {
  if (constraints.empty()) return;
  std::vector<v1::TopologySpreadConstraint> sorted(constraints.begin(), constraints.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
    return a.topology_key() < b.topology_key();
  });
  for (size_t i = 0; i < sorted.size(); ++i) {
    const v1::TopologySpreadConstraint& constraint = sorted[i];
    out += indent;
    if (i == 0) out += "Topology Spread Constraints:";
    absl::StrAppend(&out, "\t", constraint.topology_key(), ":", constraint.when_unsatisfiable(),
                    " when max skew ", constraint.max_skew(), " is exceeded");
    if (constraint.has_label_selector()) {
      absl::StrAppend(&out, " for selector ",
                      model::FormatLabelSelector(constraint.label_selector()));
    }
    out += '\n';
  }
}

void DescribeVolumes(const google::protobuf::RepeatedPtrField<v1::Volume>& volumes,
                     std::string_view indent, std::string& out) {
  out += indent;
  if (volumes.empty()) {
    out += "Volumes:\t<none>\n";
    return;
  }
  out += "Volumes:\n";
  for (const v1::Volume& volume : volumes) {
    absl::StrAppend(&out, indent.empty() ? "  " : "   ", volume.name(), ":\n");
    DescribeVolume(volume, out);
  }
}

void DescribePodTemplate(const v1::PodTemplateSpec& pod_template, std::string& out) {
  const v1::PodSpec& spec = pod_template.spec();
  const std::string_view indent = "  ";
  out += "Pod Template:\n";
  DescribeLabels("  Labels", pod_template.metadata().labels(), out);
  if (!pod_template.metadata().annotations().empty()) {
    DescribeAnnotations("  Annotations", pod_template.metadata().annotations(), out);
  }
  if (!spec.service_account_name().empty()) {
    absl::StrAppend(&out, "  Service Account:\t", spec.service_account_name(), "\n");
  }
  if (!spec.init_containers().empty()) {
    DescribeContainers("Init Containers", spec.init_containers(), {}, nullptr, indent, out);
  }
  DescribeContainers("Containers", spec.containers(), {}, nullptr, indent, out);
  DescribeVolumes(spec.volumes(), indent, out);
  DescribeSpreadConstraints(spec.topology_spread_constraints(), indent, out);
  if (!spec.priority_class_name().empty()) {
    absl::StrAppend(&out, "  Priority Class Name:\t", spec.priority_class_name(), "\n");
  }
  DescribeLabels("  Node-Selectors", spec.node_selector(), out);
  DescribeTolerations("  Tolerations", spec.tolerations(), out);
}

}  // namespace muster::coordinator
