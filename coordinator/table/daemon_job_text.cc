#include "coordinator/table/daemon_job_text.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/model/int_or_string.h"
#include "common/model/labels.h"
#include "coordinator/table/age.h"
#include "coordinator/table/describe_sections.h"

namespace muster::coordinator {
namespace {

const v1::DaemonJobCondition* TrueCondition(const v1::DaemonJob& job, std::string_view type) {
  for (const v1::DaemonJobCondition& condition : job.status().conditions()) {
    if (condition.type() == type && condition.status() == "True") return &condition;
  }
  return nullptr;
}

std::string StatusText(const v1::DaemonJob& job) {
  for (const char* type : {"Complete", "Failed"}) {
    if (TrueCondition(job, type) != nullptr) return type;
  }
  if (job.metadata().has_deletion_timestamp()) return "Terminating";
  return TrueCondition(job, "Suspended") != nullptr ? "Suspended" : "Running";
}

// From its start to its end, or until now.
std::string DurationText(const v1::DaemonJob& job, WallTime now) {
  const v1::DaemonJobStatus& status = job.status();
  if (!status.has_start_time()) return "";
  int64_t end = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
  if (status.has_completion_time()) {
    end = status.completion_time().seconds();
  } else if (const v1::DaemonJobCondition* failed = TrueCondition(job, "Failed")) {
    end = failed->last_transition_time().seconds();
  }
  return HumanAge(std::chrono::seconds(std::max<int64_t>(0, end - status.start_time().seconds())));
}

std::string OrNone(const std::string& text) { return text.empty() ? "<none>" : text; }

// The first line of a text that may have many.
std::string FirstLine(const std::string& text) { return text.substr(0, text.find('\n')); }

void DescribeNodes(const v1::DaemonJobStatus& status, std::string& out) {
  if (status.nodes().empty()) return;
  out += "Nodes:\n  Node\tOutcome\tFailures\tExit Code\tReason\tMessage\n";
  out += "  ----\t-------\t--------\t---------\t------\t-------\n";
  for (const v1::DaemonJobNode& node : status.nodes()) {
    const bool failing = node.outcome() != "Succeeded";
    absl::StrAppend(&out, "  ", node.node(), "\t",
                    node.outcome().empty() ? "Retrying" : node.outcome(), "\t", node.failures(),
                    "\t", node.has_exit_code() ? absl::StrCat(node.exit_code()) : "<none>", "\t",
                    OrNone(node.reason()), "\t",
                    failing ? OrNone(FirstLine(node.message())) : "<none>", "\n");
  }
}

}  // namespace

const std::vector<std::string> kDaemonJobColumns = {"NAME",   "STATUS",   "COMPLETIONS", "ACTIVE",
                                                    "FAILED", "DURATION", "AGE"};
const std::vector<std::string> kDaemonJobWideColumns = {"NODE SELECTOR", "CONTAINERS", "IMAGES"};

std::vector<std::string> DaemonJobCells(const v1::DaemonJob& job, WallTime now) {
  const v1::DaemonJobStatus& status = job.status();
  std::vector<std::string> names, images;
  for (const v1::Container& container : job.spec().template_().spec().containers()) {
    names.push_back(container.name());
    images.push_back(container.image());
  }
  return {job.metadata().name(),
          StatusText(job),
          absl::StrCat(status.succeeded(), "/", status.desired()),
          absl::StrCat(status.active()),
          absl::StrCat(status.failed()),
          DurationText(job, now),
          AgeOf(job.metadata().creation_timestamp(), now),
          model::FormatLabels(job.spec().template_().spec().node_selector()),
          absl::StrJoin(names, ","),
          absl::StrJoin(images, ",")};
}

void DescribeDaemonJob(const v1::DaemonJob& job, WallTime now, std::string& out) {
  const v1::ObjectMeta& metadata = job.metadata();
  const v1::DaemonJobSpec& spec = job.spec();
  const v1::DaemonJobStatus& status = job.status();
  absl::StrAppend(&out, "Name:\t", metadata.name(), "\n");
  absl::StrAppend(&out, "Namespace:\t", metadata.namespace_(), "\n");
  absl::StrAppend(&out, "Node-Selector:\t",
                  model::FormatLabels(spec.template_().spec().node_selector()), "\n");
  DescribeLabels("Labels", metadata.labels(), out);
  DescribeAnnotations("Annotations", metadata.annotations(), out);
  absl::StrAppend(&out, "Parallelism:\t", model::ToText(spec.parallelism()), "\n");
  absl::StrAppend(&out, "Backoff Limit:\t", spec.backoff_limit(), "\n");
  if (spec.has_ttl_seconds_after_finished()) {
    absl::StrAppend(&out, "TTL After Finished:\t", spec.ttl_seconds_after_finished(), "s\n");
  }
  absl::StrAppend(&out, "Suspend:\t", spec.suspend() ? "true" : "false", "\n");
  if (status.has_start_time()) {
    absl::StrAppend(&out, "Start Time:\t", FullTime(status.start_time()), "\n");
  }
  if (status.has_completion_time()) {
    absl::StrAppend(&out, "Completed At:\t", FullTime(status.completion_time()), "\n");
  }
  if (const std::string duration = DurationText(job, now); !duration.empty()) {
    absl::StrAppend(&out, "Duration:\t", duration, "\n");
  }
  absl::StrAppend(&out, "Nodes Statuses:\t", status.active(), " Active / ", status.succeeded(),
                  " Succeeded / ", status.failed(), " Failed / ", status.desired(), " Desired\n");
  DescribePodTemplate(spec.template_(), out);
  if (!status.conditions().empty()) {
    out += "Conditions:\n  Type\tStatus\tReason\tMessage\n  ----\t------\t------\t-------\n";
    for (const v1::DaemonJobCondition& condition : status.conditions()) {
      absl::StrAppend(&out, "  ", condition.type(), "\t", condition.status(), "\t",
                      condition.reason(), "\t", OrNone(condition.message()), "\n");
    }
  }
  DescribeNodes(status, out);
}

}  // namespace muster::coordinator
