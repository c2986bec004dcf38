#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/hygiene/log_rotation.h"
#include "common/base/clock.h"

namespace muster::agent {

// The directories of container logs and the links to them that log collectors watch.
//
// The runtime writes the files themselves. Quick local calls; one caller at a time. Paths of pods
// are /var/log/pods/NS_NAME_UID.
class PodLogs {
 public:
  virtual ~PodLogs() = default;

  // The runtime would make it too, but not with the mode that collectors need.
  virtual absl::Status MakeDirectory(const std::string& pod_directory,
                                     const std::string& container) = 0;
  // After a start, so that the file is there; nothing is done when it is not.
  virtual absl::Status Link(const std::string& link_name, const std::string& log_path) = 0;
  // Removes every link that leads to logs of this instance, and the logs.
  virtual absl::Status RemoveInstance(const std::string& pod_directory,
                                      const std::string& container, uint32_t restart_count) = 0;
  virtual absl::Status RemovePod(const std::string& pod_directory) = 0;
  // Likewise of a pod of which only the uid is known: every NS_NAME_UID below `root`.
  virtual absl::Status RemovePodByUid(const std::string& root, const std::string& pod_uid) = 0;
  // One more than the highest number of a log file; 0 when there is none.
  virtual uint32_t RestartsFromLogs(const std::string& pod_directory,
                                    const std::string& container) = 0;
  // The text of the last lines: at most 80 lines and 2048 bytes. Empty when there are none.
  virtual std::string Tail(const std::string& log_path) = 0;

  // Of the file, in bytes. NotFound when it is not there.
  virtual absl::StatusOr<int64_t> Size(const std::string& log_path) = 0;
  // Carries out PlanRotation and returns the new name of the log. The runtime writes on into the
  // file under its new name until it is told to open the log anew. May take seconds, to compress.
  virtual absl::StatusOr<std::string> Rotate(const std::string& log_path, const LogLimits& limits,
                                             WallTime now) = 0;
  // Gives the log back its name, unless there is a new one by now.
  virtual absl::Status RotateBack(const std::string& log_path, const std::string& rotated) = 0;
  // What logs take up on the disk, by container. May take long; on any thread.
  virtual std::map<std::string, int64_t> BytesOf(const std::string& pod_directory) = 0;
};

// In the file system. Links live in `link_directory`, made 0755 when needed.
class LinuxPodLogs final : public PodLogs {
 public:
  explicit LinuxPodLogs(std::string link_directory) : link_directory_(std::move(link_directory)) {}

  absl::Status MakeDirectory(const std::string& pod_directory,
                             const std::string& container) override;
  absl::Status Link(const std::string& link_name, const std::string& log_path) override;
  absl::Status RemoveInstance(const std::string& pod_directory, const std::string& container,
                              uint32_t restart_count) override;
  absl::Status RemovePod(const std::string& pod_directory) override;
  absl::Status RemovePodByUid(const std::string& root, const std::string& pod_uid) override;
  uint32_t RestartsFromLogs(const std::string& pod_directory,
                            const std::string& container) override;
  std::string Tail(const std::string& log_path) override;
  absl::StatusOr<int64_t> Size(const std::string& log_path) override;
  absl::StatusOr<std::string> Rotate(const std::string& log_path, const LogLimits& limits,
                                     WallTime now) override;
  absl::Status RotateBack(const std::string& log_path, const std::string& rotated) override;
  std::map<std::string, int64_t> BytesOf(const std::string& pod_directory) override;

 private:
  // Removes links whose target starts with `prefix`.
  void RemoveLinks(const std::string& prefix);

  const std::string link_directory_;
};

}  // namespace muster::agent
