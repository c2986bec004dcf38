#include "ctl/commands/wait.h"

#include <charconv>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "common/manifest/encode.h"
#include "ctl/commands/await.h"
#include "ctl/commands/command_line.h"
#include "ctl/commands/flags.h"
#include "ctl/jsonpath/template.h"

namespace muster::ctl {
namespace {

using manifest::Value;

// What is waited for, from the text of --for.
class Goal {
 public:
  static absl::StatusOr<Goal> Parse(const std::string& text) {
    Goal goal;
    if (text == "delete" || text == "create") {
      goal.type_ = text == "delete" ? Type::kGone : Type::kThere;
      return goal;
    }
    std::string rest = text;
    if (rest.starts_with("condition=")) {
      rest.erase(0, 10);
      const size_t equals = rest.find('=');
      goal.type_ = Type::kCondition;
      goal.name_ = rest.substr(0, equals);
      if (equals != std::string::npos) goal.value_ = rest.substr(equals + 1);
      if (!goal.name_.empty()) return goal;
    } else if (rest.starts_with("jsonpath=")) {
      rest.erase(0, 9);
      const size_t value = ValueAt(rest);
      goal.type_ = Type::kPath;
      MUSTER_ASSIGN_OR_RETURN(goal.path_, jsonpath::Template::ParsePath(rest.substr(0, value)));
      if (value == std::string::npos) {
        goal.value_.reset();
        return goal;
      }
      goal.value_ = rest.substr(value + 1);
      if (!goal.value_->empty()) return goal;
    }
    return absl::InvalidArgumentError(absl::StrCat(
        "--for: expected delete, create, condition=TYPE, condition=TYPE=VALUE, jsonpath=PATH or "
        "jsonpath=PATH=VALUE, found \"",
        text, "\""));
  }

  bool wants_gone() const { return type_ == Type::kGone; }
  bool wants_there() const { return type_ == Type::kThere; }

  absl::StatusOr<bool> IsReached(const v1::Object* object, const std::string& uid) const {
    if (object == nullptr) {
      if (type_ == Type::kGone) return true;
      if (type_ == Type::kThere) return false;
      return absl::NotFoundError("it was deleted while waiting for it");
    }
    switch (type_) {
      case Type::kGone:
        return model::MetadataOf(*object).uid() != uid;
      case Type::kThere:
        return true;
      case Type::kCondition:
        return HasCondition(manifest::ToValue(*object));
      case Type::kPath:
        return HasValue(manifest::ToValue(*object));
    }
    return false;
  }

 private:
  enum class Type { kGone, kThere, kCondition, kPath };

  // The "=" after a path, which itself may have some inside its braces.
  static size_t ValueAt(const std::string& text) {
    const size_t brace = text.starts_with('{') ? text.rfind('}') : 0;
    return brace == std::string::npos ? brace : text.find('=', brace);
  }

  static int64_t NumberAt(const Value* mapping, std::string_view key) {
    const Value* value = mapping == nullptr ? nullptr : mapping->Find(key);
    int64_t number = 0;
    if (value == nullptr) return 0;
    std::from_chars(value->text.data(), value->text.data() + value->text.size(), number);
    return number;
  }

  bool HasCondition(const Value& object) const {
    const Value* status = object.Find("status");
    const Value* conditions = status == nullptr ? nullptr : status->Find("conditions");
    if (conditions == nullptr) return false;
    for (const Value& condition : conditions->items) {
      const Value* type = condition.Find("type");
      const Value* state = condition.Find("status");
      if (type == nullptr || state == nullptr) continue;
      if (!absl::EqualsIgnoreCase(type->text, name_)) continue;
      // One that was found before the last change of the object says nothing of it.
      const int64_t generation = NumberAt(object.Find("metadata"), "generation");
      int64_t observed = NumberAt(&condition, "observedGeneration");
      if (observed == 0) observed = NumberAt(status, "observedGeneration");
      if (observed > 0 && observed < generation) return false;
      return absl::EqualsIgnoreCase(state->text, *value_);
    }
    return false;
  }

  absl::StatusOr<bool> HasValue(const Value& object) const {
    MUSTER_ASSIGN_OR_RETURN(const auto found, path_->Find(object));
    if (found.empty()) return false;
    if (!value_) return true;
    if (found.size() > 1) {
      return absl::FailedPreconditionError("the path finds several values; name one to wait for");
    }
    const bool one =
        found[0]->type != Value::Type::kList && found[0]->type != Value::Type::kMapping;
    if (!one) {
      return absl::FailedPreconditionError(
          "the path finds a list or a mapping; name a single value to wait for");
    }
    return jsonpath::TextOf(*found[0]) == *value_;
  }

