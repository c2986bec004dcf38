#include "coordinator/api/tunnel_frames.h"

#include <cstdint>
#include <utility>

namespace muster::coordinator {

using admin::v1::ExecInput;
using admin::v1::ExecOutput;
using admin::v1::LogsChunk;
using admin::v1::PortForwardInput;
using admin::v1::PortForwardOutput;
using session::v1::TunnelFromAgent;
using session::v1::TunnelToAgent;

absl::Status ForUser(const absl::Status& status) {
  if (!absl::IsUnavailable(status)) return status;
  return absl::InternalError(status.message());
}

absl::Status StatusOf(const session::v1::TunnelError& error) {
  const auto code = static_cast<absl::StatusCode>(error.code());
  return ForUser(absl::Status(code == absl::StatusCode::kOk ? absl::StatusCode::kUnknown : code,
                              error.message()));
}

std::optional<LogsChunk> LogsChunkFrom(TunnelFromAgent frame,
                                       std::optional<absl::Status>& ret_last) {
  LogsChunk chunk;
  if (frame.has_stdout()) {
    chunk.set_data(std::move(*frame.mutable_stdout()));
  } else if (frame.has_stderr()) {
    chunk.set_data(std::move(*frame.mutable_stderr()));
  } else {
    if (frame.has_error()) ret_last = StatusOf(frame.error());
    return std::nullopt;
  }
  return chunk;
}

std::optional<ExecOutput> ExecOutputFrom(TunnelFromAgent frame,
                                         std::optional<absl::Status>& ret_last) {
  ExecOutput output;
  if (frame.has_stdout()) {
    output.set_stdout(std::move(*frame.mutable_stdout()));
  } else if (frame.has_stderr()) {
    output.set_stderr(std::move(*frame.mutable_stderr()));
  } else if (frame.has_exit_code()) {
    output.set_exit_code(frame.exit_code());
    ret_last = absl::OkStatus();
  } else {
    if (frame.has_error()) ret_last = StatusOf(frame.error());
    return std::nullopt;
  }
  return output;
}

std::optional<PortForwardOutput> PortForwardOutputFrom(TunnelFromAgent frame,
                                                       std::optional<absl::Status>& ret_last) {
  PortForwardOutput output;
  if (frame.has_stdout()) {
    output.set_data(std::move(*frame.mutable_stdout()));
  } else if (frame.has_stdout_closed()) {
    output.set_closed(true);
  } else {
    if (frame.has_error()) ret_last = StatusOf(frame.error());
    return std::nullopt;
  }
  return output;
}

std::optional<TunnelToAgent> FrameFrom(ExecInput input) {
  TunnelToAgent frame;
  if (input.has_stdin_closed()) {
    frame.set_stdin_closed(true);
  } else if (input.has_stdin()) {
    frame.set_stdin(std::move(*input.mutable_stdin()));
  } else if (input.has_resize()) {
    frame.set_terminal_size(uint64_t{input.resize().columns()} << 32 | input.resize().rows());
  } else {
    return std::nullopt;
  }
  return frame;
}

std::optional<TunnelToAgent> FrameFrom(PortForwardInput input) {
  TunnelToAgent frame;
  if (input.has_closed()) {
    frame.set_stdin_closed(true);
  } else if (input.has_data()) {
    frame.set_stdin(std::move(*input.mutable_data()));
  } else {
    return std::nullopt;
  }
  return frame;
}

}  // namespace muster::coordinator
