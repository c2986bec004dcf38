#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "ctl/archive/tar.h"

namespace muster::ctl {

// Writes what an archive holds of `asked` to `target` of this machine, and nothing anywhere else:
// names that lead out of it are left out, and below it no symbolic link is followed, whoever made
// it. A file goes into `target` when that is a folder, as with cp. Links and special files are left
// out; `warn` is told. Not thread-safe.
class Extractor {
 public:
  Extractor(std::string asked, std::string target, std::function<void(const std::string&)> warn);
  ~Extractor();
  Extractor(const Extractor&) = delete;
  Extractor& operator=(const Extractor&) = delete;

  absl::Status Begin(const TarEntry& entry);
  absl::Status Data(std::string_view bytes);
  absl::Status End();

  // Something was written.
  bool wrote() const { return wrote_; }

 private:
  absl::Status BeginFile(const TarEntry& entry, const std::vector<std::string>& place);

  const std::string asked_, target_;
  const std::function<void(const std::string&)> warn_;
  int file_ = -1;  // Of the entry that is being written.
  std::string file_name_;
  bool wrote_ = false;
};

}  // namespace muster::ctl
