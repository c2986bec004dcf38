#include "coordinator/session/network_table.h"

#include <algorithm>

#include "coordinator/services/condense.h"
#include "google/protobuf/util/message_differencer.h"

namespace muster::coordinator {
namespace {

constexpr std::string_view kServices = "services/", kSlices = "endpointslices/", kNodes = "nodes/";

template <typename Entry>
bool SameButVersion(const Entry& now, const Entry& before) {
  Entry comparable = before;
  comparable.set_version(now.version());
  return google::protobuf::util::MessageDifferencer::Equals(now, comparable);
}

void AddTo(const network::v1::Service& entry, network::v1::Update& update) {
  *update.add_services() = entry;
}
void AddTo(const network::v1::Slice& entry, network::v1::Update& update) {
  *update.add_slices() = entry;
}
void AddTo(const network::v1::Node& entry, network::v1::Update& update) {
  *update.add_nodes() = entry;
}

}  // namespace

void NetworkTable::Begin(network::v1::Ranges ranges, int64_t revision) {
  *this = NetworkTable();
  ranges_ = std::move(ranges);
  revision_ = revision;
  removed_known_after_ = revision;
}

bool NetworkTable::Wants(std::string_view key) {
  return key.starts_with(kServices) || key.starts_with(kSlices) || key.starts_with(kNodes);
}

bool NetworkTable::Set(const std::string& key, const v1::Object& object, int64_t revision) {
  std::optional<Entry> entry;
  if (object.has_service()) {
    entry = Condense(object.service());
  } else if (object.has_endpoint_slice()) {
    if (auto slice = Condense(object.endpoint_slice())) entry = *std::move(slice);
  } else if (object.has_node()) {
    if (auto node = Condense(object.node())) entry = *std::move(node);
  }
  if (!entry) return Remove(key, revision);
  std::visit([revision](auto& its) { its.set_version(revision); }, *entry);
  const auto known = entries_.find(key);
  if (known != entries_.end()) {
    const bool same = std::visit(
        [&known](const auto& its) {
          const auto* before = std::get_if<std::decay_t<decltype(its)>>(&known->second.first);
          return before != nullptr && SameButVersion(its, *before);
        },
        *entry);
    if (same) return false;
    by_version_.erase({known->second.second, key});
  }
  entries_.insert_or_assign(key, std::pair(*std::move(entry), revision));
  by_version_.emplace(revision, key);
  revision_ = std::max(revision_, revision);
  return true;
}

bool NetworkTable::Remove(const std::string& key, int64_t revision) {
  const auto known = entries_.find(key);
  if (known == entries_.end()) return false;
  by_version_.erase({known->second.second, key});
  entries_.erase(known);
  if (removed_[revision].insert(key).second) ++removed_count_;
  while (removed_count_ > kRemovedMax) {
    removed_known_after_ = removed_.begin()->first;
    removed_count_ -= removed_.begin()->second.size();
    removed_.erase(removed_.begin());
  }
  revision_ = std::max(revision_, revision);
  return true;
}

std::optional<network::v1::Update> NetworkFeed::Next(const NetworkTable& table, size_t bytes_max) {
  if (!due(table.revision())) return std::nullopt;
  network::v1::Update update;
  // One from the future was told by another store.
  if (!begun_ && (told_ == 0 || told_ > table.revision())) {
    update.set_full(true);
    told_ = 0;
  } else if (told_ < table.removed_known_after_ && compared_ < table.removed_known_after_) {
    update.set_only_present(true);
    for (const auto& [key, entry] : table.entries_) update.add_present(key);
  }
  if (!begun_) *update.mutable_ranges() = table.ranges_;
  begun_ = true;
  compared_ = table.removed_known_after_;
  size_t bytes = 0;
  int64_t upto = table.revision();
  for (auto it = table.by_version_.upper_bound({told_, std::string(1, '\x7f')});
       it != table.by_version_.end(); ++it) {
    const auto& [version, key] = *it;
    if (version <= told_) continue;
    if (version > upto) break;
    std::visit(
        [&](const auto& entry) {
          AddTo(entry, update);
          bytes += entry.ByteSizeLong();
        },
        table.entries_.at(key).first);
    // Once there is enough, only what this revision changed beside it.
    if (bytes >= bytes_max) upto = std::min(upto, version);
  }
  for (auto it = table.removed_.upper_bound(told_); it != table.removed_.end() && it->first <= upto;
       ++it) {
    for (const std::string& key : it->second) update.add_removed(key);
  }
  told_ = upto;
  update.set_revision(upto);
  update.set_complete(upto == table.revision());
  return update;
}

}  // namespace muster::coordinator
