#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/report/node_report.h"
#include "common/model/human_age.h"

namespace muster::agent {
namespace {

constexpr size_t kGap = 3;
constexpr size_t kMessageMax = 160;

// Rows whose columns are as wide as their widest cell; the last one as it is.
class Columns {
 public:
  explicit Columns(std::vector<std::string> heads) { Add(std::move(heads)); }
  void Add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  bool empty() const { return rows_.size() == 1; }

  std::string Text() const {
    std::vector<size_t> widths(rows_.front().size());
    for (const auto& row : rows_) {
      for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    }
    std::string text;
    for (const auto& row : rows_) {
      for (size_t i = 0; i < row.size(); ++i) {
        text += row[i];
        if (i + 1 < row.size()) text.append(widths[i] - row[i].size() + kGap, ' ');
      }
      text += '\n';
    }
    return text;
  }

 private:
  std::vector<std::vector<std::string>> rows_;
};

// One line, not too long: what a runtime says may be many.
std::string OneLine(std::string text) {
  for (char& c : text) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) c = ' ';
  }
  if (text.size() > kMessageMax) text = absl::StrCat(text.substr(0, kMessageMax - 3), "...");
  return text;
}

std::string OrNone(std::string text) { return text.empty() ? "<none>" : text; }

std::string AgeAt(WallTime time, WallTime now) {
  return time == WallTime() ? "<unknown>" : model::HumanAge(now - time);
}

std::string RestartsOf(const NodeReport::Container& container, WallTime now) {
  if (container.restarts == 0 || !container.last_end) return absl::StrCat(container.restarts);
  return absl::StrCat(container.restarts, " (", AgeAt(container.last_end->at, now), " ago)");
}

// kubectl's STATUS: what keeps the pod from being fine says more than its phase.
std::string StatusOf(const NodeReport::Pod& pod) {
  if (pod.terminating) return "Terminating";
  if (!pod.reason.empty()) return pod.reason;
  for (const NodeReport::Container& container : pod.containers) {
    const bool failed = container.state == "terminated" && container.exit_code != 0;
    if (container.state != "waiting" && !failed) continue;
    if (container.reason.empty()) continue;
    return absl::StrCat(container.init ? "Init:" : "", container.reason);
  }
  return OrNone(pod.phase);
}

std::string PodTable(const NodeReport& report) {
  Columns table({"NAMESPACE", "NAME", "READY", "STATUS", "RESTARTS", "AGE", "IP"});
  for (const NodeReport::Pod& pod : report.pods) {
    int ready = 0, all = 0, restarts = 0;
    for (const NodeReport::Container& container : pod.containers) {
      restarts += container.restarts;
      if (container.init) continue;
      ++all;
      ready += container.ready ? 1 : 0;
    }
    table.Add({pod.namespace_, pod.name, absl::StrCat(ready, "/", all), StatusOf(pod),
               absl::StrCat(restarts), AgeAt(pod.started_at, report.made_at), OrNone(pod.ip)});
  }
  return table.empty() ? "No pods.\n" : table.Text();
}

// What is wrong with it, or was.
std::string MessageOf(const NodeReport::Container& container) {
  if (!container.message.empty()) return container.message;
  if (!container.last_end || container.last_end->exit_code == 0) return "";
  const NodeReport::Container::End& end = *container.last_end;
  return absl::StrCat("last ended with ", end.exit_code, end.reason.empty() ? "" : " ", end.reason,
                      end.message.empty() ? "" : ": ", end.message);
}

std::string StateOf(const NodeReport::Container& container) {
  std::string state = container.state;
  if (!state.empty()) state[0] = absl::ascii_toupper(static_cast<unsigned char>(state[0]));
  return OrNone(std::move(state));
}

std::string ContainerTable(const NodeReport& report) {
  Columns table({"POD", "CONTAINER", "READY", "STATE", "REASON", "RESTARTS", "SINCE", "MESSAGE"});
  for (const NodeReport::Pod& pod : report.pods) {
    for (const NodeReport::Container& container : pod.containers) {
      const bool has_time = container.since != WallTime();
      table.Add({absl::StrCat(pod.namespace_, "/", pod.name), container.name,
                 container.ready ? "true" : "false", StateOf(container), OrNone(container.reason),
                 RestartsOf(container, report.made_at),
                 has_time ? AgeAt(container.since, report.made_at) : "<none>",
                 OrNone(OneLine(MessageOf(container)))});
    }
  }
  return table.empty() ? "" : absl::StrCat("\n", table.Text());
}

std::string WarningTable(const NodeReport& report) {
  Columns table({"LAST SEEN", "OBJECT", "REASON", "MESSAGE"});
  for (const NodeReport::Warning& warning : report.warnings) {
    table.Add({AgeAt(warning.at, report.made_at), warning.object, warning.reason,
               OneLine(warning.message)});
  }
  return table.empty() ? "" : absl::StrCat("\n", table.Text());
}

std::string LinkText(const NodeReport& report) {
  const NodeReport::Link& link = report.link;
  std::string text =
      absl::StrCat(link.state, link.state == "connected" ? " to " : " from ", link.coordinator);
  if (link.since != WallTime()) {
    absl::StrAppend(&text, " for ", AgeAt(link.since, report.made_at));
  }
  if (link.state != "connected" && !link.last_error.empty()) {
    absl::StrAppend(&text, ": ", OneLine(link.last_error));
  }
  return text;
}

std::string RuntimeText(const NodeReport::Runtime& runtime) {
  std::string text =
      runtime.name.empty() ? "unknown" : absl::StrCat(runtime.name, " ", runtime.version);
  absl::StrAppend(&text, runtime.answers ? "" : ", does not answer");
  if (runtime.answers) absl::StrAppend(&text, runtime.ready ? ", ready" : ", not ready");
  if (runtime.answers && !runtime.network_ready) absl::StrAppend(&text, ", network not ready");
  absl::StrAppend(&text, runtime.events ? ", with events" : ", without events");
  if (!runtime.message.empty()) absl::StrAppend(&text, ": ", OneLine(runtime.message));
  return text;
}

std::string CheckpointText(const NodeReport& report) {
  const NodeReport::Checkpoint& saved = report.checkpoint;
  std::string text;
  if (saved.revision > 0) text = absl::StrCat("revision ", saved.revision, ", ");
  absl::StrAppend(&text, saved.objects, saved.objects == 1 ? " object" : " objects");
  if (saved.saved_at != WallTime()) {
    absl::StrAppend(&text, ", saved ", AgeAt(saved.saved_at, report.made_at), " ago");
  }
  if (!saved.complete) absl::StrAppend(&text, ", not complete");
  if (!saved.problem.empty()) absl::StrAppend(&text, ": ", OneLine(saved.problem));
  return text;
}

}  // namespace

std::string ToText(const NodeReport& report) {
  std::string text;
  const auto line = [&text](const char* name, const std::string& value) {
    std::string head = absl::StrCat(name, ":");
    head.resize(14, ' ');
    absl::StrAppend(&text, head, value, "\n");
  };
  line("Node", absl::StrCat(report.node_name, ", agent ", report.agent_version, ", up ",
                            AgeAt(report.agent_started_at, report.made_at)));
  line("Coordinator", LinkText(report));
  line("Runtime", RuntimeText(report.runtime));
  line("Checkpoint", CheckpointText(report));
  line("Pressure", OrNone(absl::StrJoin(report.pressure, ", ")));
  for (const std::string& problem : report.problems) line("Problem", OneLine(problem));
  absl::StrAppend(&text, "\n", PodTable(report), ContainerTable(report), WarningTable(report));
  return text;
}

}  // namespace muster::agent
