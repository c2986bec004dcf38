#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace muster::model {

// The parts of an image name, "[host[:port]/]path[:tag][@digest]". A plain value.
//
// The first component is a host when it has a dot or a colon, or is "localhost"; without one the
// image is on docker.io, where a single component is under library/.
struct ImageReference {
  std::string host;    // "docker.io" when the text names none.
  std::string path;    // "library/nginx", lower case.
  std::string tag;     // Empty when not given.
  std::string digest;  // "sha256:...", empty when not given.

  // InvalidArgument says which part is wrong: capitals in the path, blanks, a bad tag or digest.
  static absl::StatusOr<ImageReference> Parse(std::string_view text);
};

// What Kubernetes fills in for a container without imagePullPolicy: Always for the tag latest
// (with or without a digest) and for neither tag nor digest, otherwise IfNotPresent, also for
// what cannot be parsed.
std::string_view DefaultPullPolicy(std::string_view image);

}  // namespace muster::model
