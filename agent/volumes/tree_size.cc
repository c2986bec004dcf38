#include "agent/volumes/tree_size.h"

#include <fts.h>
#include <sys/stat.h>

#include <set>

namespace muster::agent {

TreeSize MeasureTree(const std::string& path) {
  constexpr int64_t kBlockBytes = 512;  // Of st_blocks, whatever the disk's are.
  TreeSize size;
  std::string root = path;
  char* const roots[] = {root.data(), nullptr};
  FTS* tree = ::fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, nullptr);
  if (tree == nullptr) return size;
  std::set<ino_t> counted;  // Of those with several names.
  while (const FTSENT* entry = ::fts_read(tree)) {
    switch (entry->fts_info) {
      case FTS_DP:  // A directory for the second time.
      case FTS_ERR:
      case FTS_DNR:
      case FTS_NS:
        continue;
      default:
        break;
    }
    const struct stat& info = *entry->fts_statp;
    if (!S_ISDIR(info.st_mode) && info.st_nlink > 1 && !counted.insert(info.st_ino).second) {
      continue;
    }
    size.bytes += static_cast<int64_t>(info.st_blocks) * kBlockBytes;
    ++size.inodes;
  }
  ::fts_close(tree);
  return size;
}

}  // namespace muster::agent
