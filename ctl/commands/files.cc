#include "ctl/commands/files.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "common/base/text_file.h"

namespace muster::ctl {
namespace {

namespace fs = std::filesystem;

absl::StatusOr<std::vector<std::string>> FilesOf(const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found) {
    return absl::NotFoundError(absl::StrCat("the path \"", path, "\" does not exist"));
  }
  if (!fs::is_directory(status)) return std::vector<std::string>{path};
  std::vector<std::string> files;
  for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
    const std::string extension = it->path().extension().string();
    if (extension == ".yaml" || extension == ".yml" || extension == ".json") {
      files.push_back(it->path().string());
    }
  }
  if (error) return absl::ErrnoToStatus(error.value(), absl::StrCat("reading ", path));
  if (files.empty()) {
    return absl::NotFoundError(
        absl::StrCat("no .yaml, .yml or .json file in the folder \"", path, "\""));
  }
  std::sort(files.begin(), files.end());
  return files;
}

void Decode(const std::string& name, const std::string& text, bool strict, ReadFiles& result) {
  manifest::DecodeOptions options;
  options.strict = strict;
  manifest::Decoded decoded = manifest::DecodeManifest(name, text, options);
  for (manifest::Document& document : decoded.documents) {
    result.objects.push_back({name, std::move(document)});
  }
  std::move(decoded.diagnostics.begin(), decoded.diagnostics.end(),
            std::back_inserter(result.diagnostics));
}

}  // namespace

absl::StatusOr<ReadFiles> ReadManifests(const std::vector<std::string>& paths, std::istream& in,
                                        bool strict) {
  ReadFiles result;
  for (const std::string& path : paths) {
    if (path == "-") {
      const std::string text{std::istreambuf_iterator<char>(in), {}};
      Decode("<stdin>", text, strict, result);
      continue;
    }
    MUSTER_ASSIGN_OR_RETURN(const std::vector<std::string> files, FilesOf(path));
    for (const std::string& file : files) {
      MUSTER_ASSIGN_OR_RETURN(const std::string text, ReadFile(file));
      Decode(file, text, strict, result);
    }
  }
  return result;
}

}  // namespace muster::ctl
