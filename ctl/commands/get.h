#pragma once

#include <string>
#include <vector>

#include "ctl/commands/context.h"

namespace muster::ctl {

struct GetOptions {
  std::vector<std::string> arguments;  // KIND [NAME...], KIND/NAME...
  std::string selector, field_selector;
  std::string output;  // "", "wide", "json", "yaml", "name"
  bool headers = true;
  bool show_labels = false;
  bool watch = false;
  bool watch_only = false;
  bool ignore_not_found = false;
};

// musterctl get
int RunGet(Context& context, const GetOptions& options);

void AddGet(CommandLine& line);

}  // namespace muster::ctl
