#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "muster/network/v1/table.pb.h"
#include "muster/v1/object.pb.h"

namespace muster::coordinator {

// What all agents are to know of Services, as of now: one entry for each Service, EndpointSlice and
// node with a subnet, with the revision that changed it last, and what was removed lately. So an
// agent is told the difference to any older state that it holds. A plain value.
class NetworkTable {
 public:
  // As read at `revision`: what was removed before it is not known any more.
  void Begin(network::v1::Ranges ranges, int64_t revision);

  // `key` without its leading slash, as in "services/NS/NAME". What would tell an agent nothing new
  // changes nothing. True when it did.
  bool Set(const std::string& key, const v1::Object& object, int64_t revision);
  bool Remove(const std::string& key, int64_t revision);
  // Whether objects with this key are of any interest.
  static bool Wants(std::string_view key);

  // That of the last change.
  int64_t revision() const { return revision_; }
  size_t size() const { return entries_.size(); }

 private:
  friend class NetworkFeed;
  using Entry = std::variant<network::v1::Service, network::v1::Slice, network::v1::Node>;

  static constexpr size_t kRemovedMax = 10'000;

  network::v1::Ranges ranges_;
  int64_t revision_ = 0;
  int64_t removed_known_after_ = 0;
  std::map<std::string, std::pair<Entry, int64_t>> entries_;
  std::set<std::pair<int64_t, std::string>> by_version_;
  std::map<int64_t, std::set<std::string>> removed_;
  size_t removed_count_ = 0;
};

// What one agent still has to be told of the table. Holds two numbers, however large the table is.
class NetworkFeed {
 public:
  // The agent asked for the table, and holds it as of `held`; 0: it holds nothing.
  void Begin(int64_t held) {
    wanted_ = true;
    told_ = held;
  }
  // Of an agent that did not ask: never.
  bool due(int64_t revision) const { return wanted_ && (!begun_ || told_ < revision); }

  // The next part, of about `bytes_max` at most (what one revision changed is not divided).
  std::optional<network::v1::Update> Next(const NetworkTable& table, size_t bytes_max);

 private:
  bool wanted_ = false;
  bool begun_ = false;  // The first part of this session was made.
  int64_t told_ = 0;    // Everything up to this revision was.
  // It holds nothing that was removed up to here.
  int64_t compared_ = -1;
};

}  // namespace muster::coordinator