  Type type_ = Type::kGone;
  std::string name_;                           // kCondition
  std::optional<std::string> value_ = "True";  // kCondition, kPath
  std::optional<jsonpath::Template> path_;
};

struct Awaited {
  const model::KindInfo* kind;
  admin::v1::ObjectRef ref;
  std::string uid;  // Empty: not there.
};

absl::StatusOr<std::vector<Awaited>> FindAll(Context& context, AdminClient& client,
                                             const WaitOptions& options, const Targets& targets) {
  std::vector<Awaited> all;
  for (const Targets::Target& target : targets.list) {
    if (target.name.empty()) {
      MUSTER_ASSIGN_OR_RETURN(
          const admin::v1::ListResponse list,
          client.List(ListRequestFor(context, *target.kind, options.selection)));
      for (const v1::Object& object : list.objects()) {
        all.push_back({target.kind, RefTo(object), model::MetadataOf(object).uid()});
      }
      continue;
    }
    Awaited awaited{target.kind, RefOf(context, target), ""};
    admin::v1::GetRequest request;
    *request.mutable_ref() = awaited.ref;
    const auto response = client.Get(request);
    if (response.ok()) {
      awaited.uid = model::MetadataOf(response->object()).uid();
    } else if (response.status().code() != absl::StatusCode::kNotFound) {
      return response.status();
    }
    all.push_back(std::move(awaited));
  }
  return all;
}

absl::Status AwaitOne(AdminClient& client, const Goal& goal, const Awaited& awaited,
                      const Deadline& deadline) {
  if (awaited.uid.empty() && !goal.wants_gone() && !goal.wants_there()) {
    admin::v1::GetRequest request;
    *request.mutable_ref() = awaited.ref;
    return client.Get(request).status();  // NotFound, in the coordinator's words.
  }
  return Await(client, awaited.ref, deadline,
               [&](const v1::Object* object) { return goal.IsReached(object, awaited.uid); });
}

}  // namespace

int RunWait(Context& context, const WaitOptions& options) {
  const auto goal = Goal::Parse(options.condition);
  if (!goal.ok()) return FailLocally(context, std::string(goal.status().message()), kExitUsage);
  const auto targets = ParseTargets(options.arguments);
  if (!targets.ok()) return FailLocally(context, std::string(targets.status().message()));
  if (const absl::Status status = CheckSelection(*targets, options.selection); !status.ok()) {
    return FailLocally(context, std::string(status.message()), kExitUsage);
  }
  const auto client = context.client();
  if (!client.ok()) return Fail(context, client.status());
  const auto all = FindAll(context, **client, options, *targets);
  if (!all.ok()) return Fail(context, all.status());
  if (all->empty() && goal->wants_gone()) return kExitDone;
  if (all->empty()) {
    return FailLocally(context, "no matching resources found", kExitNothingMatched);
  }
  const Deadline deadline(options.timeout);
  int exit_code = kExitDone;
  for (const Awaited& awaited : *all) {
    const absl::Status status = AwaitOne(**client, *goal, awaited, deadline);
    if (status.ok()) {
      context.out << model::QualifiedName(*awaited.kind, awaited.ref.name()) << " condition met\n";
      context.out.flush();
      continue;
    }
    switch (status.code()) {
      case absl::StatusCode::kDeadlineExceeded:
        exit_code = FailLocally(context,
                                absl::StrCat("timed out waiting for the condition on ",
                                             awaited.ref.resource(), "/", awaited.ref.name()),
                                kExitTimedOut);
        break;
      case absl::StatusCode::kFailedPrecondition:
        exit_code =
            FailLocally(context, absl::StrCat(awaited.ref.resource(), "/", awaited.ref.name(), ": ",
                                              std::string(status.message())));
        break;
      default:
        exit_code = Fail(context, status);
        if (status.code() == absl::StatusCode::kUnavailable) return exit_code;
    }
  }
  return exit_code;
}

void AddWait(CommandLine& line) {
  const auto options = std::make_shared<WaitOptions>();
  const auto timeout = std::make_shared<std::string>("30s");
  CLI::App& app =
      line.Add("wait", "Wait for something to become true of objects",
               [options, timeout]() -> absl::StatusOr<CommandLine::Action> {
                 if (timeout->starts_with('-')) {
                   options->timeout.reset();
                 } else {
                   MUSTER_ASSIGN_OR_RETURN(options->timeout, ParseDuration(*timeout));
                 }
                 return [options](Context& context) { return RunWait(context, *options); };
               });
  app.add_option("resource", options->arguments, "KIND/NAME..., KIND NAME... or KIND");
  app.add_option("--for", options->condition,
                 "delete, create, condition=TYPE[=VALUE] or jsonpath=PATH[=VALUE]")
      ->required();
  app.add_option("-l,--selector", options->selection.selector, "All with these labels");
  app.add_option("--field-selector", options->selection.field_selector, "All with these fields");
  app.add_flag("--all", options->selection.all, "All of this kind");
  line.AddAllNamespaces(app);
  app.add_option("--timeout", *timeout,
                 "How long in all (default 30s); 0 looks once, below 0 waits for ever");
}

}  // namespace muster::ctl
