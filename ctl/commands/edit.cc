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

namespace muster::ctl {
namespace {

// Somebody else may change the object between our reading and our writing it.
constexpr int kAttemptsMax = 10;

using LabelMap = google::protobuf::Map<std::string, std::string>;

struct Change {
  std::string key, value, effect;
  bool remove = false;
};

// Changes one object in memory and says what happened in kubectl's word ("labeled"). An error ends
// the command.
using EditFunction = std::function<absl::StatusOr<std::string>(v1::Object&)>;

absl::StatusOr<std::vector<v1::Object>> Find(Context& context, AdminClient& client,
                                             const EditOptions& options, const Targets& targets) {
  std::vector<v1::Object> objects;
  for (const Targets::Target& target : targets.list) {
    if (!target.name.empty()) {
      admin::v1::GetRequest request;
      *request.mutable_ref() = RefOf(context, target);
      auto response = client.Get(request);
      if (!response.ok()) return response.status();
      objects.push_back(std::move(*response->mutable_object()));
      continue;
    }
    admin::v1::ListRequest request;
    request.set_resource(std::string(target.kind->plural));
    request.set_namespace_(NamespaceFor(context, *target.kind));
    request.set_all_namespaces(context.all_namespaces && target.kind->namespaced);
    request.set_label_selector(options.selector);
    auto list = client.List(request);
    if (!list.ok()) return list.status();
    for (v1::Object& object : *list->mutable_objects()) objects.push_back(std::move(object));
  }
  return objects;
}

absl::StatusOr<std::string> EditOne(Context& context, AdminClient& client,
                                    const EditOptions& options, v1::Object object,
                                    const EditFunction& edit) {
  const model::KindInfo& kind = model::InfoOf(object);
  for (int attempt = 1;; ++attempt) {
    auto outcome = edit(object);
    if (!outcome.ok() || options.dry_run == DryRun::kClient) return outcome;
    admin::v1::UpdateRequest request;
    *request.mutable_object() = object;
    request.set_dry_run(options.dry_run == DryRun::kServer);
    auto updated = client.Update(request);
    if (updated.ok()) return outcome;
    if (updated.status().code() != absl::StatusCode::kAborted || attempt == kAttemptsMax) {
      return updated.status();
    }
    admin::v1::GetRequest again;
    again.mutable_ref()->set_resource(std::string(kind.plural));
    again.mutable_ref()->set_namespace_(model::MetadataOf(object).namespace_());
    again.mutable_ref()->set_name(model::MetadataOf(object).name());
    auto fresh = client.Get(again);
    if (!fresh.ok()) return fresh.status();
    object = fresh->object();
  }
}

int EditAll(Context& context, const EditOptions& options, const Targets& targets,
            const EditFunction& edit) {
  for (const Targets::Target& target : targets.list) {
    if (target.name.empty() && !options.all && options.selector.empty()) {
      return FailLocally(context, "give names, -l SELECTOR or --all", kExitUsage);
    }
  }
  const auto client = context.client();
  if (!client.ok()) return Fail(context, client.status());
  const auto objects = Find(context, **client, options, targets);
  if (!objects.ok()) return Fail(context, objects.status());
  if (objects->empty()) {
    context.err << "No resources found\n";
    return kExitNothingMatched;
  }
  int exit_code = kExitDone;
  for (const v1::Object& object : *objects) {
    const auto outcome = EditOne(context, **client, options, object, edit);
    if (outcome.ok()) {
      context.out << model::QualifiedName(object) << " " << *outcome
                  << DryRunSuffix(options.dry_run) << "\n";
    } else if (outcome.status().code() == absl::StatusCode::kFailedPrecondition) {
      exit_code = FailLocally(context, std::string(outcome.status().message()));
    } else {
      exit_code = Fail(context, outcome.status());
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
  const auto add = [&line](const char* name, const char* description, const char* arguments,
                           Run run) {
    const auto options = std::make_shared<EditOptions>();
    const auto dry_run = std::make_shared<std::string>();
    CLI::App& app = line.Add(
        name, description, [options, dry_run, run]() -> absl::StatusOr<CommandLine::Action> {
          MUSTER_ASSIGN_OR_RETURN(options->dry_run, ParseDryRun(*dry_run));
          return [options, run](Context& context) { return run(context, *options); };
        });
    app.add_option("arguments", options->arguments, arguments);
    app.add_option("-l,--selector", options->selector, "All with these labels");
    app.add_flag("--all", options->all, "All of this kind");
    line.AddAllNamespaces(app);
    app.add_flag("--overwrite", options->overwrite, "Existing values may change");
    app.add_flag(kDryRunFlag, *dry_run, kDryRunHelp);
  };
  add("label", "Set or remove labels", "KIND NAME... KEY=VALUE... KEY-...", RunLabel);
  add("annotate", "Set or remove annotations", "KIND NAME... KEY=VALUE... KEY-...", RunAnnotate);
  add("taint", "Set or remove taints of nodes",
      "nodes NAME... KEY=VALUE:EFFECT... KEY[:EFFECT]-...", RunTaint);
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
