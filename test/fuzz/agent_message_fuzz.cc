// Any message of a coordinator to an agent: it is taken apart, or passed over.
#include <cstddef>
#include <cstdint>
#include <utility>

#include "agent/link/translate.h"
#include "common/base/macros.h"
#include "muster/session/v1/session.pb.h"

// The first byte says whether it comes by the session or by a tunnel.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  if (data[0] % 2 == 0) {
    muster::session::v1::ToAgent message;
    if (!message.ParseFromArray(data + 1, static_cast<int>(size - 1))) return 0;
    const bool is_known = message.message_case() != muster::session::v1::ToAgent::MESSAGE_NOT_SET;
    const auto event = muster::agent::EventFrom(std::move(message));
    MUSTER_CHECK(is_known || !event);
    return 0;
  }
  muster::session::v1::TunnelToAgent frame;
  if (!frame.ParseFromArray(data + 1, static_cast<int>(size - 1))) return 0;
  // What is read is what is sent on.
  muster::session::v1::TunnelToAgent again;
  MUSTER_CHECK(again.ParseFromString(frame.SerializeAsString()));
  MUSTER_CHECK(again.message_case() == frame.message_case());
  return 0;
}
