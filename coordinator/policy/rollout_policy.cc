#include "coordinator/policy/rollout_policy.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "common/manifest/decode.h"
#include "common/manifest/json_writer.h"
#include "common/manifest/reader.h"
#include "common/manifest/suggest.h"
#include "common/manifest/value.h"
#include "common/model/int_or_string.h"
#include "common/model/pod_annotations.h"

namespace muster::coordinator {
namespace {

using manifest::Value;

constexpr char kPrefix[] = "muster.dev/";
constexpr size_t kPrefixSize = sizeof(kPrefix) - 1;

// Everything below the prefix that means something on a DaemonSet.
constexpr std::string_view kKnownAnnotations[] = {
    kProgressDeadlineAnnotation,
    kOnFailureAnnotation,
    kMaxFailedAnnotation,
    kCanaryAnnotation,
    kPausedAnnotation,
    kSuspendAnnotation,
    kPrePullAnnotation,
    kRolloutRequestAnnotation,
    // What its pods get, when their template does not say it.
    model::kZeroGapAnnotation,
    // What changes templates: see coordinator/templates.
    "muster.dev/overrides",
    "muster.dev/roll-on-config",
};

constexpr absl::Duration kDeadlineMin = absl::Seconds(1);
constexpr absl::Duration kDeadlineMax = absl::Hours(24 * 365);

absl::Status Expected(const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat("expected ", what));
}

absl::StatusOr<Duration> ParseDeadline(const std::string& text) {
  absl::Duration duration;
  if (!absl::ParseDuration(text, &duration) || duration < kDeadlineMin || duration > kDeadlineMax) {
    return Expected("a duration from 1s to 8760h, such as 10m or 1h30m");
  }
  return absl::ToChronoNanoseconds(duration);
}

absl::StatusOr<bool> ParseSwitch(const std::string& text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return Expected("\"true\" or \"false\"");
}

absl::StatusOr<RolloutPolicy::OnFailure> ParseOnFailure(const std::string& text) {
  if (text == "pause") return RolloutPolicy::OnFailure::kPause;
  if (text == "rollback") return RolloutPolicy::OnFailure::kRollback;
  return Expected("pause or rollback");
}

// "3" or "10%", the latter up to 100%.
std::optional<v1::IntOrString> ParseShare(const std::string& text) {
  if (const std::optional<int32_t> percent = model::PercentOf(model::FromString(text))) {
    if (*percent > 100) return std::nullopt;
    return model::FromString(text);
  }
  int32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0) return std::nullopt;
  return model::FromInt(number);
}

absl::StatusOr<v1::IntOrString> ParseMaxFailed(const std::string& text) {
  if (std::optional<v1::IntOrString> share = ParseShare(text)) return *std::move(share);
  return Expected("a number of nodes such as 3, or a percentage such as 10%");
}

bool IsZero(const v1::IntOrString& share) {
  return model::PercentOf(share).value_or(share.int_value()) == 0;
}

// A text as behind `-l`, a mapping of labels as in nodeSelector, or a label selector.
absl::StatusOr<model::LabelQuery> ParseSelector(const Value& value) {
  absl::StatusOr<model::LabelQuery> query =
      Expected("selector to be a text such as \"tier=canary\", labels, or a label selector");
  if (value.type == Value::Type::kString) {
    query = model::LabelQuery::Parse(value.text);
  } else if (value.type == Value::Type::kMapping) {
    v1::LabelSelector selector;
    if (value.Find("matchLabels") != nullptr || value.Find("matchExpressions") != nullptr) {
      const absl::Status decoded =
          manifest::DecodeJson(manifest::WriteJson(value, manifest::JsonForm::kCompact), selector);
      if (!decoded.ok())
        return absl::InvalidArgumentError(absl::StrCat("selector: ", decoded.message()));
    } else {
      for (const manifest::Member& member : value.members) {
        if (member.value.type != Value::Type::kString) {
          return Expected(absl::StrCat("selector.", member.key, " to be a text in quotes"));
        }
        (*selector.mutable_match_labels())[member.key] = member.value.text;
      }
    }
    query = model::LabelQuery::FromSelector(selector);
  }
  if (!query.ok()) return absl::InvalidArgumentError(query.status().message());
  if (query->empty()) return Expected("selector to name at least one label");
  return query;
}

