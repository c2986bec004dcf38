#include "coordinator/rpc/local_names.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace muster::coordinator {

void LocalNames::Set(int fd, std::string name) {
  MutexLock lock(&mutex_);
  names_[absl::StrCat("fd:", fd)] = std::move(name);
}

std::string LocalNames::Of(const std::string& peer, const std::string& otherwise) const {
  MutexLock lock(&mutex_);
  const auto found = names_.find(peer);
  return found == names_.end() ? otherwise : found->second;
}

}  // namespace muster::coordinator
