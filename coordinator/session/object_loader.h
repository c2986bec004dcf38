#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "coordinator/store/store.h"
#include "muster/v1/object.pb.h"

namespace muster::coordinator {

// A number that differs when anything of the pod but its status differs. Equal in every version of
// this program that knows the same fields; never 0.
int64_t SpecVersion(const v1::Pod& pod);

// Reads objects for agents, each once between two calls of Forget, however many nodes want it.
//
// What an agent gets carries as resourceVersion not the store's revision but a number that stays
// while there is nothing new for the agent: the agent's own status reports raise a pod's revision,
// and must not have the pod sent again. One owner.
class ObjectLoader {
 public:
  struct Loaded {
    v1::Object object;
    int64_t version = 0;  // As in metadata.resource_version.
    size_t bytes = 0;     // About its size on the wire.
  };

  explicit ObjectLoader(Store& store) : store_(store) {}

  // Null when there is no such object; valid until Forget.
  absl::StatusOr<const Loaded*> Load(const std::string& session_key);
  void Forget() { loaded_.clear(); }

 private:
  Store& store_;
  std::map<std::string, std::optional<Loaded>> loaded_;
};

}  // namespace muster::coordinator
