#include "ctl/commands/cp.h"

#include <sys/stat.h>

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "ctl/archive/copy_path.h"
#include "ctl/archive/extract.h"
#include "ctl/archive/pack.h"
#include "ctl/commands/command_line.h"
#include "ctl/commands/container_choice.h"
#include "ctl/commands/pod_choice.h"

namespace muster::ctl {
namespace {

using Bytes = std::function<absl::Status(std::string_view)>;
// Writes what a command reads; ends when that is all.
using Feed = std::function<absl::Status(const std::function<bool(std::string_view)>& write)>;

// The container at one end.
struct Place {
  std::string ns, pod, container;
};

absl::StatusOr<Place> FindPlace(Context& context, AdminClient& client, const CopyEnd& end,
                                const std::string& container) {
  admin::v1::GetRequest get;
  get.mutable_ref()->set_resource("pods");
  get.mutable_ref()->set_namespace_(end.ns.empty() ? context.ns : end.ns);
  get.mutable_ref()->set_name(end.pod);
  MUSTER_ASSIGN_OR_RETURN(const admin::v1::GetResponse found, client.Get(get));
  MUSTER_ASSIGN_OR_RETURN(const ContainerChoice choice,
                          ChooseContainer(found.object().pod(), container));
  if (!choice.notice.empty()) context.err << choice.notice << "\n";
  return Place{get.ref().namespace_(), end.pod, choice.name};
}

// Runs a command in the container to its end; its exit code, or what went wrong, here or there.
absl::StatusOr<int> RunThere(AdminClient& client, const Place& place,
                             const std::vector<std::string>& command, const Feed& feed,
                             const Bytes& on_stdout, const Bytes& on_stderr) {
  const std::unique_ptr<AdminClient::ExecStream> stream = client.Exec();
  admin::v1::ExecInput first;
  admin::v1::ExecStart& start = *first.mutable_start();
  start.set_namespace_(place.ns);
  start.set_pod(place.pod);
  start.set_container(place.container);
  for (const std::string& word : command) start.add_command(word);
  start.set_stdin(feed != nullptr);
  // A failed write shows its reason in Finish.
  stream->Write(first);
  absl::Status fed, taken;
  std::thread feeder([&] {
    if (feed == nullptr) return;
    fed = feed([&stream](std::string_view bytes) {
      admin::v1::ExecInput input;
      input.set_stdin(bytes.data(), bytes.size());
      return stream->Write(input);
    });
    admin::v1::ExecInput end;
    end.set_stdin_closed(true);
    stream->Write(end);
  });
  std::optional<int> code;
  admin::v1::ExecOutput output;
  while (!code && taken.ok() && stream->Read(output)) {
    if (output.has_exit_code()) {
      code = output.exit_code();
    } else {
      taken = output.has_stderr() ? on_stderr(output.stderr()) : on_stdout(output.stdout());
    }
  }
  stream->Cancel();  // Nothing more is wanted of it, however it ended.
  feeder.join();
  const absl::Status status = stream->Finish();
  // What went wrong here is why the rest did.
  if (!taken.ok()) return taken;
  if (!fed.ok() && !absl::IsCancelled(fed)) return fed;
  if (code) return *code;
  return status.ok() ? absl::DataLossError("the command's exit code did not arrive") : status;
}

absl::Status Nothing(std::string_view) { return absl::OkStatus(); }

int ToResult(Context& context, const absl::StatusOr<int>& code) {
  if (!code.ok() && (absl::IsDataLoss(code.status()) || absl::IsInternal(code.status()))) {
    return FailLocally(context, std::string(code.status().message()));
  }
  if (!code.ok()) return Fail(context, code.status());
  if (*code == 0) return kExitDone;
  return FailLocally(context, absl::StrCat("command terminated with exit code ", *code));
}

int CopyFrom(Context& context, AdminClient& client, const Place& place, const std::string& path,
             const std::string& target) {
  Extractor extractor(path, target, [&context](const std::string& text) {
    context.err << "warning: " << text << "\n";
  });
  TarReader reader({[&](const TarEntry& entry) { return extractor.Begin(entry); },
                    [&](std::string_view bytes) { return extractor.Data(bytes); },
                    [&] { return extractor.End(); }});
  const absl::StatusOr<int> code = RunThere(
      client, place, {"tar", "cf", "-", path}, nullptr,
      [&](std::string_view bytes) { return reader.Feed(bytes); },
      [&](std::string_view bytes) {
        context.err << bytes;
        return absl::OkStatus();
      });
  if (!code.ok() || *code != 0) return ToResult(context, code);
  if (const absl::Status whole = reader.Finish(); !whole.ok()) {
    return FailLocally(context, std::string(whole.message()));
  }
  if (!extractor.wrote()) return FailLocally(context, absl::StrCat("nothing of ", path, " came"));
  return kExitDone;
}

int CopyTo(Context& context, AdminClient& client, const Place& place, const std::string& source,
           const std::string& path, bool no_preserve) {
  const absl::StatusOr<int> is_folder =
      RunThere(client, place, {"test", "-d", path}, nullptr, Nothing, Nothing);
  if (!is_folder.ok()) return ToResult(context, is_folder);
  std::string target = CleanPath(path);
  if (*is_folder == 0) target = CleanPath(absl::StrCat(target, "/", BaseName(source)));
  const size_t slash = target.rfind('/');
  std::vector<std::string> command{"tar"};
  if (no_preserve) {
    command.insert(command.end(), {"--no-same-permissions", "--no-same-owner"});
  }
  command.insert(command.end(), {"-xmf", "-"});
  if (slash != std::string::npos) {
    command.insert(command.end(), {"-C", slash == 0 ? "/" : target.substr(0, slash)});
  }
  const Feed feed = [&](const std::function<bool(std::string_view)>& write) {
    return Pack(source, target.substr(slash + 1), write);
  };
  const Bytes show = [&](std::string_view bytes) {
    context.err << bytes;
    return absl::OkStatus();
  };
  return ToResult(context, RunThere(client, place, command, feed, show, show));
}

}  // namespace

int RunCp(Context& context, const CpOptions& options) {
  const auto source = ParseCopyEnd(options.source), target = ParseCopyEnd(options.target);
  for (const auto* end : {&source, &target}) {
    if (!end->ok()) return FailLocally(context, std::string(end->status().message()), kExitUsage);
  }
  if (source->remote() == target->remote()) {
    return FailLocally(context,
                       source->remote() ? "one of src or dest must be a local file specification"
                                        : "one of src or dest must be a remote file specification",
                       kExitUsage);
  }
  struct stat status {};
  if (!source->remote() && ::stat(source->path.c_str(), &status) != 0) {
    return FailLocally(context, absl::StrCat(source->path, " doesn't exist in local filesystem"));
  }
  const auto client = context.client();
  if (!client.ok()) return Fail(context, client.status());
  const CopyEnd& there = source->remote() ? *source : *target;
  const auto place = FindPlace(context, **client, there, options.container);
  if (!place.ok()) return Fail(context, place.status());
  return source->remote()
             ? CopyFrom(context, **client, *place, source->path, target->path)
             : CopyTo(context, **client, *place, source->path, target->path, options.no_preserve);
}

void AddCp(CommandLine& line) {
  const auto options = std::make_shared<CpOptions>();
  CLI::App& app = line.Add("cp", "Copy files and folders to and from containers", [options] {
    return [options](Context& context) { return RunCp(context, *options); };
  });
  app.add_option("source", options->source, "POD:PATH or a path of this machine")->required();
  app.add_option("target", options->target, "The other one of the two")->required();
  app.add_option("-c,--container", options->container, "Which container");
  app.add_flag("--no-preserve", options->no_preserve,
               "Owner and mode in the container are not those of here");
}

}  // namespace muster::ctl
