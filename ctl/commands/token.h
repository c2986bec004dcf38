#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "ctl/commands/context.h"

namespace muster::ctl {

class CommandLine;

struct TokenOptions {
  std::chrono::seconds ttl{0};
  int32_t uses = 0;
  std::string node_name;                      // Pattern. Empty: any.
  std::map<std::string, std::string> labels;  // What the node gets.
  bool replace = false;
  bool token_only = false;
};

// musterctl token create
int RunTokenCreate(Context& context, const TokenOptions& options);
int RunTokenList(Context& context);
int RunTokenDelete(Context& context, const std::vector<std::string>& ids);

void AddToken(CommandLine& line);

}  // namespace muster::ctl
