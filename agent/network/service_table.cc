#include "agent/network/service_table.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/str_cat.h"

namespace muster::agent {
namespace {

constexpr std::string_view kServices = "services/", kSlices = "endpointslices/", kNodes = "nodes/";

std::string KeyOf(const std::string& ns, const std::string& name) {
  return absl::StrCat(ns, "/", name);
}

template <typename Entries>
void Erase(Entries& entries, std::string_view prefix, const std::set<std::string>& kept) {
  std::erase_if(entries, [&](const auto& entry) {
    return !kept.contains(std::string(prefix) + entry.first);
  });
}

}  // namespace

const network::v1::Service* ServiceTable::Find(const std::string& ns,
                                               const std::string& name) const {
  const auto found = services_.find(KeyOf(ns, name));
  return found == services_.end() ? nullptr : found->second.get();
}

bool ServiceTable::HasNamespace(const std::string& ns) const {
  const std::string prefix = absl::StrCat(ns, "/");
  const auto first = services_.lower_bound(prefix);
  return first != services_.end() && first->first.compare(0, prefix.size(), prefix) == 0;
}

std::vector<ServicePlace> ServiceTable::PlacesOf(const std::string& ns,
                                                 const std::string& name) const {
  std::vector<ServicePlace> places;
  std::set<IpAddress> seen;
  for (const SliceEntry& slice : SlicesOf(KeyOf(ns, name))) {
    for (const network::v1::Endpoint& endpoint : slice->endpoints()) {
      const std::optional<IpAddress> address = IpFromBytes(endpoint.address());
      if (!address || !seen.insert(*address).second) continue;
      places.push_back({*address, endpoint.node(), endpoint.hostname(), endpoint.pod(),
                        endpoint.ready(), endpoint.serving(), endpoint.terminating(), slice.get()});
    }
  }
  return places;
}

std::vector<ServiceTable::SliceEntry> ServiceTable::SlicesOf(const std::string& service) const {
  std::vector<SliceEntry> slices;
  const auto keys = slices_of_.find(service);
  if (keys == slices_of_.end()) return slices;
  for (const std::string& key : keys->second) slices.push_back(slices_.at(key));
  return slices;
}

ServiceTable ServiceTable::With(const std::map<std::string, SliceEntry>& slices) const {
  ServiceTable table = *this;
  for (const auto& [key, slice] : slices) table.slices_.at(key) = slice;
  return table;
}

network::v1::Update ServiceTable::Snapshot() const {
  network::v1::Update update;
  update.set_full(true);
  update.set_complete(true);
  update.set_revision(revision_);
  *update.mutable_ranges() = ranges_;
  for (const auto& [key, service] : services_) *update.add_services() = *service;
  for (const auto& [key, slice] : slices_) *update.add_slices() = *slice;
  for (const auto& [key, node] : nodes_) *update.add_nodes() = node;
  return update;
}

const ServiceTable* ServiceTableBuilder::Take(const network::v1::Update& update) {
  if (update.full()) {
    const network::v1::Ranges ranges = next_.ranges_;
    next_ = ServiceTable();
    next_.ranges_ = ranges;
  }
  if (update.has_ranges()) next_.ranges_ = update.ranges();
  if (update.only_present()) KeepOnly({update.present().begin(), update.present().end()});
  // First, since what is named among the entries was made again after it was removed.
  for (const std::string& key : update.removed()) Remove(key);
  for (const network::v1::Service& service : update.services()) {
    next_.services_[KeyOf(service.namespace_(), service.name())] =
        std::make_shared<const network::v1::Service>(service);
  }
  for (const network::v1::Slice& slice : update.slices()) SetSlice(slice);
  for (const network::v1::Node& node : update.nodes()) next_.nodes_[node.name()] = node;
  if (!update.complete()) return nullptr;
  next_.revision_ = update.revision();
  return &next_;
}

void ServiceTableBuilder::SetSlice(const network::v1::Slice& slice) {
  const std::string key = KeyOf(slice.namespace_(), slice.name());
  RemoveSlice(key);
  next_.slices_[key] = std::make_shared<const network::v1::Slice>(slice);
  next_.slices_of_[KeyOf(slice.namespace_(), slice.service())].insert(key);
}

void ServiceTableBuilder::RemoveSlice(const std::string& key) {
  const auto known = next_.slices_.find(key);
  if (known == next_.slices_.end()) return;
  const auto of =
      next_.slices_of_.find(KeyOf(known->second->namespace_(), known->second->service()));
  of->second.erase(key);
  if (of->second.empty()) next_.slices_of_.erase(of);
  next_.slices_.erase(known);
}

void ServiceTableBuilder::Remove(const std::string& key) {
  const std::string_view text = key;
  if (text.starts_with(kServices)) {
    next_.services_.erase(std::string(text.substr(kServices.size())));
  } else if (text.starts_with(kSlices)) {
    RemoveSlice(std::string(text.substr(kSlices.size())));
  } else if (text.starts_with(kNodes)) {
    next_.nodes_.erase(std::string(text.substr(kNodes.size())));
  }
}

void ServiceTableBuilder::KeepOnly(const std::set<std::string>& keys) {
  Erase(next_.services_, kServices, keys);
  Erase(next_.nodes_, kNodes, keys);
  std::vector<std::string> gone;
  for (const auto& [key, slice] : next_.slices_) {
    if (!keys.contains(std::string(kSlices) + key)) gone.push_back(key);
  }
  for (const std::string& key : gone) RemoveSlice(key);
}

}  // namespace muster::agent
