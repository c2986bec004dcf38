#pragma once

#include <string>
#include <variant>
#include <vector>

#include "ctl/commands/context.h"
#include "ctl/commands/files.h"

namespace muster::ctl {

// The manifests of a command that sends objects: apply, create, replace, diff.
struct SourceOptions {
  std::vector<std::string> files;
  bool strict = false;
  bool namespace_given = false;  // -n was on the command line: files must not say another one.
};

// All objects of all files, each with its namespace; or the exit code, after what is wrong with
// them was printed. `verb` is the command, for messages.
std::variant<std::vector<FileObject>, int> ReadSources(Context& context,
                                                       const SourceOptions& options,
                                                       const std::string& verb);

// The namespaces, names and contents as one request.
admin::v1::ApplyRequest RequestFor(const std::vector<FileObject>& objects);

// Prints why the coordinator refused the objects, each problem with the line that caused it, and
// returns the exit code.
int FailWithPlaces(Context& context, const std::vector<FileObject>& objects,
                   const absl::Status& status);

// What the coordinator warns of, with the line.
void PrintWarnings(Context& context, const std::vector<FileObject>& objects,
                   const google::protobuf::RepeatedPtrField<admin::v1::ApplyWarning>& warnings);

}  // namespace muster::ctl
