#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "ctl/commands/context.h"

namespace muster::ctl {

class CommandLine;

struct UserOptions {
  std::string name;
  std::string role;
  std::vector<std::string> namespaces;  // Empty: all.
  std::vector<std::string> rights;
  std::chrono::seconds ttl{0};
  bool replace = false;
  std::string file;  // Where the user's config file goes. Empty: NAME.yaml.
};

// `user create`: makes a key on this host, has its certificate made, and writes both with the
// coordinator's address to a file for its owner alone. A file that is there already is not touched.
int RunUserCreate(Context& context, const UserOptions& options);
int RunUserList(Context& context);
// `user renew`: another certificate for the user of the config file, whose key stays, and the CAs
// that are trusted now, into that file.
int RunUserRenew(Context& context);
int RunUserDelete(Context& context, const std::vector<std::string>& names);

void AddUser(CommandLine& line);

}  // namespace muster::ctl
