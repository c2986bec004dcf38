#include "ctl/commands/await.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "common/model/static_pod.h"

namespace muster::ctl {

using admin::v1::WatchEvent;

Deadline::Deadline(std::optional<std::chrono::milliseconds> limit) {
  if (limit) end_ = std::chrono::steady_clock::now() + *limit;
}

std::optional<std::chrono::milliseconds> Deadline::left() const {
  if (!end_) return std::nullopt;
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      *end_ - std::chrono::steady_clock::now());
  return std::max(left, std::chrono::milliseconds(0));
}

absl::Status Await(AdminClient& client, const admin::v1::ObjectRef& ref, const Deadline& deadline,
                   const Done& done) {
  admin::v1::WatchRequest request;
  request.mutable_list()->set_resource(ref.resource());
  request.mutable_list()->set_namespace_(ref.namespace_());
  request.mutable_list()->set_field_selector(absl::StrCat("metadata.name=", ref.name()));
  bool there = false;
  absl::StatusOr<bool> over = false;
  const absl::Status status = client.Watch(request, deadline.left(), [&](const WatchEvent& event) {
    if (event.type() == WatchEvent::SYNCED) {
      if (!there) over = done(nullptr);
    } else {
      there = event.type() != WatchEvent::DELETED;
      over = done(there ? &event.object() : nullptr);
    }
    return over.ok() && !*over;
  });
  MUSTER_RETURN_IF_ERROR(over.status());
  if (*over) return absl::OkStatus();
  MUSTER_RETURN_IF_ERROR(status);
  return absl::UnavailableError("the coordinator ended the watch");
}

absl::Status AwaitGone(AdminClient& client, const admin::v1::ObjectRef& ref, const std::string& uid,
                       const Deadline& deadline) {
  return Await(client, ref, deadline, [&uid](const v1::Object* object) {
    if (object == nullptr || model::MetadataOf(*object).uid() != uid) return true;
    // What stands for a static pod comes again at once, and as the pod's own uid is a hash of its
    // file, with the same one. Nothing else ever loses its deletionTimestamp.
    return object->has_pod() && model::IsMirror(object->pod()) &&
           !object->pod().metadata().has_deletion_timestamp();
  });
}

}  // namespace muster::ctl
