#pragma once

#include <functional>
#include <istream>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/model/kinds.h"
#include "ctl/client/admin_client.h"
#include "ctl/output/errors.h"

namespace muster::ctl {

class CommandLine;

enum class DryRun { kNone, kClient, kServer };
// What follows the outcome in a message: " (dry run)", " (server dry run)" or nothing.
const char* DryRunSuffix(DryRun dry_run);

// What every command is given. The client is made at the first call, so that --help and local
// errors need no coordinator.
struct Context {
  std::function<absl::StatusOr<AdminClient*>()> client;
  std::string server;       // For error texts.
  std::string config_file;  // Where the user's settings are.
  std::string ns = "default";
  bool all_namespaces = false;
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  // Whether to colour what goes to `out` and to `err`.
  bool color_out = false;
  bool color_err = false;
};

// Prints why a call failed and returns the exit code for it.
int Fail(Context& context, const absl::Status& status);
// "error: TEXT"
int FailLocally(Context& context, const std::string& text, int exit_code = kExitError);

// "Warning: TEXT"
void Warn(Context& context, const std::string& text);
// That --record is deprecated, as kubectl says it.
void WarnOfRecord(Context& context);
// That nothing has the labels that were asked for; returns the exit code for it.
int NothingMatched(Context& context);

// KIND NAME..., KIND/NAME... or KIND,KIND as people type it.
struct Targets {
  struct Target {
    const model::KindInfo* kind;
    std::string name;  // Empty: all of the kind.
  };
  std::vector<Target> list;
  bool several_kinds = false;
};
// InvalidArgument with kubectl's text for an unknown kind or a mix of both forms.
absl::StatusOr<Targets> ParseTargets(const std::vector<std::string>& arguments);

// The namespace to ask for: none for kinds without namespaces.
std::string NamespaceFor(const Context& context, const model::KindInfo& kind);

admin::v1::ObjectRef RefOf(const Context& context, const Targets::Target& target);
admin::v1::ObjectRef RefTo(const v1::Object& object);

}  // namespace muster::ctl
