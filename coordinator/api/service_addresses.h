#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "common/base/random.h"
#include "coordinator/admission/admit.h"
#include "coordinator/services/allocation.h"
#include "coordinator/store/object_store.h"

namespace muster::coordinator {

// Gives the Services of one write the addresses and node ports that they lack. The store makes sure
// that no two writes give the same: whatever gives one out moves a mark, and is refused when
// somebody else has moved it since the Services were looked at.
//
// For one attempt at a write. Reads the store only when there is a Service that lacks something.
class ServiceAddresses {
 public:
  ServiceAddresses(ObjectStore& objects, const ServiceRanges& ranges, RandomBits random);

  // Completes an admitted object, or adds to its problems; `stored` is what it replaces, or null.
  // Only Services are touched.
  absl::Status Complete(const v1::Object* stored, AdmitResult& admitted);
  // What the write has to carry.
  void AddTo(ObjectTransaction& transaction) const;

 private:
  absl::Status Read();

  ObjectStore& objects_;
  const ServiceRanges& ranges_;
  const RandomBits random_;
  bool read_ = false;
  int64_t mark_revision_ = 0;
  std::vector<v1::Object> others_;  // Services as they are, or will be.
};

}  // namespace muster::coordinator
