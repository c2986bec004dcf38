// Any frame of a tunnel: of an agent, to be shown to a user, and of a user, for an agent. What is
// not shown is passed over or ends the call, with a status that is one.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "common/base/macros.h"
#include "common/model/kinds.h"
#include "coordinator/api/tunnel_frames.h"
#include "coordinator/api/usage.h"
#include "coordinator/rpc/status.h"
#include "grpcpp/support/status.h"

namespace {

using namespace muster;
using namespace muster::coordinator;
using session::v1::TunnelFromAgent;

template <typename Translate>
void Show(const TunnelFromAgent& frame, Translate translate) {
  std::optional<absl::Status> last;
  const auto output = translate(frame, last);
  MUSTER_CHECK(!frame.has_error() || (last && !last->ok() && !output));
  if (last) {
    const grpc::Status told = ToGrpc(*last);
    MUSTER_CHECK(told.ok() == last->ok());
  }
}

void ShowUsage(const TunnelFromAgent& frame) {
  v1::Object node = model::NewObject(*model::FindKind(v1::Object::kNode));
  model::MutableMetadataOf(node).set_name("n");
  v1::Object pod = model::NewObject(*model::FindKind(v1::Object::kPod));
  pod.mutable_pod()->mutable_metadata()->set_uid("u");
  pod.mutable_pod()->mutable_spec()->set_node_name("n");
  UsageAnswers answers;
  answers.emplace("n", frame.usage());
  (void)UsageOf({std::move(node)}, answers);
  (void)UsageOf({std::move(pod)}, answers);
}

template <typename Input>
void Pass(const uint8_t* data, size_t size) {
  Input input;
  if (!input.ParseFromArray(data, static_cast<int>(size))) return;
  const bool has_start = input.has_start();
  MUSTER_CHECK(!has_start || !FrameFrom(std::move(input)));
}

}  // namespace

// The first byte says whose frame it is.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  switch (data[0] % 3) {
    case 0: {
      TunnelFromAgent frame;
      if (!frame.ParseFromArray(data + 1, static_cast<int>(size - 1))) return 0;
      Show(frame, &LogsChunkFrom);
      Show(frame, &ExecOutputFrom);
      Show(frame, &PortForwardOutputFrom);
      if (frame.has_usage()) ShowUsage(frame);
      break;
    }
    case 1:
      Pass<admin::v1::ExecInput>(data + 1, size - 1);
      break;
    default:
      Pass<admin::v1::PortForwardInput>(data + 1, size - 1);
  }
  return 0;
}
