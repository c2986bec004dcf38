#pragma once

#include <string>
#include <vector>

namespace muster::ctl {

struct Context;
class CommandLine;

// Checks that the lines of audit logs are those that were written, without a coordinator. The files
// may come in any order, and directories stand for the files in them; none: those of this host's
// coordinator. 0 when no line was changed, taken out or put in.
int RunAuditVerify(Context& context, std::vector<std::string> paths);

void AddAudit(CommandLine& line);

}  // namespace muster::ctl
