#include "ctl/commands/all.h"

#include "ctl/commands/apply.h"
#include "ctl/commands/delete.h"
#include "ctl/commands/describe.h"
#include "ctl/commands/edit.h"
#include "ctl/commands/exec.h"
#include "ctl/commands/get.h"
#include "ctl/commands/logs.h"
#include "ctl/commands/plan.h"
#include "ctl/commands/rollout.h"
#include "ctl/commands/token.h"
#include "ctl/commands/version.h"
#include "ctl/commands/why.h"

namespace muster::ctl {

void AddAllCommands(CommandLine& line) {
  AddApply(line);
  AddGet(line);
  AddDescribe(line);
  AddDelete(line);
  AddEdits(line);
  AddRollout(line);
  AddLogs(line);
  AddExec(line);
  AddToken(line);
  AddVersion(line);
  AddPlan(line);
  AddWhy(line);
}

}  // namespace muster::ctl
