// Any messages of a node's session, from somebody who has its credential: the hub goes on, keeps
// what is another node's as it is, and sends nothing of it.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "common/base/clock.h"
#include "common/base/macros.h"
#include "common/model/kinds.h"
#include "common/model/node_key.h"
#include "coordinator/session/agent_events.h"
#include "coordinator/session/session_hub.h"
#include "coordinator/store/memory/memory_store.h"
#include "coordinator/store/object_store.h"

namespace {

using namespace muster;
using namespace muster::coordinator;
using session::v1::FromAgent;
using session::v1::ToAgent;

constexpr char kMark[] = "of the other node";

class Peer final : public SessionPeer {
 public:
  void Write(ToAgent message) override {
    MUSTER_CHECK(message.SerializeAsString().find(kMark) == std::string::npos);
    ++to_write;
  }
  void ReadNext() override {}
  void Finish(absl::Status why) override { finished = std::move(why); }

  int to_write = 0;
  std::optional<absl::Status> finished;
};

struct World {
  World() {
    for (const char* node : {"mine", "other"}) {
      v1::Object object = model::NewObject(*model::FindKind(v1::Object::kNode));
      v1::ObjectMeta& meta = model::MutableMetadataOf(object);
      meta.set_name(node);
      (*meta.mutable_annotations())[model::kNodeKeyHashAnnotation] = "key";
      Put(std::move(object));
      v1::Object pod = model::NewObject(*model::FindKind(v1::Object::kPod));
      v1::ObjectMeta& pod_meta = model::MutableMetadataOf(pod);
      pod_meta.set_namespace_("ns");
      pod_meta.set_name(node);
      pod_meta.set_uid(std::string("uid-") + node);
      if (std::string_view(node) == "other") (*pod_meta.mutable_annotations())["a"] = kMark;
      pod.mutable_pod()->mutable_spec()->set_node_name(node);
      Put(std::move(pod));
    }
    MUSTER_CHECK(hub.Start().ok());
  }
  void Put(v1::Object object) {
    ObjectTransaction transaction;
    transaction.Create(std::move(object));
    MUSTER_CHECK(objects.Commit(std::move(transaction)).ok());
  }
  void Step() {
    const int before = peer->to_write;
    hub.Step();
    for (int i = before; i < peer->to_write; ++i) hub.Post(SessionWritten{1});
    clock.Advance(std::chrono::milliseconds(300));
  }

  ManualClock clock;
  MemoryStore store;
  ObjectStore objects{store, clock};
  AgentEvents events{store, clock, AgentEvents::Options{}};
  std::shared_ptr<Peer> peer = std::make_shared<Peer>();
  SessionHub hub{store, clock, events, SessionHub::Options{}, [] {}};
};

}  // namespace

// The bytes are messages, each with two bytes of length before it.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  World world;
  const std::string before = EncodeObject(*world.objects.Get(v1::Object::kPod, "ns", "other")) +
                             EncodeObject(*world.objects.Get(v1::Object::kNode, "", "other"));
  world.hub.Post(SessionOpened{1, "mine", world.peer, "key"});
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  bool hello = false;
  while (rest.size() >= 2 && !world.peer->finished) {
    const size_t length = std::min<size_t>(
        rest.size() - 2, static_cast<uint8_t>(rest[0]) << 8 | static_cast<uint8_t>(rest[1]));
    FromAgent message;
    // As gRPC does with what it cannot read.
    if (!message.ParseFromArray(rest.data() + 2, static_cast<int>(length))) break;
    rest.remove_prefix(2 + length);
    if (!std::exchange(hello, true) && !message.has_hello()) {
      FromAgent first;
      first.mutable_hello();
      world.hub.Post(SessionReceived{1, std::move(first)});
      world.Step();
    }
    world.hub.Post(SessionReceived{1, std::move(message)});
    world.Step();
  }
  for (int i = 0; i < 5; ++i) world.Step();
  MUSTER_CHECK(EncodeObject(*world.objects.Get(v1::Object::kPod, "ns", "other")) +
                   EncodeObject(*world.objects.Get(v1::Object::kNode, "", "other")) ==
               before);
  world.hub.CloseAll(absl::UnavailableError("done"));
  return 0;
}
