#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/runtime/runtime.h"
#include "common/base/clock.h"
#include "muster/v1/pod.pb.h"

namespace muster::agent {

// When images are removed (kubelet: imageGCHighThresholdPercent and its kin). Plain value.
struct ImageGcLimits {
  int high_percent = 85;  // Of the images' filesystem; from here on room is made. 100: never.
  int low_percent = 80;   // Until so much is used.
  Duration age_min{std::chrono::minutes(2)};  // Since an image was first seen.
  Duration age_max{0};                        // Unused for longer: it goes anyway. 0: it does not.
  bool operator==(const ImageGcLimits&) const = default;
};

// How many bytes have to go; 0 below the high threshold.
int64_t BytesToFree(int64_t capacity_bytes, int64_t available_bytes, const ImageGcLimits& limits);

// What must not go, by any name that somebody may know an image by: id, tag or digest, as users
// and runtimes write them.
class ImageNames {
 public:
  void Add(const std::string& name);
  // Those of its containers, and what its successor will be made from (muster.dev/pre-pull).
  void AddImagesOf(const v1::Pod& pod);
  bool Has(const ImageStatus& image) const;

 private:
  std::set<std::string> names_;  // Completed: docker.io/library/busybox:latest.
};

// What is known of the node's images over time: when each was first seen, and last in use. A plain
// value; in memory only, so a new agent gives every image its minimum age anew (as kubelet does).
class ImageLedger {
 public:
  // `used` are the images of all containers of the runtime, running or not, whoever made them.
  void Observe(const std::vector<ImageStatus>& images, const ImageNames& used, MonoTime now);

  // What may go, in the order in which it goes: what was not in use for the longest time first,
  // then what was seen first. Never what is in use, pinned, wanted, or too young. Stops when
  // `bytes` are reached by what images say they take; those beyond the maximum age are always among
  // them.
  std::vector<ImageStatus> ToRemove(int64_t bytes, const ImageNames& wanted,
                                    const ImageGcLimits& limits, MonoTime now) const;

 private:
  struct Entry {
    ImageStatus image;
    MonoTime first_seen;
    std::optional<MonoTime> last_used;
    bool in_use = false;
  };
  std::map<std::string, Entry> entries_;  // By image id.
};

}  // namespace muster::agent
