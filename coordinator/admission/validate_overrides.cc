#include "coordinator/admission/validate_overrides.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "coordinator/admission/defaults.h"
#include "coordinator/admission/validate_common.h"
#include "coordinator/admission/validate_pod_spec.h"
#include "coordinator/templates/effective.h"
#include "coordinator/templates/node_overrides.h"

namespace muster::coordinator {
namespace {

using Containers = google::protobuf::RepeatedPtrField<v1::Container>;
using Patches = google::protobuf::RepeatedPtrField<v1::ContainerOverride>;

constexpr char kTemplatePath[] = "template";

FieldPath AnnotationPath(const char* key) { return FieldPath("metadata.annotations").Key(key); }

// "list[3].rest" -> 3 and ".rest"; false when the text is of another form.
bool TakeIndex(std::string_view list, std::string_view& text, int& index) {
  if (text.substr(0, list.size() + 1) != absl::StrCat(std::string(list), "[")) return false;
  const size_t end = text.find(']');
  if (end == std::string_view::npos) return false;
  const std::string digits(text.substr(list.size() + 1, end - list.size() - 1));
  if (!absl::SimpleAtoi(digits, &index)) return false;
  text.remove_prefix(end + 1);
  return true;
}

template <typename Named>
int IndexOf(const Named& items, const std::string& name) {
  for (int i = 0; i < items.size(); ++i) {
    if (items[i].name() == name) return i;
  }
  return -1;
}

// Tells of a place in the patched template as the place in the patch that it comes from.
class PathMapper {
 public:
  PathMapper(const v1::PodSpec& patched, const v1::NodeOverride& patch)
      : patched_(patched), patch_(patch) {}

  // Empty: of no container that the patch touches.
  std::string Map(std::string_view path) const {
    const std::string prefix = absl::StrCat(kTemplatePath, ".spec.");
    if (path.substr(0, prefix.size()) != prefix) return "";
    path.remove_prefix(prefix.size());
    std::string mapped =
        MapIn("initContainers", patched_.init_containers(), patch_.init_containers(), path);
    if (mapped.empty()) {
      mapped = MapIn("containers", patched_.containers(), patch_.containers(), path);
    }
    return mapped;
  }

 private:
  static std::string MapIn(const std::string& list, const Containers& containers,
                           const Patches& patches, std::string_view rest) {
    int index = 0;
    if (!TakeIndex(list, rest, index) || index >= containers.size()) return "";
    const int of_patch = IndexOf(patches, containers[index].name());
    if (of_patch < 0) return "";
    const std::string place = absl::StrCat(list, "[", of_patch, "]");
    std::string_view variable = rest;
    int env = 0;
    if (TakeIndex(".env", variable, env) && env < containers[index].env_size()) {
      const int env_of_patch = IndexOf(patches[of_patch].env(), containers[index].env(env).name());
      if (env_of_patch >= 0) {
        return absl::StrCat(place, ".env[", env_of_patch, "]", std::string(variable));
      }
    }
    return place + std::string(rest);
  }

  const v1::PodSpec& patched_;
  const v1::NodeOverride& patch_;
};

// Whom a patch is for has to be in the template, and once in the patch.
void CheckNames(const FieldPath& path, const Patches& patches, const Containers& containers,
                Problems& problems) {
  std::set<std::string> seen;
  for (int i = 0; i < patches.size(); ++i) {
    const FieldPath at = path.Index(i).Child("name");
    const std::string& name = patches[i].name();
    if (name.empty()) {
      problems.Required(at);
    } else if (IndexOf(containers, name) < 0) {
      problems.NotFound(at, name);
    } else if (!seen.insert(name).second) {
      problems.Duplicate(at, name);
    }
  }
}

void CheckClass(const FieldPath& path, const NodeClass& node_class,
                const v1::PodTemplateSpec& pod_template, Problems& problems) {
  const v1::NodeOverride& patch = node_class.patch;
  const size_t problems_before = problems.all().size();
  CheckNames(path.Child("containers"), patch.containers(), pod_template.spec().containers(),
             problems);
  CheckNames(path.Child("initContainers"), patch.init_containers(),
             pod_template.spec().init_containers(), problems);
  if (problems.all().size() != problems_before) return;

  Problems known;
  ValidatePodTemplate(FieldPath(kTemplatePath), pod_template, known);
  v1::PodTemplateSpec patched = pod_template;
  NodeOverrides::Patch(patch, *patched.mutable_spec());
  SetTemplateDefaults(patched);
  Problems found;
  ValidatePodTemplate(FieldPath(kTemplatePath), patched, found);
  const PathMapper mapper(patched.spec(), patch);
  for (const Problem& problem : found.all()) {
    // What is wrong without the patch has been said of the template.
    if (std::count(known.all().begin(), known.all().end(), problem) > 0) continue;
    const std::string place = mapper.Map(problem.path);
    problems.Add({place.empty() ? path.text() : absl::StrCat(path.text(), ".", place), problem.type,
                  problem.value, problem.detail});
  }
}

}  // namespace

void ValidateTemplateAnnotations(const v1::DaemonSet& daemon_set, Problems& problems) {
  const auto& annotations = daemon_set.metadata().annotations();
  if (const auto found = annotations.find(kRollOnConfigAnnotation); found != annotations.end()) {
    if (!IsOneOf(found->second, {"true", "false"})) {
      problems.Unsupported(AnnotationPath(kRollOnConfigAnnotation), found->second,
                           {"true", "false"});
    }
  }
  const auto found = annotations.find(kOverridesAnnotation);
  if (found == annotations.end()) return;
  const FieldPath path = AnnotationPath(kOverridesAnnotation);
  std::vector<OverrideProblem> unreadable;
  const NodeOverrides overrides = NodeOverrides::Parse(found->second, unreadable);
  for (const OverrideProblem& problem : unreadable) {
    problems.Add({path.text() + problem.path, "Invalid value", "", problem.detail});
  }
  for (size_t i = 0; i < overrides.classes().size(); ++i) {
    CheckClass(path.Index(static_cast<int>(i)), overrides.classes()[i],
               daemon_set.spec().template_(), problems);
  }
}

}  // namespace muster::coordinator
