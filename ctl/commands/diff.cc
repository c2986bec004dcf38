#include "ctl/commands/diff.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "common/base/macros.h"
#include "common/manifest/encode.h"
#include "ctl/commands/command_line.h"

namespace muster::ctl {
namespace {

namespace fs = std::filesystem;

constexpr char kLastApplied[] = "kubectl.kubernetes.io/last-applied-configuration";
constexpr int kExitNotFound = 127;  // What a shell says when there is no such program.

// A folder that goes away with this object.
class TemporaryFolder {
 public:
  static absl::StatusOr<std::unique_ptr<TemporaryFolder>> Create(const std::string& name) {
    std::error_code error;
    const fs::path parent = fs::temp_directory_path(error);
    if (error) return absl::ErrnoToStatus(error.value(), "looking for a folder for files");
    std::string path = (parent / (name + "-XXXXXX")).string();
    if (::mkdtemp(path.data()) == nullptr) {
      return absl::ErrnoToStatus(errno, absl::StrCat("making a folder in ", parent.string()));
    }
    return std::unique_ptr<TemporaryFolder>(new TemporaryFolder(std::move(path)));
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::string& path() const { return path_; }

  absl::Status Write(const std::string& name, const std::string& text) const {
    std::ofstream file(fs::path(path_) / name);
    file << text;
    file.close();
    return file ? absl::OkStatus()
                : absl::InternalError(absl::StrCat("cannot write ", path_, "/", name));
  }

 private:
  explicit TemporaryFolder(std::string path) : path_(std::move(path)) {}
  const std::string path_;
};

// "apps.v1.DaemonSet.default.web"
std::string FileNameOf(const v1::Object& object) {
  const model::KindInfo& info = model::InfoOf(object);
  const v1::ObjectMeta& metadata = model::MetadataOf(object);
  std::string name = absl::StrReplaceAll(std::string(info.api_version), {{"/", "."}});
  absl::StrAppend(&name, ".", std::string(info.name));
  if (!metadata.namespace_().empty()) absl::StrAppend(&name, ".", metadata.namespace_());
  return absl::StrReplaceAll(absl::StrCat(name, ".", metadata.name()), {{"/", "_"}});
}

// What apply remembers of itself is no change of the object.
void KeepLastApplied(const v1::Object* live, v1::Object& merged) {
  auto& annotations = *model::MutableMetadataOf(merged).mutable_annotations();
  annotations.erase(kLastApplied);
  if (live == nullptr) return;
  const auto& before = model::MetadataOf(*live).annotations();
  if (const auto found = before.find(kLastApplied); found != before.end()) {
    annotations[kLastApplied] = found->second;
  }
}

// Nobody reads secrets from a diff; whether they differ can still be seen.
void MaskSecrets(v1::Object* live, v1::Object& merged) {
  if (!merged.has_secret()) return;
  auto& after = *merged.mutable_secret()->mutable_data();
  for (auto& [key, value] : after) {
    std::string* before = nullptr;
    if (live != nullptr) {
      auto& data = *live->mutable_secret()->mutable_data();
      if (const auto found = data.find(key); found != data.end()) before = &found->second;
    }
    const bool differs = before != nullptr && *before != value;
    value = differs ? "*** (after)" : "***";
    if (before != nullptr) *before = differs ? "*** (before)" : "***";
  }
  if (live == nullptr) return;
  for (auto& [key, value] : *live->mutable_secret()->mutable_data()) {
    if (!after.contains(key)) value = "***";
  }
}

// Passes on what the program prints; returns what it exits with.
absl::StatusOr<int> RunProgram(std::vector<std::string> words, std::ostream& out) {
  std::array<int, 2> pipe;
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return absl::ErrnoToStatus(errno, "making a pipe");
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, pipe[1], STDOUT_FILENO);
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t child = 0;
  const int error =
      ::posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(pipe[1]);
  std::array<char, 4096> buffer;
  while (error == 0) {
    const ssize_t count = ::read(pipe[0], buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    out.write(buffer.data(), count);
  }
  ::close(pipe[0]);
  if (error != 0) return absl::ErrnoToStatus(error, absl::StrCat("starting ", words[0]));
  int state = 0;
  while (::waitpid(child, &state, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(state) && WEXITSTATUS(state) != kExitNotFound) return WEXITSTATUS(state);
  return absl::InternalError(absl::StrCat(words[0], " did not end as it should"));
}

// The objects as they are, and as they would be.
absl::Status WriteBoth(AdminClient& client, admin::v1::ApplyResponse& response,
                       const TemporaryFolder& live_folder, const TemporaryFolder& merged_folder) {
  for (auto& result : *response.mutable_results()) {
    v1::Object& merged = *result.mutable_object();
    const std::string name = FileNameOf(merged);
    std::optional<v1::Object> live;
    if (result.outcome() != admin::v1::ApplyResult::CREATED) {
      admin::v1::GetRequest request;
      *request.mutable_ref() = RefTo(merged);
      auto found = client.Get(request);
      if (found.ok()) {
        live = std::move(*found->mutable_object());
      } else if (found.status().code() != absl::StatusCode::kNotFound) {
        return found.status();
      }
    }
    KeepLastApplied(live ? &*live : nullptr, merged);
    MaskSecrets(live ? &*live : nullptr, merged);
    if (live) MUSTER_RETURN_IF_ERROR(live_folder.Write(name, manifest::EncodeYaml(*live)));
    MUSTER_RETURN_IF_ERROR(merged_folder.Write(name, manifest::EncodeYaml(merged)));
  }
  return absl::OkStatus();
}

std::vector<std::string> ProgramOf(const Context& context, const DiffOptions& options) {
  std::vector<std::string> words = absl::StrSplit(options.program, ' ', absl::SkipEmpty());
  if (words.empty()) {
    words = {"diff", "-u", "-N"};
    if (context.color_out) words.push_back("--color=always");
  }
  return words;
}

int Trouble(Context& context, const absl::Status& status) {
  Fail(context, status);
  return kExitTrouble;
}

}  // namespace

int RunDiff(Context& context, const DiffOptions& options) {
  const auto sources = ReadSources(context, options.sources, "diff");
  if (const int* exit_code = std::get_if<int>(&sources)) {
    return *exit_code == kExitUsage ? kExitUsage : kExitTrouble;
  }
  const auto& objects = std::get<std::vector<FileObject>>(sources);
  admin::v1::ApplyRequest request = RequestFor(objects);
  request.set_dry_run(true);
  const auto client = context.client();
  if (!client.ok()) return Trouble(context, client.status());
  auto response = (*client)->Apply(request);
  if (!response.ok()) {
    FailWithPlaces(context, objects, response.status());
    return kExitTrouble;
  }
  const auto live = TemporaryFolder::Create("LIVE");
  if (!live.ok()) return Trouble(context, live.status());
  const auto merged = TemporaryFolder::Create("MERGED");
  if (!merged.ok()) return Trouble(context, merged.status());
  const absl::Status written = WriteBoth(**client, *response, **live, **merged);
  if (!written.ok()) return Trouble(context, written);
  std::vector<std::string> words = ProgramOf(context, options);
  words.push_back((*live)->path());
  words.push_back((*merged)->path());
  const auto result = RunProgram(std::move(words), context.out);
  if (!result.ok()) {
    FailLocally(context, std::string(result.status().message()));
    return kExitTrouble;
  }
  return *result <= kExitDiffers ? *result : kExitTrouble;
}

void AddDiff(CommandLine& line) {
  const auto options = std::make_shared<DiffOptions>();
  CLI::App& app = line.Add("diff", "Show what apply would change", [&line, options] {
    options->sources.namespace_given = line.namespace_given();
    if (const char* program = std::getenv("KUBECTL_EXTERNAL_DIFF")) options->program = program;
    return [options](Context& context) { return RunDiff(context, *options); };
  });
  app.add_option("-f,--filename", options->sources.files, "File, folder or - with the manifests")
      ->allow_extra_args(false);
  app.add_flag("--strict", options->sources.strict,
               "Refuse kinds of objects that Muster does not run");
}

}  // namespace muster::ctl
