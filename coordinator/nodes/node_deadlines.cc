#include "coordinator/nodes/node_deadlines.h"

namespace muster::coordinator {

void NodeDeadlines::Set(const std::string& node, MonoTime at) {
  Clear(node);
  by_node_.emplace(node, at);
  by_time_.emplace(at, node);
}

void NodeDeadlines::SetEarlier(const std::string& node, MonoTime at) {
  const auto found = by_node_.find(node);
  if (found == by_node_.end() || at < found->second) Set(node, at);
}

void NodeDeadlines::Clear(const std::string& node) {
  const auto found = by_node_.find(node);
  if (found == by_node_.end()) return;
  by_time_.erase({found->second, node});
  by_node_.erase(found);
}

std::optional<MonoTime> NodeDeadlines::next() const {
  if (by_time_.empty()) return std::nullopt;
  return by_time_.begin()->first;
}

std::vector<std::string> NodeDeadlines::TakeDue(MonoTime now) {
  std::vector<std::string> due;
  while (!by_time_.empty() && by_time_.begin()->first <= now) {
    due.push_back(by_time_.begin()->second);
    Clear(due.back());
  }
  return due;
}

}  // namespace muster::coordinator
