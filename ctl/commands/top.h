#pragma once

#include <string>

#include "ctl/commands/context.h"
#include "ctl/output/usage_table.h"

namespace muster::ctl {

struct TopOptions {
  std::string resource;  // "pods" or "nodes"
  std::string name;      // Only this one.
  std::string selector, field_selector;
  bool containers = false;  // Of pods: a row for each.
  bool headers = true;
  UsageOrder order = UsageOrder::kName;
};

// musterctl top pods|nodes: what they use at this moment.
int RunTop(Context& context, const TopOptions& options);

void AddTop(CommandLine& line);

}  // namespace muster::ctl
