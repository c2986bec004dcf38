#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/loop/mailbox.h"
#include "agent/runtime/runtime.h"

namespace muster::agent {

// Brings images to this node, a few at a time; those that a pod waits for go before those that are
// fetched ahead. Loop thread only: calls are answered there, once, never before they return.
class ImageFetcher {
 public:
  struct Order {
    std::string image;                // With a tag or digest.
    std::vector<RegistryAuth> auths;  // Tried in turn; empty: without any.
    std::optional<SandboxConfig> sandbox;
    bool ahead = false;  // Nobody waits for it yet.
  };
  // What is there then; an image of which the runtime tells nothing but its reference has only
  // that.
  using Done = std::function<void(absl::StatusOr<ImageStatus>)>;
  using Found = std::function<void(absl::StatusOr<std::optional<ImageStatus>>)>;

  ImageFetcher(Runtime& runtime, std::shared_ptr<NodeInbox> inbox, int at_once_max);
  ~ImageFetcher();
  ImageFetcher(const ImageFetcher&) = delete;
  ImageFetcher& operator=(const ImageFetcher&) = delete;

  void Pull(Order order, Done done);
  void LookUp(const std::string& image, Found found);

  // How many were brought so far.
  uint64_t brought() const { return brought_; }

 private:
  struct Job;

  void BeginNext();
  void PullOnce(const std::shared_ptr<Job>& job);
  void End(const std::shared_ptr<Job>& job, absl::StatusOr<ImageStatus> result);

  Runtime& runtime_;
  const std::shared_ptr<NodeInbox> inbox_;
  const int at_once_max_;
  int under_way_ = 0;
  uint64_t brought_ = 0;
  std::deque<std::shared_ptr<Job>> waiting_;
  std::deque<std::shared_ptr<Job>> waiting_ahead_;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace muster::agent
