#include "ctl/commands/edit.h"

#include <algorithm>
#include <memory>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/macros.h"
#include "ctl/commands/command_line.h"
#include "ctl/commands/flags.h"
#include "ctl/commands/modify.h"

namespace muster::ctl {
namespace {

using LabelMap = google::protobuf::Map<std::string, std::string>;

struct Change {
  std::string key, value, effect;
  bool remove = false;
};

// Changes one object in memory and says what happened in kubectl's word ("labeled"). An error ends
// the command.
using EditFunction = std::function<absl::StatusOr<std::string>(v1::Object&)>;

int EditAll(Context& context, const EditOptions& options, const Targets& targets,
            const EditFunction& edit) {
  if (const absl::Status status = CheckSelection(targets, options.selection); !status.ok()) {
    return FailLocally(context, std::string(status.message()), kExitUsage);
  }
  const auto client = context.client();
  if (!client.ok()) return Fail(context, client.status());
  const auto objects = ReadObjects(context, **client, targets, options.selection);
  if (!objects.ok()) return Fail(context, objects.status());
  if (objects->empty()) return NothingMatched(context);
  int exit_code = kExitDone;
  for (const v1::Object& object : *objects) {
    std::string outcome;
    const auto modified = Modify(**client, object, options.dry_run, [&](v1::Object& edited) {
      const absl::StatusOr<std::string> word = edit(edited);
      if (word.ok()) outcome = *word;
      return word.status();
    });
    if (modified.ok()) {
      context.out << model::QualifiedName(object) << " " << outcome << DryRunSuffix(options.dry_run)
                  << "\n";
    } else if (modified.status().code() == absl::StatusCode::kFailedPrecondition) {
      exit_code = FailLocally(context, std::string(modified.status().message()));
    } else {
      exit_code = Fail(context, modified.status());
    }
  }
  return exit_code;
}

// Names come first, changes last: "k=v", "k-".
bool IsChange(const std::string& argument) {
  return argument.find('=') != std::string::npos ||
         (argument.size() > 1 && argument.back() == '-') || argument.find(':') != std::string::npos;
}

absl::StatusOr<std::vector<Change>> TakeChanges(std::vector<std::string>& arguments,
                                                bool with_effect) {
  std::vector<Change> changes;
  const auto first = std::find_if(arguments.begin(), arguments.end(), IsChange);
  for (auto it = first; it != arguments.end(); ++it) {
    absl::string_view text = *it;
    Change change;
    change.remove = text.find('=') == absl::string_view::npos && absl::ConsumeSuffix(&text, "-");
    // A taint is removed by "key=value:Effect-" too.
    if (with_effect && absl::ConsumeSuffix(&text, "-")) change.remove = true;
    if (with_effect) {
      const std::pair<absl::string_view, absl::string_view> parts =
          absl::StrSplit(text, absl::MaxSplits(':', 1));
      text = parts.first;
      change.effect = std::string(parts.second);
    }
    const std::pair<std::string, std::string> parts = absl::StrSplit(text, absl::MaxSplits('=', 1));
    change.key = parts.first;
    change.value = parts.second;
    if (change.key.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("expected key=value or key-, found \"", *it, "\""));
    }
    changes.push_back(std::move(change));
  }
  arguments.erase(first, arguments.end());
  if (changes.empty()) {
    return absl::InvalidArgumentError(with_effect ? "at least one taint update is required"
                                                  : "at least one key=value or key- is required");
  }
  return changes;
}

absl::StatusOr<std::string> ChangeEntries(const std::vector<Change>& changes, bool overwrite,
                                          const char* noun, LabelMap& entries) {
  bool added = false;
  bool removed = false;
  for (const Change& change : changes) {
    const auto found = entries.find(change.key);
    if (change.remove) {
      removed = removed || found != entries.end();
      entries.erase(change.key);
      continue;
    }
    if (found != entries.end() && found->second == change.value) continue;
    if (found != entries.end() && !overwrite) {
      return absl::FailedPreconditionError(absl::StrCat("'", change.key, "' already has a value (",
                                                        found->second,
                                                        "), and --overwrite is false"));
    }
    entries[change.key] = change.value;
    added = true;
  }
  if (added) return absl::StrCat(noun, noun[0] == 'l' ? "ed" : "d");
  if (removed && noun[0] == 'l') return std::string("unlabeled");
  if (removed) return absl::StrCat(noun, "d");
  return noun[0] == 'l' ? std::string("not labeled") : absl::StrCat(noun, "d");
}

int EditEntries(Context& context, EditOptions options, const char* noun,
                LabelMap* (v1::ObjectMeta::*entries)()) {
  auto changes = TakeChanges(options.arguments, /*with_effect=*/false);
  if (!changes.ok())
    return FailLocally(context, std::string(changes.status().message()), kExitUsage);
  const auto targets = ParseTargets(options.arguments);
  if (!targets.ok()) return FailLocally(context, std::string(targets.status().message()));
  return EditAll(context, options, *targets, [&](v1::Object& object) {
    return ChangeEntries(*changes, options.overwrite, noun,
                         *(model::MutableMetadataOf(object).*entries)());
  });
}

std::string EffectsOf(const std::vector<Change>& changes, bool remove) {
  std::set<std::string> keys;
  for (const Change& change : changes) {
    if (change.remove == remove) keys.insert(change.key);
  }
  return absl::StrJoin(keys, ",");
}

absl::StatusOr<std::string> ChangeTaints(const std::vector<Change>& changes, bool overwrite,
                                         v1::Node& node) {
  auto& taints = *node.mutable_spec()->mutable_taints();
  for (const Change& change : changes) {
    const auto same = [&change](const v1::Taint& taint) {
      return taint.key() == change.key &&
             (change.effect.empty() || taint.effect() == change.effect);
    };
    const auto found = std::find_if(taints.begin(), taints.end(), same);
    if (change.remove) {
      if (found == taints.end()) {
        return absl::FailedPreconditionError(absl::StrCat("taint \"", change.key,
                                                          change.effect.empty() ? "" : ":",
                                                          change.effect, "\" not found"));
      }
      taints.erase(std::remove_if(taints.begin(), taints.end(), same), taints.end());
      continue;
    }
    if (found != taints.end()) {
      if (!overwrite && found->value() != change.value) {
        return absl::FailedPreconditionError(absl::StrCat(
            "node ", node.metadata().name(), " already has ", EffectsOf(changes, false),
            " taint(s) with same effect(s) and --overwrite is false"));
      }
      found->set_value(change.value);
      continue;
    }
    v1::Taint* taint = taints.Add();
    taint->set_key(change.key);
    taint->set_value(change.value);
    taint->set_effect(change.effect);
  }
  return std::string(EffectsOf(changes, false).empty() ? "untainted" : "tainted");
}

}  // namespace

