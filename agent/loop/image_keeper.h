#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/host/host.h"
#include "agent/hygiene/image_gc.h"
#include "agent/loop/mailbox.h"
#include "agent/runtime/runtime.h"
#include "common/base/clock.h"

namespace muster::agent {

// Removes images that nobody needs when their filesystem gets full (kubelet's image garbage
// collector). It looks at once when it may, to know how old images are, and then every `period`.
//
// Loop thread only; callbacks of the runtime come back through the inbox.
class ImageKeeper {
 public:
  struct Options {
    ImageGcLimits limits;
    Duration period{std::chrono::minutes(5)};
  };
  // A warning about the node: reason and message.
  using Warn = std::function<void(const std::string& reason, const std::string& message)>;
  // What the node's pods are made from or will be, and what the runtime itself needs.
  using Wanted = std::function<ImageNames()>;

  ImageKeeper(const Clock& clock, Runtime& runtime, Host& host, std::shared_ptr<NodeInbox> inbox,
              Options options, Wanted wanted, Warn warn);
  ~ImageKeeper();
  ImageKeeper(const ImageKeeper&) = delete;
  ImageKeeper& operator=(const ImageKeeper&) = delete;

  // To be called only once it is known for certain which pods the node should hold: before that
  // nothing is removed. Returns when it has to be called again.
  std::optional<MonoTime> Step(MonoTime now);

  // Images came or went since the last look: one that removes nothing is soon, but not with each of
  // them.
  void LookSoon(MonoTime now);
  // All images as they were seen last.
  const std::vector<ImageStatus>& images() const { return images_; }
  // Grows with every look that showed other images than the one before.
  uint64_t version() const { return version_; }

  // Removes all that may go, because there is no room on the disk; `done` comes on the loop thread,
  // never before this returns.
  void Reclaim(std::function<void()> done);

  // A directory on the filesystem of images; empty until the runtime told it.
  const std::string& filesystem() const { return mountpoint_; }

 private:
  struct Round;
  // Of a look: only to know which images there are; to remove what the thresholds ask for; or all
  // that may go.
  enum class Purpose { kLook, kKeepRoom, kReclaim };

  void Begin(Purpose purpose, std::function<void()> done);
  void See(const std::vector<ImageStatus>& images);
  void OnImages(const std::shared_ptr<Round>& round);
  void Remove(const std::shared_ptr<Round>& round);
  void End(const std::shared_ptr<Round>& round);
  // Posts to the loop; not run when this is gone by then.
  template <typename T>
  std::function<void(T)> Back(std::function<void(T)> then) const;

  const Clock& clock_;
  Runtime& runtime_;
  Host& host_;
  const std::shared_ptr<NodeInbox> inbox_;
  const Options options_;
  const Wanted wanted_;
  const Warn warn_;
  ImageLedger ledger_;
  std::string mountpoint_;
  std::vector<ImageStatus> images_;
  uint64_t version_ = 0;
  std::optional<MonoTime> due_;       // The next look that keeps room.
  std::optional<MonoTime> look_due_;  // And one that removes nothing.
  bool looking_ = false;
  std::vector<std::function<void()>> waiting_;  // For the round after the one under way.
  std::string told_;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace muster::agent
