#include "agent/loop/class_groups.h"

#include <memory>
#include <utility>

#include "agent/translate/pod_group.h"
#include "spdlog/spdlog.h"

namespace muster::agent {
namespace {

constexpr std::chrono::minutes kPeriod{1};

}  // namespace

std::optional<MonoTime> ClassGroups::Step(MonoTime now, const NodeContext& node) {
  if (writing_) return std::nullopt;
  const bool changed = std::exchange(plans_seen_, pods_.plans_made()) != pods_.plans_made();
  const bool due = now >= due_;
  if (!changed && !due) return due_;
  std::map<std::string, LinuxResources> groups = ClassGroupValues(pods_.GroupedPods(), node);
  if (due) due_ = now + kPeriod;
  if (groups.empty()) return std::nullopt;  // The next pod is planned first.
  if (!due && groups == written_) return due_;
  written_ = groups;
  writing_ = true;
  auto result = std::make_shared<absl::Status>();
  runner_.Offload(
      [&host = host_, groups = std::move(groups), result] {
        for (const auto& [path, values] : groups) {
          *result = host.SetControlGroup(path, values, GroupChange::kExact);
          if (!result->ok()) return;
        }
      },
      [this, result] {
        writing_ = false;
        const std::string problem(result->message());
        if (!result->ok() && problem != problem_) {
          spdlog::warn("cannot set the control groups of pods, trying again: {}", problem);
        }
        problem_ = problem;
      });
  return due_;
}

}  // namespace muster::agent
