// Any message of a coordinator to an agent: it is taken apart and made into what the node would do,
// or passed over.
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>

#include "agent/link/translate.h"
#include "agent/network/ruleset.h"
#include "agent/network/service_table.h"
#include "agent/translate/translate.h"
#include "agent/tunnel/rpc/tunnel_input.h"
#include "common/base/macros.h"
#include "muster/session/v1/session.pb.h"

namespace {

class NoConfig final : public muster::agent::ConfigSource {
 public:
  const muster::v1::ConfigMap* FindConfigMap(const std::string&,
                                             const std::string&) const override {
    return nullptr;
  }
  const muster::v1::Secret* FindSecret(const std::string&, const std::string&) const override {
    return nullptr;
  }
};

void TranslatePod(const muster::v1::Pod& pod) {
  muster::agent::NodeContext node;
  node.log_root = "/var/log/pods";
  node.host_ips = {"192.0.2.1"};
  (void)muster::agent::MakeSandboxConfig(pod, 1, node).ok();
  for (const muster::v1::Container& container : pod.spec().containers()) {
    muster::agent::PodContext context;
    context.pod_ips = {"10.9.8.7"};
    context.files.mount_paths.resize(container.volume_mounts_size(), "/host/path");
    (void)muster::agent::MakeContainerConfig(pod, container, false, 1, {"sha256:1", {}, ""},
                                             context, node, NoConfig())
        .ok();
  }
}

// No name or address of it gets into the commands for the kernel but as a name or an address.
void TakeNetwork(const muster::network::v1::Update& update) {
  muster::agent::ServiceTableBuilder builder;
  const muster::agent::ServiceTable* table = builder.Take(update);
  if (table == nullptr) return;
  (void)muster::agent::ReplaceCommands(muster::agent::MakeRuleset(*table, {"node-1", {"cni0"}}));
  muster::agent::ServiceTableBuilder again;
  (void)again.Take(table->Snapshot());
}

}  // namespace

// The first byte says whether it comes by the session or by a tunnel.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  if (data[0] % 2 == 0) {
    muster::session::v1::ToAgent message;
    if (!message.ParseFromArray(data + 1, static_cast<int>(size - 1))) return 0;
    const bool is_known = message.message_case() != muster::session::v1::ToAgent::MESSAGE_NOT_SET;
    const auto event = muster::agent::EventFrom(std::move(message));
    MUSTER_CHECK(is_known == event.has_value());
    if (!event) return 0;
    // What a node makes of the pods and of the table of Services that it is told of.
    if (const auto* assignment = std::get_if<muster::agent::LinkAssignment>(&*event)) {
      for (const muster::v1::Object& object : assignment->upserted) {
        if (object.has_pod()) TranslatePod(object.pod());
      }
    } else if (const auto* network = std::get_if<muster::agent::LinkNetwork>(&*event)) {
      TakeNetwork(network->update);
    }
    return 0;
  }
  muster::session::v1::TunnelToAgent frame;
  if (!frame.ParseFromArray(data + 1, static_cast<int>(size - 1))) return 0;
  const bool has_bytes = frame.has_stdin();
  const size_t bytes = frame.stdin().size();
  const muster::agent::TunnelInput input = muster::agent::InputFrom(std::move(frame));
  MUSTER_CHECK(input.stdin_bytes.size() == (has_bytes ? bytes : 0));
  return 0;
}
