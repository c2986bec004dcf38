#include "agent/loop/log_keeper.h"

#include <utility>

#include "spdlog/spdlog.h"

namespace muster::agent {

LogKeeper::LogKeeper(const Clock& clock, Runtime& runtime, PodLogs& logs, Worker& worker,
                     std::shared_ptr<NodeInbox> inbox, Options options)
    : clock_(clock),
      runtime_(runtime),
      logs_(logs),
      worker_(worker),
      inbox_(std::move(inbox)),
      options_(options) {}

LogKeeper::~LogKeeper() { *alive_ = false; }

void LogKeeper::Post(std::function<void()> task) const {
  inbox_->Post(std::function<void()>([alive = alive_, task = std::move(task)] {
    if (*alive) task();
  }));
}

std::optional<MonoTime> LogKeeper::Step(MonoTime now, const RuntimeView& view) {
  if (options_.limits.bytes_max < 0 || looking_) return std::nullopt;
  const auto period = std::chrono::duration_cast<MonoTime::duration>(options_.period);
  if (due_ && now < *due_ - period / 8) return due_;
  std::vector<Target> targets;
  for (const auto& [uid, pod] : view.pods()) {
    for (const auto& [name, instances] : pod.containers) {
      for (const ContainerInstance& instance : instances) {
        const ContainerStatus& status = instance.status;
        if (status.state != ContainerState::kRunning || status.log_path.empty()) continue;
        if (!busy_.contains(status.id)) targets.push_back({status.id, status.log_path});
      }
    }
  }
  // What comes up later is seen in a step of its own.
  if (targets.empty() && busy_.empty()) {
    due_.reset();
    told_.clear();
    return std::nullopt;
  }
  // What has just come up has written nothing yet.
  const bool first = !due_.has_value();
  due_ = now + period;
  if (!first) Look(std::move(targets));
  return due_;
}

void LogKeeper::Look(std::vector<Target> targets) {
  looking_ = true;
  worker_.Run([this, alive = alive_, &logs = logs_, inbox = inbox_, targets = std::move(targets)] {
    std::vector<Finding> findings;
    for (const Target& target : targets) findings.push_back({target, logs.Size(target.log_path)});
    inbox->Post(std::function<void()>([this, alive, findings = std::move(findings)] {
      if (*alive) OnSizes(findings);
    }));
  });
}

void LogKeeper::OnSizes(const std::vector<Finding>& findings) {
  looking_ = false;
  for (const auto& [target, size] : findings) {
    if (absl::IsNotFound(size.status())) {
      busy_.insert(target.container_id);
      Reopen(target, "");
    } else if (!size.ok()) {
      Tell(target, size.status());
    } else if (*size >= options_.limits.bytes_max) {
      busy_.insert(target.container_id);
      Rotate(target);
    }
  }
}

void LogKeeper::Rotate(const Target& target) {
  worker_.Run([this, alive = alive_, &logs = logs_, inbox = inbox_, target,
               limits = options_.limits, now = clock_.Wall()] {
    inbox->Post(std::function<void()>(
        [this, alive, target, rotated = logs.Rotate(target.log_path, limits, now)] {
          if (!*alive) return;
          if (rotated.ok()) return Reopen(target, *rotated);
          Tell(target, rotated.status());
          busy_.erase(target.container_id);
        }));
  });
}

void LogKeeper::Reopen(const Target& target, const std::string& rotated) {
  runtime_.ReopenContainerLog(target.container_id, [this, alive = alive_, inbox = inbox_, target,
                                                    rotated](const absl::Status& status) {
    inbox->Post(std::function<void()>([this, alive, target, rotated, status] {
      if (!*alive) return;
      busy_.erase(target.container_id);
      if (status.ok()) {
        told_.erase(target.container_id);
        if (!rotated.empty()) spdlog::debug("log {} rotated to {}", target.log_path, rotated);
        return;
      }
      // It has ended meanwhile: then its whole log is where the newest part is looked for.
      if (!rotated.empty()) {
        worker_.Run([&logs = logs_, target, rotated] {
          logs.RotateBack(target.log_path, rotated).IgnoreError();
        });
      }
      Tell(target, status);
    }));
  });
}

void LogKeeper::Tell(const Target& target, const absl::Status& status) {
  std::string& told = told_[target.container_id];
  const std::string problem(status.message());
  if (problem != told) spdlog::warn("cannot rotate log {}: {}", target.log_path, problem);
  told = problem;
}

}  // namespace muster::agent
