#pragma once

#include <istream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/manifest/decode.h"
#include "common/manifest/diagnostic.h"

namespace muster::ctl {

// An object of a manifest together with where it was written.
struct FileObject {
  std::string file;
  manifest::Document document;
};

struct ReadFiles {
  std::vector<FileObject> objects;
  manifest::Diagnostics diagnostics;
};

// Reads what -f names: files, folders (*.yaml, *.yml, *.json directly in them, sorted) and "-" for
// `in`. NotFound for a path that is not there. What a file says wrong is in the diagnostics.
absl::StatusOr<ReadFiles> ReadManifests(const std::vector<std::string>& paths, std::istream& in,
                                        bool strict);

}  // namespace muster::ctl
