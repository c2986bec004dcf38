#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/base/ip_address.h"
#include "muster/network/v1/table.pb.h"

namespace muster::agent {

// One place behind a Service.
struct ServicePlace {
  IpAddress address;
  std::string node, hostname, pod;
  bool ready = false, serving = false, terminating = false;
  // The slice's ports: name -> (protocol, number).
  const network::v1::Slice* slice = nullptr;
};

// What the coordinator told of the fleet's Services, as of one moment. Immutable once it is made,
// so that name server, ruleset and variables may look at it wherever they are. A plain value.
//
// Entries are shared with the tables before and after: one that is the same object did not change.
class ServiceTable {
 public:
  using ServiceEntry = std::shared_ptr<const network::v1::Service>;
  using SliceEntry = std::shared_ptr<const network::v1::Slice>;

  ServiceTable() = default;

  int64_t revision() const { return revision_; }
  const network::v1::Ranges& ranges() const { return ranges_; }

  const network::v1::Service* Find(const std::string& ns, const std::string& name) const;
  bool HasNamespace(const std::string& ns) const;
  // By namespace/name.
  const std::map<std::string, ServiceEntry>& services() const { return services_; }
  const std::map<std::string, SliceEntry>& slices() const { return slices_; }
  const std::map<std::string, network::v1::Node>& nodes() const { return nodes_; }
  // Each address once, in the order of slices and of addresses within.
  std::vector<ServicePlace> PlacesOf(const std::string& ns, const std::string& name) const;
  // Those of a Service, given by namespace/name.
  std::vector<SliceEntry> SlicesOf(const std::string& service) const;
  // The same table, but with these in the place of slices that it has.
  ServiceTable With(const std::map<std::string, SliceEntry>& slices) const;

  // The whole table as one update: what is kept on disk.
  network::v1::Update Snapshot() const;

 private:
  friend class ServiceTableBuilder;
  int64_t revision_ = 0;
  network::v1::Ranges ranges_;
  std::map<std::string, ServiceEntry> services_;
  std::map<std::string, SliceEntry> slices_;  // By namespace/name, too.
  std::map<std::string, std::set<std::string>> slices_of_;
  std::map<std::string, network::v1::Node> nodes_;
};

// Puts tables together from updates. An update in parts counts once it is complete.
class ServiceTableBuilder {
 public:
  // The new table, when there is one now.
  const ServiceTable* Take(const network::v1::Update& update);

 private:
  void SetSlice(const network::v1::Slice& slice);
  void RemoveSlice(const std::string& key);
  void Remove(const std::string& key);
  void KeepOnly(const std::set<std::string>& keys);

  ServiceTable next_;
};

}  // namespace muster::agent
