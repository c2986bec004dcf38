#include "ctl/commands/modify.h"

#include <utility>

#include "common/base/macros.h"
#include "common/manifest/encode.h"

namespace muster::ctl {
namespace {

// Somebody else may change the object between our reading and our writing it.
constexpr int kAttemptsMax = 10;

}  // namespace

absl::StatusOr<Modified> Modify(AdminClient& client, v1::Object object, DryRun dry_run,
                                const Edit& edit) {
  for (int attempt = 1;; ++attempt) {
    const std::string before = manifest::EncodeJson(object);
    MUSTER_RETURN_IF_ERROR(edit(object));
    const bool changed = manifest::EncodeJson(object) != before;
    if (!changed || dry_run == DryRun::kClient) return Modified{std::move(object), changed};
    admin::v1::UpdateRequest request;
    *request.mutable_object() = object;
    request.set_dry_run(dry_run == DryRun::kServer);
    auto updated = client.Update(request);
    if (updated.ok()) return Modified{std::move(*updated->mutable_object()), true};
    if (updated.status().code() != absl::StatusCode::kAborted || attempt == kAttemptsMax) {
      return updated.status();
    }
    admin::v1::GetRequest again;
    *again.mutable_ref() = RefTo(object);
    MUSTER_ASSIGN_OR_RETURN(admin::v1::GetResponse fresh, client.Get(again));
    object = std::move(*fresh.mutable_object());
  }
}

}  // namespace muster::ctl
