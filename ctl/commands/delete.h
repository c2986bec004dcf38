#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "ctl/commands/context.h"
#include "ctl/commands/selection.h"

namespace muster::ctl {

struct DeleteOptions {
  std::vector<std::string> files;
  std::vector<std::string> arguments;  // KIND NAME..., KIND/NAME..., KIND with --all or -l
  Selection selection;
  bool ignore_not_found = false;
  bool wait = true;
  std::optional<std::chrono::milliseconds> timeout;
  admin::v1::DeleteRequest::Cascade cascade = admin::v1::DeleteRequest::BACKGROUND;
  std::optional<int64_t> grace_period_seconds;
  bool force = false;
  DryRun dry_run = DryRun::kNone;
  bool name_only = false;  // -o name
};

// musterctl delete
int RunDelete(Context& context, const DeleteOptions& options);

void AddDelete(CommandLine& line);

}  // namespace muster::ctl
