#pragma once

#include <cstdint>
#include <string>

namespace muster::agent {

// What files take up on their disk.
struct TreeSize {
  int64_t bytes = 0;  // Blocks, so that holes do not count.
  int64_t inodes = 0;
  TreeSize& operator+=(const TreeSize& other) {
    bytes += other.bytes;
    inodes += other.inodes;
    return *this;
  }
  bool operator==(const TreeSize&) const = default;
};

// Of the directory or file and all below it on the same filesystem, each file once. Symbolic links
// are not followed; what vanishes meanwhile, or cannot be read, does not count. Blocks on the disk.
TreeSize MeasureTree(const std::string& path);

}  // namespace muster::agent
