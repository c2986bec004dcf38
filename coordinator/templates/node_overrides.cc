#include "coordinator/templates/node_overrides.h"

#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/manifest/json_writer.h"
#include "common/manifest/reader.h"
#include "common/manifest/value.h"

namespace muster::coordinator {
namespace {

using manifest::Value;

constexpr char kSelector[] = "selector";

absl::Status Expected(const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat("expected ", what));
}

template <typename Message>
absl::Status Decode(const Value& value, Message& message) {
  return manifest::DecodeJson(manifest::WriteJson(value, manifest::JsonForm::kCompact), message);
}

// "tier=big,!spot", {tier: big}, or a label selector.
absl::StatusOr<model::LabelQuery> ReadSelector(const Value& value) {
  if (value.type == Value::Type::kString) return model::LabelQuery::Parse(value.text);
  if (value.type != Value::Type::kMapping) {
    return Expected("a text such as \"tier=big\", labels, or a label selector");
  }
  v1::LabelSelector selector;
  if (value.Find("matchLabels") != nullptr || value.Find("matchExpressions") != nullptr) {
    if (absl::Status decoded = Decode(value, selector); !decoded.ok()) return decoded;
  } else {
    for (const manifest::Member& member : value.members) {
      if (member.value.type != Value::Type::kString) {
        return Expected(absl::StrCat("the value of label ", member.key, " to be a text in quotes"));
      }
      (*selector.mutable_match_labels())[member.key] = member.value.text;
    }
  }
  return model::LabelQuery::FromSelector(selector);
}

class ListReader {
 public:
  explicit ListReader(std::vector<OverrideProblem>& problems) : problems_(problems) {}

  std::vector<NodeClass> Read(std::string_view text) {
    const manifest::ReadResult read = manifest::ReadYaml(text, {});
    for (const manifest::ReadProblem& problem : read.problems) {
      problems_.push_back({"", absl::StrCat("line ", problem.position.line,
                                            " of the annotation: ", problem.message)});
    }
    if (!problems_.empty()) return {};
    if (read.documents.size() != 1 || read.documents[0].type != Value::Type::kList) {
      problems_.push_back({"", "expected a list of {selector, containers}"});
      return {};
    }
    std::vector<NodeClass> classes;
    const std::vector<Value>& items = read.documents[0].items;
    for (size_t i = 0; i < items.size(); ++i) {
      classes.push_back(ReadClass(absl::StrCat("[", i, "]"), items[i]));
    }
    return classes;
  }

 private:
  NodeClass ReadClass(const std::string& path, Value value) {
    NodeClass read;
    if (value.type != Value::Type::kMapping) {
      problems_.push_back({path, "expected a mapping with selector and containers"});
      return read;
    }
    const std::string selector_path = absl::StrCat(path, ".", kSelector);
    if (const Value* selector = value.Find(kSelector); selector == nullptr) {
      problems_.push_back({selector_path, "expected the labels of the nodes that this is for"});
    } else {
      absl::StatusOr<model::LabelQuery> query = ReadSelector(*selector);
      if (query.ok() && query->empty()) query = Expected("at least one label of a node");
      if (query.ok()) {
        read.selector = *std::move(query);
      } else {
        problems_.push_back({selector_path, std::string(query.status().message())});
      }
    }
    std::erase_if(value.members, [](const auto& member) { return member.key == kSelector; });
    if (absl::Status decoded = Decode(value, read.patch); !decoded.ok()) {
      AddDecodeProblem(path, std::string(decoded.message()));
    } else if (read.patch.containers().empty() && read.patch.init_containers().empty()) {
      problems_.push_back({absl::StrCat(path, ".containers"),
                           "expected at least one container with what is different there"});
    }
    return read;
  }

  // "containers[0].image: expected ...": the path in front belongs to ours.
  void AddDecodeProblem(const std::string& path, const std::string& message) {
    const size_t colon = message.find(": ");
    const size_t blank = message.find(' ');
    if (colon == std::string::npos || blank < colon) {
      problems_.push_back({path, message});
    } else {
      problems_.push_back(
          {absl::StrCat(path, ".", message.substr(0, colon)), message.substr(colon + 2)});
    }
  }

  std::vector<OverrideProblem>& problems_;
};

void PatchEnvironment(const v1::ContainerOverride& patch, v1::Container& container) {
  for (const v1::EnvVar& variable : patch.env()) {
    v1::EnvVar* target = nullptr;
    for (v1::EnvVar& existing : *container.mutable_env()) {
      if (existing.name() == variable.name()) target = &existing;
    }
    if (target == nullptr) target = container.add_env();
    *target = variable;
  }
}

void PatchContainer(const v1::ContainerOverride& patch, v1::Container& container) {
  if (!patch.image().empty()) container.set_image(patch.image());
  if (!patch.args().empty()) *container.mutable_args() = patch.args();
  PatchEnvironment(patch, container);
  for (const auto& [name, amount] : patch.resources().limits()) {
    (*container.mutable_resources()->mutable_limits())[name] = amount;
  }
  for (const auto& [name, amount] : patch.resources().requests()) {
    (*container.mutable_resources()->mutable_requests())[name] = amount;
  }
}

template <typename Patches, typename Containers>
void PatchByName(const Patches& patches, Containers& containers) {
  for (const v1::ContainerOverride& patch : patches) {
    for (v1::Container& container : containers) {
      if (container.name() == patch.name()) PatchContainer(patch, container);
    }
  }
}

}  // namespace

NodeOverrides NodeOverrides::Parse(std::string_view text, std::vector<OverrideProblem>& problems) {
  std::vector<OverrideProblem> found;
  NodeOverrides overrides;
  overrides.classes_ = ListReader(found).Read(text);
  if (!found.empty()) overrides.classes_.clear();
  problems.insert(problems.end(), found.begin(), found.end());
  return overrides;
}

int NodeOverrides::ClassOf(const model::LabelMap& node_labels) const {
  for (size_t i = 0; i < classes_.size(); ++i) {
    if (classes_[i].selector.Matches(node_labels)) return static_cast<int>(i);
  }
  return kNoClass;
}

void NodeOverrides::Patch(const v1::NodeOverride& patch, v1::PodSpec& spec) {
  PatchByName(patch.containers(), *spec.mutable_containers());
  PatchByName(patch.init_containers(), *spec.mutable_init_containers());
}

}  // namespace muster::coordinator
