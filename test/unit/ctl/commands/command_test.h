#pragma once

#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "common/model/kinds.h"
#include "ctl/commands/context.h"
#include "test/unit/ctl/commands/fake_admin_client.h"

namespace muster::ctl {

inline constexpr char kDaemonSet[] = R"(apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: web
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: main
        image: busybox
)";

// Commands on a coordinator in memory, with what they print as text.
class CommandsTest : public ::testing::Test {
 protected:
  Context MakeContext(const std::string& input = "") {
    in_.str(input);
    return Context{.client = [this]() -> absl::StatusOr<AdminClient*> { return &client_; },
                   .server = "unix:/s",
                   .ns = "default",
                   .all_namespaces = false,
                   .in = in_,
                   .out = out_,
                   .err = err_};
  }
  static v1::Object Node(const std::string& name) {
    v1::Object object = model::NewObject(*model::FindResource("nodes"));
    model::MutableMetadataOf(object).set_name(name);
    model::MutableMetadataOf(object).set_uid("uid-" + name);
    return object;
  }
  static v1::Object Pod(const std::string& name) {
    v1::Object object = model::NewObject(*model::FindResource("pods"));
    model::MutableMetadataOf(object).set_name(name);
    model::MutableMetadataOf(object).set_namespace_("default");
    model::MutableMetadataOf(object).set_uid("uid-" + name);
    return object;
  }

  // app=NAME, with a container "main" of busybox.
  static v1::Object DaemonSet(const std::string& name) {
    v1::Object object = model::NewObject(*model::FindResource("ds"));
    model::MutableMetadataOf(object).set_name(name);
    model::MutableMetadataOf(object).set_namespace_("default");
    model::MutableMetadataOf(object).set_uid("uid-" + name);
    v1::DaemonSetSpec& spec = *object.mutable_daemon_set()->mutable_spec();
    (*spec.mutable_selector()->mutable_match_labels())["app"] = name;
    (*spec.mutable_template_()->mutable_metadata()->mutable_labels())["app"] = name;
    v1::Container& container = *spec.mutable_template_()->mutable_spec()->add_containers();
    container.set_name("main");
    container.set_image("busybox");
    return object;
  }
  static admin::v1::WatchEvent Event(admin::v1::WatchEvent::Type type,
                                     const v1::Object& object = {}) {
    admin::v1::WatchEvent event;
    event.set_type(type);
    *event.mutable_object() = object;
    return event;
  }
  static admin::v1::WatchEvent Synced() { return Event(admin::v1::WatchEvent::SYNCED); }

  FakeAdminClient client_;
  std::istringstream in_;
  std::ostringstream out_, err_;
};

}  // namespace muster::ctl
