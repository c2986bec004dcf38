#include "ctl/commands/all.h"

#include "ctl/commands/api_resources.h"
#include "ctl/commands/apply.h"
#include "ctl/commands/audit.h"
#include "ctl/commands/auth.h"
#include "ctl/commands/backup.h"
#include "ctl/commands/ca.h"
#include "ctl/commands/cp.h"
#include "ctl/commands/delete.h"
#include "ctl/commands/describe.h"
#include "ctl/commands/diff.h"
#include "ctl/commands/drain.h"
#include "ctl/commands/edit.h"
#include "ctl/commands/events.h"
#include "ctl/commands/exec.h"
#include "ctl/commands/get.h"
#include "ctl/commands/history.h"
#include "ctl/commands/logs.h"
#include "ctl/commands/node.h"
#include "ctl/commands/plan.h"
#include "ctl/commands/port_forward.h"
#include "ctl/commands/replace.h"
#include "ctl/commands/rollout.h"
#include "ctl/commands/seal.h"
#include "ctl/commands/set_image.h"
#include "ctl/commands/token.h"
#include "ctl/commands/top.h"
#include "ctl/commands/user.h"
#include "ctl/commands/version.h"
#include "ctl/commands/wait.h"
#include "ctl/commands/why.h"

namespace muster::ctl {

void AddAllCommands(CommandLine& line) {
  AddApply(line);
  AddDiff(line);
  AddCreate(line);
  AddReplace(line);
  AddGet(line);
  AddDescribe(line);
  AddDelete(line);
  AddEdits(line);
  AddDrain(line);
  AddSet(line);
  AddRollout(line);
  AddHistory(line);
  AddWait(line);
  AddEvents(line);
  AddLogs(line);
  AddExec(line);
  AddAttach(line);
  AddPortForward(line);
  AddCp(line);
  AddTop(line);
  AddToken(line);
  AddUser(line);
  AddNode(line);
  AddCa(line);
  AddSeal(line);
  AddAuth(line);
  AddAudit(line);
  AddBackup(line);
  AddApiResources(line);
  AddVersion(line);
  AddPlan(line);
  AddWhy(line);
}

}  // namespace muster::ctl
