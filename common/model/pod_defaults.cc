#include "common/model/pod_defaults.h"

#include <string>
#include <vector>

#include "common/model/image_reference.h"
#include "common/model/quantity.h"
#include "google/protobuf/descriptor.h"

namespace muster::model {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr int32_t kFileMode = 0644;
constexpr int64_t kGracePeriodSeconds = 30;
constexpr int64_t kTokenExpirationSeconds = 3600;

void DefaultHttpGet(v1::HTTPGetAction& action) {
  if (action.path().empty()) action.set_path("/");
  if (action.scheme().empty()) action.set_scheme("HTTP");
}

void DefaultProbe(v1::Probe& probe) {
  if (probe.timeout_seconds() == 0) probe.set_timeout_seconds(1);
  if (probe.period_seconds() == 0) probe.set_period_seconds(10);
  if (probe.success_threshold() == 0) probe.set_success_threshold(1);
  if (probe.failure_threshold() == 0) probe.set_failure_threshold(3);
  if (probe.has_http_get()) DefaultHttpGet(*probe.mutable_http_get());
  if (probe.has_grpc() && !probe.grpc().has_service()) probe.mutable_grpc()->set_service("");
}

void DefaultFieldRef(v1::ObjectFieldSelector& field_ref) {
  if (field_ref.api_version().empty()) field_ref.set_api_version("v1");
}

void DefaultContainer(v1::Container& container) {
  if (container.image_pull_policy().empty())
    container.set_image_pull_policy(std::string(DefaultPullPolicy(container.image())));
  if (container.termination_message_path().empty())
    container.set_termination_message_path("/dev/termination-log");
  if (container.termination_message_policy().empty())
    container.set_termination_message_policy("File");
  for (v1::ContainerPort& port : *container.mutable_ports()) {
    if (port.protocol().empty()) port.set_protocol("TCP");
  }
  for (v1::EnvVar& variable : *container.mutable_env()) {
    if (variable.value_from().has_field_ref()) {
      DefaultFieldRef(*variable.mutable_value_from()->mutable_field_ref());
    }
  }
  if (container.has_liveness_probe()) DefaultProbe(*container.mutable_liveness_probe());
  if (container.has_readiness_probe()) DefaultProbe(*container.mutable_readiness_probe());
  if (container.has_startup_probe()) DefaultProbe(*container.mutable_startup_probe());
  if (container.lifecycle().post_start().has_http_get()) {
    DefaultHttpGet(*container.mutable_lifecycle()->mutable_post_start()->mutable_http_get());
  }
  if (container.lifecycle().pre_stop().has_http_get()) {
    DefaultHttpGet(*container.mutable_lifecycle()->mutable_pre_stop()->mutable_http_get());
  }
}

bool HasNoSource(const v1::Volume& volume) {
  std::vector<const FieldDescriptor*> fields;
  volume.GetReflection()->ListFields(volume, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) return false;
  }
  return true;
}

template <typename Source>
void DefaultMode(Source& source) {
  if (!source.has_default_mode()) source.set_default_mode(kFileMode);
}

template <typename Items>
void DefaultDownwardItems(Items& items) {
  for (v1::DownwardAPIVolumeFile& item : items) {
    if (item.has_field_ref()) DefaultFieldRef(*item.mutable_field_ref());
  }
}

void DefaultVolume(v1::Volume& volume) {
  if (HasNoSource(volume)) volume.mutable_empty_dir();
  if (volume.has_host_path() && !volume.host_path().has_type()) {
    volume.mutable_host_path()->set_type("");
  }
  if (volume.has_secret()) DefaultMode(*volume.mutable_secret());
  if (volume.has_config_map()) DefaultMode(*volume.mutable_config_map());
  if (volume.has_downward_api()) {
    DefaultMode(*volume.mutable_downward_api());
    DefaultDownwardItems(*volume.mutable_downward_api()->mutable_items());
  }
  if (!volume.has_projected()) return;
  DefaultMode(*volume.mutable_projected());
  for (v1::VolumeProjection& source : *volume.mutable_projected()->mutable_sources()) {
    if (source.has_downward_api()) {
      DefaultDownwardItems(*source.mutable_downward_api()->mutable_items());
    }
    if (source.has_service_account_token() &&
        !source.service_account_token().has_expiration_seconds()) {
      source.mutable_service_account_token()->set_expiration_seconds(kTokenExpirationSeconds);
    }
  }
}

void DefaultPodSpec(v1::PodSpec& spec) {
  if (spec.restart_policy().empty()) spec.set_restart_policy("Always");
  if (spec.dns_policy().empty()) spec.set_dns_policy("ClusterFirst");
  if (spec.scheduler_name().empty()) spec.set_scheduler_name("default-scheduler");
  if (!spec.has_termination_grace_period_seconds()) {
    spec.set_termination_grace_period_seconds(kGracePeriodSeconds);
  }
  spec.mutable_security_context();
  // The older name is an alias; the newer one wins.
  if (spec.service_account_name().empty()) spec.set_service_account_name(spec.service_account());
  spec.set_service_account(spec.service_account_name());
  for (v1::Container& container : *spec.mutable_init_containers()) DefaultContainer(container);
  for (v1::Container& container : *spec.mutable_containers()) DefaultContainer(container);
  for (v1::Volume& volume : *spec.mutable_volumes()) DefaultVolume(volume);
}

}  // namespace

void SetTemplateDefaults(v1::PodTemplateSpec& pod_template) {
  DefaultPodSpec(*pod_template.mutable_spec());
  CanonicalizeQuantities(pod_template);
}

void SetPodLevelDefaults(v1::PodSpec& spec) {
  auto default_container = [&spec](v1::Container& container) {
    if (!container.resources().limits().empty()) {
      v1::ResourceRequirements& resources = *container.mutable_resources();
      for (const auto& [name, limit] : resources.limits()) {
        resources.mutable_requests()->insert({name, limit});  // Keeps what is there.
      }
    }
    if (!spec.host_network()) return;
    for (v1::ContainerPort& port : *container.mutable_ports()) {
      if (port.host_port() == 0) port.set_host_port(port.container_port());
    }
  };
  for (v1::Container& container : *spec.mutable_init_containers()) default_container(container);
  for (v1::Container& container : *spec.mutable_containers()) default_container(container);
  if (!spec.has_enable_service_links()) spec.set_enable_service_links(true);
  if (spec.service_account_name().empty()) {
    spec.set_service_account_name("default");
    spec.set_service_account("default");
  }
}

void CanonicalizeQuantities(Message& message) {
  if (message.GetDescriptor() == v1::Quantity::descriptor()) {
    auto& quantity = static_cast<v1::Quantity&>(message);
    const absl::StatusOr<Quantity> parsed = Quantity::Parse(quantity.text());
    if (parsed.ok()) quantity.set_text(parsed->ToString());
    return;
  }
  const google::protobuf::Reflection& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (!field->is_repeated()) {
      CanonicalizeQuantities(*reflection.MutableMessage(&message, field));
      continue;
    }
    // Entries of maps are messages too; those of texts have nothing to look at.
    if (field->is_map() &&
        field->message_type()->map_value()->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
      continue;
    }
    for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
      CanonicalizeQuantities(*reflection.MutableRepeatedMessage(&message, field, i));
    }
  }
}

void SetPodDefaults(v1::PodSpec& spec) {
  DefaultPodSpec(spec);
  SetPodLevelDefaults(spec);
  CanonicalizeQuantities(spec);
}

}  // namespace muster::model
