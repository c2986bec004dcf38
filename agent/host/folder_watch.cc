#include "agent/host/folder_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <filesystem>
#include <utility>

namespace muster::agent {

FolderWatch::FolderWatch(std::string directory)
    : directory_(std::move(directory)), fd_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
  Add();
}

FolderWatch::~FolderWatch() {
  if (fd_ >= 0) ::close(fd_);
}

void FolderWatch::Add() {
  if (fd_ < 0) return;
  // Adding one that is there already changes nothing.
  ::inotify_add_watch(fd_, std::filesystem::path(directory_).parent_path().c_str(),
                      IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM | IN_ONLYDIR);
  // Not IN_MODIFY: a file is looked at when its writer is done.
  ::inotify_add_watch(fd_, directory_.c_str(),
                      IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ONLYDIR);
}

void FolderWatch::Drain() {
  alignas(inotify_event) char buffer[4096];
  while (::read(fd_, buffer, sizeof buffer) > 0) {
  }
  Add();
}

}  // namespace muster::agent
