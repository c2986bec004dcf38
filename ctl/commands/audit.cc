#include "ctl/commands/audit.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/audit/chain.h"
#include "ctl/commands/command_line.h"

namespace muster::ctl {
namespace {

namespace fs = std::filesystem;

constexpr char kDefaultDirectory[] = "/var/lib/muster/coordinator/audit";

// One file, with the number of its first line for the order; 0 when it has no good one.
struct LogFile {
  uint64_t first = 0;
  std::string path;
};

uint64_t FirstIn(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string line;
  while (std::getline(file, line)) {
    if (const auto seal = audit::ReadSeal(line)) return seal->seq;
  }
  return 0;
}

bool IsLogName(const std::string& name) {
  return name == "audit.log" || (absl::StartsWith(name, "audit-") && absl::EndsWith(name, ".log"));
}

absl::StatusOr<std::vector<LogFile>> FilesOf(const std::vector<std::string>& paths) {
  std::vector<LogFile> files;
  for (const std::string& path : paths) {
    std::error_code error;
    const fs::file_status status = fs::status(path, error);
    if (!fs::is_directory(status)) {
      if (!std::ifstream(path)) {
        return absl::NotFoundError(
            absl::StrCat(path, ": ", error ? error.message() : "cannot be read"));
      }
      files.push_back({0, path});
      continue;
    }
    for (const fs::directory_entry& entry : fs::directory_iterator(path, error)) {
      if (IsLogName(entry.path().filename())) files.push_back({0, entry.path()});
    }
    if (error) return absl::NotFoundError(absl::StrCat(path, ": ", error.message()));
  }
  if (files.empty()) {
    return absl::NotFoundError(
        absl::StrCat("there is no audit log in ", absl::StrJoin(paths, ", ")));
  }
  for (LogFile& file : files) file.first = FirstIn(file.path);
  std::sort(files.begin(), files.end(), [](const LogFile& a, const LogFile& b) {
    return std::pair(a.first, a.path) < std::pair(b.first, b.path);
  });
  return files;
}

void ReadInto(const std::string& path, audit::ChainReader& reader) {
  reader.BeginFile(path);
  std::ifstream file(path, std::ios::binary);
  std::string line;
  while (std::getline(file, line)) reader.Line(line, !file.eof());
}

}  // namespace

int RunAuditVerify(Context& context, std::vector<std::string> paths) {
  if (paths.empty()) paths.emplace_back(kDefaultDirectory);
  const absl::StatusOr<std::vector<LogFile>> files = FilesOf(paths);
  if (!files.ok()) return FailLocally(context, std::string(files.status().message()));
  audit::ChainReader reader;
  for (const LogFile& file : *files) ReadInto(file.path, reader);
  reader.Finish();
  for (const std::string& note : reader.notes()) context.out << "note: " << note << "\n";
  if (reader.broken()) return FailLocally(context, *reader.broken());
  if (!reader.first()) return FailLocally(context, "there is no line in these files");
  context.out << "ok: lines " << reader.first()->seq << " to " << reader.last()->seq << " of "
              << files->size() << (files->size() == 1 ? " file" : " files")
              << " are as they were written\n";
  // What is missing at the ends cannot be seen from here, so it is said what there is.
  if (reader.first()->seq > 1) {
    context.out << "older lines are not in them; the first one follows on hash "
                << reader.first()->prev << "\n";
  }
  context.out << "the last one has hash " << reader.last()->hash
              << "; the coordinator's journal says the same when it has ended there\n";
  return kExitDone;
}

void AddAudit(CommandLine& line) {
  CLI::App& group = line.Group("audit", "What the coordinator remembers of requests");
  const auto paths = std::make_shared<std::vector<std::string>>();
  CLI::App& verify = line.Add(
      "verify", "Check that an audit log is as it was written, without a coordinator",
      [paths] { return [paths](Context& context) { return RunAuditVerify(context, *paths); }; },
      &group);
  verify.add_option("FILE", *paths,
                    "Files of one log, or directories (default: of this host's coordinator)");
}

}  // namespace muster::ctl
