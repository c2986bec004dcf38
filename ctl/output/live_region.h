#pragma once

#include <cstddef>
#include <ostream>
#include <string>
#include <vector>

namespace muster::ctl {

// The last lines of a terminal, drawn again and again in place. What was drawn last stays when it
// is gone. Not for pipes.
class LiveRegion {
 public:
  explicit LiveRegion(std::ostream& out) : out_(out) {}

  void Draw(const std::vector<std::string>& lines);

 private:
  std::ostream& out_;
  std::vector<std::string> drawn_;
};

}  // namespace muster::ctl
