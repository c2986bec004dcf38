#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"

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
  // One more than the highest number of a log file; 0 when there is none.
  virtual uint32_t RestartsFromLogs(const std::string& pod_directory,
                                    const std::string& container) = 0;
  // The text of the last lines: at most 80 lines and 2048 bytes. Empty when there are none.
  virtual std::string Tail(const std::string& log_path) = 0;
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
  uint32_t RestartsFromLogs(const std::string& pod_directory,
                            const std::string& container) override;
  std::string Tail(const std::string& log_path) override;

 private:
  // Removes links whose target starts with `prefix`.
  void RemoveLinks(const std::string& prefix);

  const std::string link_directory_;
};

}  // namespace muster::agent
