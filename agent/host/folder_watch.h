#pragma once

#include <string>

namespace muster::agent {

// Tells when something may have changed in a directory, or in whether it is there: its descriptor
// becomes readable. Watches the parent as well, so the directory may come later. Not thread-safe.
class FolderWatch {
 public:
  explicit FolderWatch(std::string directory);
  ~FolderWatch();
  FolderWatch(const FolderWatch&) = delete;
  FolderWatch& operator=(const FolderWatch&) = delete;

  int fd() const { return fd_; }  // -1 when nothing can be watched.
  // After it was readable: takes what is there, and watches a directory that is there by now.
  void Drain();

 private:
  void Add();

  const std::string directory_;
  int fd_ = -1;
};

}  // namespace muster::agent