absl::StatusOr<RolloutPolicy::Canary> ParseCanary(const std::string& text) {
  const absl::Status form = Expected(
      "one of selector and count, such as {selector: tier=canary}, {count: 2} or {count: 10%}");
  const manifest::ReadResult read = manifest::ReadYaml(text, {});
  if (!read.problems.empty() || read.documents.size() != 1) return form;
  const Value& value = read.documents.front();
  if (value.type != Value::Type::kMapping || value.members.size() != 1) return form;
  const auto& [key, key_position, chosen] = value.members.front();
  RolloutPolicy::Canary canary;
  if (key == "selector") {
    absl::StatusOr<model::LabelQuery> selector = ParseSelector(chosen);
    if (!selector.ok()) return selector.status();
    canary.selector = *std::move(selector);
    return canary;
  }
  if (key != "count") return form;
  const bool scalar = chosen.type == Value::Type::kInteger || chosen.type == Value::Type::kString;
  std::optional<v1::IntOrString> count = scalar ? ParseShare(chosen.text) : std::nullopt;
  if (!count || IsZero(*count)) {
    return Expected("count to be a number of nodes from 1, or a percentage from 1% to 100%");
  }
  canary.count = *std::move(count);
  return canary;
}

absl::StatusOr<RolloutPolicy::Request> ParseRequest(const std::string& text) {
  const std::pair<std::string, std::string> words = absl::StrSplit(text, absl::MaxSplits(' ', 1));
  RolloutPolicy::Request request;
  request.revision = words.second;
  if (words.first == "promote") {
    request.verb = RolloutPolicy::Request::Verb::kPromote;
  } else if (words.first == "abort") {
    request.verb = RolloutPolicy::Request::Verb::kAbort;
  } else if (words.first == "resume") {
    request.verb = RolloutPolicy::Request::Verb::kResume;
  } else {
    request.revision.clear();
  }
  if (request.revision.empty()) {
    return Expected("promote, abort or resume, a space, and the hash of a revision");
  }
  return request;
}

// Reads one annotation with its own parser.
class Reader {
 public:
  explicit Reader(const model::LabelMap& annotations) : annotations_(annotations) {}

  template <typename Parse, typename Target>
  void Read(const char* key, Parse parse, Target& target) {
    const auto found = annotations_.find(key);
    if (found == annotations_.end()) return;
    auto parsed = parse(found->second);
    if (parsed.ok()) {
      target = *std::move(parsed);
    } else {
      problems_.push_back({key, found->second, std::string(parsed.status().message())});
    }
  }

  std::vector<PolicyProblem> TakeProblems() { return std::move(problems_); }

 private:
  const model::LabelMap& annotations_;
  std::vector<PolicyProblem> problems_;
};

}  // namespace

int64_t RolloutPolicy::FailuresMax(int32_t desired) const {
  if (!max_failed) return 1;
  const std::optional<int32_t> percent = model::PercentOf(*max_failed);
  const int64_t most =
      percent ? int64_t{*percent} * desired / 100 : int64_t{max_failed->int_value()};
  return std::max<int64_t>(most, 1);
}

int64_t RolloutPolicy::CanaryNodes(int32_t desired) const {
  if (!canary || !canary->count) return std::numeric_limits<int64_t>::max();
  const absl::StatusOr<int32_t> count = model::ScaledRoundingUp(*canary->count, desired);
  return std::max<int64_t>(count.value_or(1), 1);
}

std::optional<Duration> RolloutPolicy::ReadyWithin() const {
  if (progress_deadline) return progress_deadline;
  if (is_guarded()) return kReadyWithinDefault;
  return std::nullopt;
}

ParsedPolicy ParseRolloutPolicy(const model::LabelMap& annotations) {
  ParsedPolicy parsed;
  RolloutPolicy& policy = parsed.policy;
  Reader reader(annotations);
  reader.Read(kProgressDeadlineAnnotation, &ParseDeadline, policy.progress_deadline);
  reader.Read(kOnFailureAnnotation, &ParseOnFailure, policy.on_failure);
  reader.Read(kMaxFailedAnnotation, &ParseMaxFailed, policy.max_failed);
  reader.Read(kCanaryAnnotation, &ParseCanary, policy.canary);
  reader.Read(kPausedAnnotation, &ParseSwitch, policy.paused);
  reader.Read(kSuspendAnnotation, &ParseSwitch, policy.suspended);
  reader.Read(kPrePullAnnotation, &ParseSwitch, policy.pre_pull);
  reader.Read(kRolloutRequestAnnotation, &ParseRequest, policy.request);
  parsed.problems = reader.TakeProblems();
  return parsed;
}

std::vector<UnknownAnnotation> FindUnknownAnnotations(const model::LabelMap& annotations) {
  std::vector<UnknownAnnotation> unknown;
  std::vector<std::string_view> known;  // Behind the prefix, which would make anything look near.
  for (const std::string_view key : kKnownAnnotations) known.push_back(key.substr(kPrefixSize));
  for (const auto& [key, value] : annotations) {
    if (!key.starts_with(kPrefix)) continue;
    const std::string_view name = std::string_view(key).substr(kPrefixSize);
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    const std::string nearest = manifest::Suggest(name, known);
    unknown.push_back({key, nearest.empty() ? "" : absl::StrCat(kPrefix, nearest)});
  }
  std::sort(unknown.begin(), unknown.end(),
            [](const auto& a, const auto& b) { return a.key < b.key; });
  return unknown;
}

}  // namespace muster::coordinator
