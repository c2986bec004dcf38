#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "muster/v1/object.pb.h"

namespace muster::coordinator {

// One object that a call has written.
struct ChangedObject {
  std::string resource, ns, name;
  int64_t old_revision = 0;  // 0: it was not there.
  int64_t new_revision = 0;  // For one that is gone: of its removal.

  bool operator==(const ChangedObject&) const = default;
};

// What a call of the admin API did, for the audit log. A plain value; filled in by the API when the
// caller asks for it, anew with every try. Only of what is stored: a dry run changes nothing.
struct CallNotes {
  std::vector<ChangedObject> changes;
  std::vector<std::string> remarks;  // What the audit level of a namespace finds.

  void Clear() { *this = {}; }
  // `object` with any resourceVersion.
  void Add(const v1::Object& object, int64_t old_revision, int64_t new_revision);
};

// Of metadata.resourceVersion; 0 when there is none.
int64_t RevisionOrZero(const v1::Object& object);

}  // namespace muster::coordinator
