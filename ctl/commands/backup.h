#pragma once

namespace muster::ctl {

class CommandLine;

// `backup` and `restore` of the coordinator on this host. They are muster-coordinator's own work,
// done on its files: the key of the certificate authority is in a backup, and never crosses a
// network.
void AddBackup(CommandLine& line);

}  // namespace muster::ctl