int RunLabel(Context& context, const EditOptions& options) {
  return EditEntries(context, options, "label", &v1::ObjectMeta::mutable_labels);
}

int RunAnnotate(Context& context, const EditOptions& options) {
  return EditEntries(context, options, "annotate", &v1::ObjectMeta::mutable_annotations);
}

int RunTaint(Context& context, const EditOptions& given) {
  EditOptions options = given;
  auto changes = TakeChanges(options.arguments, /*with_effect=*/true);
  if (!changes.ok())
    return FailLocally(context, std::string(changes.status().message()), kExitUsage);
  for (const Change& change : *changes) {
    const bool known = change.effect == "NoSchedule" || change.effect == "PreferNoSchedule" ||
                       change.effect == "NoExecute";
    if (known || (change.remove && change.effect.empty())) continue;
    return FailLocally(context,
                       absl::StrCat("invalid taint effect: \"", change.effect,
                                    "\", expected NoSchedule, PreferNoSchedule or NoExecute, as in "
                                    "key=value:NoSchedule"),
                       kExitUsage);
  }
  const auto targets = ParseTargets(options.arguments);
  if (!targets.ok()) return FailLocally(context, std::string(targets.status().message()));
  for (const Targets::Target& target : targets->list) {
    if (target.kind->kind != v1::Object::kNode) {
      return FailLocally(context, "only nodes can be tainted", kExitUsage);
    }
  }
  return EditAll(context, options, *targets, [&](v1::Object& object) {
    return ChangeTaints(*changes, options.overwrite, *object.mutable_node());
  });
}

int RunCordon(Context& context, const EditOptions& given, bool unschedulable) {
  EditOptions options = given;
  options.arguments.insert(options.arguments.begin(), "nodes");
  const auto targets = ParseTargets(options.arguments);
  if (!targets.ok()) return FailLocally(context, std::string(targets.status().message()));
  return EditAll(context, options, *targets,
                 [unschedulable](v1::Object& object) -> absl::StatusOr<std::string> {
                   v1::NodeSpec& spec = *object.mutable_node()->mutable_spec();
                   const std::string word = unschedulable ? "cordoned" : "uncordoned";
                   if (spec.unschedulable() == unschedulable) return absl::StrCat("already ", word);
                   spec.set_unschedulable(unschedulable);
                   return word;
                 });
}

void AddEdits(CommandLine& line) {
  using Run = std::function<int(Context&, const EditOptions&)>;
  struct Added {
    CLI::App& app;
    EditOptions& options;
  };
  const auto add = [&line](const char* name, const char* description, const char* arguments,
                           Run run) -> Added {
    const auto options = std::make_shared<EditOptions>();
    const auto dry_run = std::make_shared<std::string>();
    CLI::App& app = line.Add(
        name, description, [options, dry_run, run]() -> absl::StatusOr<CommandLine::Action> {
          MUSTER_ASSIGN_OR_RETURN(options->dry_run, ParseDryRun(*dry_run));
          return [options, run](Context& context) { return run(context, *options); };
        });
    app.add_option("arguments", options->arguments, arguments);
    app.add_option("-l,--selector", options->selection.selector, "All with these labels");
    app.add_flag(kDryRunFlag, *dry_run, kDryRunHelp);
    return {app, *options};
  };
  for (const Added& added :
       {add("label", "Set or remove labels", "KIND NAME... KEY=VALUE... KEY-...", RunLabel),
        add("annotate", "Set or remove annotations", "KIND NAME... KEY=VALUE... KEY-...",
            RunAnnotate),
        add("taint", "Set or remove taints of nodes",
            "nodes NAME... KEY=VALUE:EFFECT... KEY[:EFFECT]-...", RunTaint)}) {
    added.app.add_flag("--all", added.options.selection.all, "All of this kind");
    line.AddAllNamespaces(added.app);
    added.app.add_flag("--overwrite", added.options.overwrite, "Existing values may change");
  }
  add("cordon", "Mark nodes as unschedulable", "NAME...",
      [](Context& context, const EditOptions& options) {
        return RunCordon(context, options, true);
      });
  add("uncordon", "Mark nodes as schedulable", "NAME...",
      [](Context& context, const EditOptions& options) {
        return RunCordon(context, options, false);
      });
}

}  // namespace muster::ctl
