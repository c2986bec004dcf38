#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "agent/loop/image_fetcher.h"
#include "agent/loop/pod_events.h"
#include "agent/translate/context.h"
#include "common/base/clock.h"
#include "muster/v1/pod.pb.h"

namespace muster::agent {

// Fetches what pods are to have on the node before they make way for their successors
// (Pod.prePull): once for each attempt, with the policy and the pull secrets that the successor
// will have. Nothing is kept over a restart; the next agent tries again, and finds there what is
// there. Loop thread only.
class PrePuller {
 public:
  // There is something new to report of the pod.
  using OnChange = std::function<void(const std::string& pod_uid)>;
  using Tell = std::function<void(const std::string& pod_uid, const PodEvent& event)>;

  PrePuller(const Clock& clock, ImageFetcher& fetcher, OnChange on_change, Tell tell);
  ~PrePuller();
  PrePuller(const PrePuller&) = delete;
  PrePuller& operator=(const PrePuller&) = delete;

  // The pod as it is wanted now. Null, or one that has nothing to pull ahead: as Forget.
  void See(const std::string& uid, std::shared_ptr<const v1::Pod> pod,
           std::shared_ptr<const ConfigSource> configs, const NodeContext& node);
  // What is under way for it still happens, and nobody hears of it.
  void Forget(const std::string& uid) { jobs_.erase(uid); }

  // What came of the newest attempt; nothing while it is under way, or nobody asked.
  std::optional<v1::PodPrePullStatus> ResultOf(const std::string& uid) const;

 private:
  struct Job;

  std::shared_ptr<Job> Current(const std::shared_ptr<Job>& job) const;
  void Advance(const std::shared_ptr<Job>& job);
  void Look(const std::shared_ptr<Job>& job, const std::string& image, bool may_pull);
  void Pull(const std::shared_ptr<Job>& job, const std::string& image);
  void End(const std::shared_ptr<Job>& job, const std::string& error);

  const Clock& clock_;
  ImageFetcher& fetcher_;
  const OnChange on_change_;
  const Tell tell_;
  std::map<std::string, std::shared_ptr<Job>> jobs_;  // By pod uid; also those that are over.
};

}  // namespace muster::agent
