#include "test/simulation/wish.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "test/simulation/releases.h"

namespace muster::simulation {
namespace {

void SetIntOrString(v1::IntOrString& value, const std::string& text) {
  int32_t number = 0;
  if (absl::SimpleAtoi(text, &number)) {
    value.set_int_value(number);
  } else {
    value.set_string_value(text);
  }
}

void Annotate(const Wish& wish, v1::ObjectMeta& meta) {
  auto& annotations = *meta.mutable_annotations();
  const auto set = [&](const char* key, const std::string& value) {
    if (!value.empty()) annotations[key] = value;
  };
  set("muster.dev/max-failed", wish.max_failed);
  set("muster.dev/on-failure", wish.on_failure);
  set("muster.dev/canary", wish.canary);
  set("muster.dev/progress-deadline", wish.deadline);
  set("muster.dev/roll-on-config", wish.rolls_on_config ? "true" : "");
  set("muster.dev/pre-pull", wish.pre_pulls ? "true" : "");
  set("muster.dev/suspend", wish.suspended ? "true" : "");
  set(kOverrides, wish.edge_class.empty() ? "" : OverridesFor(wish.edge_class));
}

}  // namespace

void ChangeTemplate(const std::string& variant, Dice& dice, Wish& wish) {
  wish.variant = variant;
  wish.image = absl::StrCat("app:", 1 + dice.Roll(4));
  wish.command = dice.Pick<std::string>({"serve", "serve", "slow-stop", "stubborn"});
  wish.ready_path = dice.Chance(0.25) ? "/ready" : "";
  if (dice.Chance(0.15)) wish.command = kCrash;
  if (dice.Chance(0.10)) wish.command = kFlaky;
  if (dice.Chance(0.06)) wish.image = "app:missing";
  if (dice.Chance(0.06)) wish.image = kBrokenImage;
  if (dice.Chance(0.08)) wish.ready_path = kNeverReady;
  wish.grace = dice.Pick<int>({0, 1, 5, 30});
}

void ChangeGuard(Dice& dice, Wish& wish) {
  wish.max_failed = dice.Pick<std::string>({"", "1", "2", "34%"});
  wish.on_failure = dice.Pick<std::string>({"", "pause", "rollback", "rollback"});
  wish.canary =
      dice.Pick<std::string>({"", "", "{count: 1}", "{count: 34%}", "{selector: tier=edge}"});
  wish.deadline = dice.Pick<std::string>({"", "", "3m", "8m"});
  wish.min_ready_seconds = dice.Pick<int>({0, 5, 5, 40});
  wish.pre_pulls = dice.Chance(0.4);
}

bool IsMended(const Wish& wish) {
  return wish.command != kCrash && wish.command != kFlaky && wish.image != "app:missing" &&
         wish.image != kBrokenImage && wish.ready_path != kNeverReady;
}

void Mend(const std::string& variant, Wish& wish) {
  wish.variant = variant;
  wish.command = "serve";
  wish.image = "app:1";
  wish.ready_path.clear();
}

v1::Object ObjectOf(const Wish& wish, Dice& dice) {
  v1::Object object;
  v1::DaemonSet& daemon_set = *object.mutable_daemon_set();
  daemon_set.set_api_version("apps/v1");
  daemon_set.set_kind("DaemonSet");
  daemon_set.mutable_metadata()->set_name(wish.name);
  daemon_set.mutable_metadata()->set_namespace_(kNamespace);
  Annotate(wish, *daemon_set.mutable_metadata());
  v1::DaemonSetSpec& spec = *daemon_set.mutable_spec();
  (*spec.mutable_selector()->mutable_match_labels())["app"] = wish.name;
  v1::PodTemplateSpec& pod_template = *spec.mutable_template_();
  (*pod_template.mutable_metadata()->mutable_labels())["app"] = wish.name;
  v1::PodSpec& pod = *pod_template.mutable_spec();
  if (!wish.tier.empty()) (*pod.mutable_node_selector())["tier"] = wish.tier;
  if (wish.tolerates) pod.add_tolerations()->set_operator_("Exists");
  pod.set_termination_grace_period_seconds(wish.grace);
  v1::Container& container = *pod.add_containers();
  container.set_name("main");
  container.set_image(wish.image);
  container.add_command(wish.command);
  v1::EnvVar& variant = *container.add_env();
  variant.set_name(kVariantVariable);
  variant.set_value(wish.variant);
  if (wish.reads_config) {
    v1::EnvVar& config = *container.add_env();
    config.set_name("SIM_CONFIG");
    v1::ConfigMapKeySelector& from = *config.mutable_value_from()->mutable_config_map_key_ref();
    from.set_name(ConfigName(wish.name));
    from.set_key(kConfigKey);
  }
  if (!wish.ready_path.empty()) {
    v1::Probe& probe = *container.mutable_readiness_probe();
    probe.mutable_http_get()->set_path(wish.ready_path);
    probe.mutable_http_get()->mutable_port()->set_int_value(80);
    probe.set_period_seconds(20);
  }
  // The same amount in other words: no reason to restart anything.
  (*container.mutable_resources()->mutable_requests())["cpu"].set_text(dice.Chance(0.5) ? "100m"
                                                                                        : "0.1");

  v1::DaemonSetUpdateStrategy& strategy = *spec.mutable_update_strategy();
  strategy.set_type(wish.on_delete ? "OnDelete" : "RollingUpdate");
  if (!wish.on_delete) {
    v1::RollingUpdateDaemonSet& rolling = *strategy.mutable_rolling_update();
    SetIntOrString(*rolling.mutable_max_unavailable(), wish.surge ? "0" : wish.budget);
    SetIntOrString(*rolling.mutable_max_surge(), wish.surge ? wish.budget : "0");
  }
  spec.set_min_ready_seconds(wish.min_ready_seconds);
  return object;
}

std::string ConfigName(const std::string& daemon_set) { return "conf-" + daemon_set; }

v1::Object ConfigOf(const std::string& daemon_set, const std::string& content) {
  v1::Object object;
  v1::ConfigMap& config = *object.mutable_config_map();
  config.set_api_version("v1");
  config.set_kind("ConfigMap");
  config.mutable_metadata()->set_name(ConfigName(daemon_set));
  config.mutable_metadata()->set_namespace_(kNamespace);
  (*config.mutable_data())[kConfigKey] = content;
  return object;
}

std::string Describe(const Wish& wish) {
  std::string text = absl::StrCat(wish.name, " variant ", wish.variant, " ", wish.command, " ",
                                  wish.image, wish.tier.empty() ? "" : " tier=", wish.tier);
  if (wish.on_delete) {
    absl::StrAppend(&text, " OnDelete");
  } else {
    absl::StrAppend(&text, wish.surge ? " surge " : " unavailable ", wish.budget);
  }
  absl::StrAppend(&text, " ready after ", wish.min_ready_seconds);
  const auto add = [&](const char* what, const std::string& value) {
    if (!value.empty()) absl::StrAppend(&text, " ", what, "=", value);
  };
  add("probe", wish.ready_path);
  add("max-failed", wish.max_failed);
  add("on-failure", wish.on_failure);
  add("canary", wish.canary);
  add("deadline", wish.deadline);
  add("edge", wish.edge_class);
  if (wish.reads_config)
    absl::StrAppend(&text, wish.rolls_on_config ? " rolls on" : " reads", " config");
  if (wish.pre_pulls) absl::StrAppend(&text, " pre-pulls");
  if (wish.suspended) absl::StrAppend(&text, " suspended");
  return text;
}

}  // namespace muster::simulation
