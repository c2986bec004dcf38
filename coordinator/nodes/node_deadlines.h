#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.h"

namespace muster::coordinator {

// One moment for each node, the earliest at hand. A plain value.
class NodeDeadlines {
 public:
  void Set(const std::string& node, MonoTime at);
  // Unless it has an earlier one.
  void SetEarlier(const std::string& node, MonoTime at);
  void Clear(const std::string& node);

  std::optional<MonoTime> next() const;
  // The nodes whose moment has come; they have none any more.
  std::vector<std::string> TakeDue(MonoTime now);

 private:
  std::map<std::string, MonoTime> by_node_;
  std::set<std::pair<MonoTime, std::string>> by_time_;
};

}  // namespace muster::coordinator
