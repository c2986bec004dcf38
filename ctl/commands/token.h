#pragma once

#include <chrono>
#include <cstdint>

#include "ctl/commands/context.h"

namespace muster::ctl {

struct TokenOptions {
  std::chrono::seconds ttl{0};
  int32_t uses = 0;
  bool token_only = false;
};

// musterctl token create
int RunTokenCreate(Context& context, const TokenOptions& options);

void AddToken(CommandLine& line);

}  // namespace muster::ctl
