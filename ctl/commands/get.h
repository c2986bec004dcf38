#pragma once

#include <string>
#include <vector>

#include "ctl/commands/context.h"
#include "ctl/commands/selection.h"

namespace muster::ctl {

struct GetOptions {
  std::vector<std::string> arguments;  // KIND [NAME...], KIND/NAME...
  Selection selection;
  std::string output;   // "", "wide" or what ObjectFormat takes.
  std::string sort_by;  // A path into the objects.
  std::vector<std::string> label_columns;
  bool headers = true;
  bool show_labels = false;
  bool show_kind = false;
  bool watch = false;
  bool watch_only = false;
  bool ignore_not_found = false;
};

// musterctl get
int RunGet(Context& context, const GetOptions& options);

void AddGet(CommandLine& line);

}  // namespace muster::ctl
