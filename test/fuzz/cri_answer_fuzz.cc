// Any bytes as what a runtime answers: they become values, or nothing.
#include <cstddef>
#include <cstdint>
#include <string>

#include "agent/runtime/cri/messages.h"
#include "common/base/macros.h"
#include "cri/api.pb.h"

namespace {

namespace cri = muster::agent::cri;

template <typename Message>
Message Parse(const std::string& bytes) {
  Message message;
  (void)message.ParseFromString(bytes);  // What could be read of it stays.
  return message;
}

void Read(uint8_t kind, const std::string& bytes) {
  switch (kind % 10) {
    case 0:
      (void)cri::FromMessage(Parse<runtime::v1::PodSandbox>(bytes));
      break;
    case 1:
      (void)cri::FromMessage(Parse<runtime::v1::PodSandboxStatus>(bytes));
      break;
    case 2:
      (void)cri::FromMessage(Parse<runtime::v1::Container>(bytes));
      break;
    case 3:
      (void)cri::FromMessage(Parse<runtime::v1::ContainerStatus>(bytes));
      break;
    case 4:
      (void)cri::FromMessage(Parse<runtime::v1::Image>(bytes));
      break;
    case 5: {
      const auto status = Parse<runtime::v1::StatusResponse>(bytes);
      (void)cri::InfoFrom(Parse<runtime::v1::VersionResponse>(bytes), status);
      (void)cri::CgroupDriverFromStatus(status);
      (void)cri::SandboxImageFromStatus(status);
      break;
    }
    case 6: {
      google::protobuf::Map<std::string, std::string> info;
      info["info"] = bytes;
      (void)cri::PidFromInfo(info);
      (void)cri::NetworkPathFromInfo(info);
      break;
    }
    case 8:
      (void)cri::FromMessage(Parse<runtime::v1::ContainerStats>(bytes));
      break;
    case 9: {
      runtime::v1::StatusResponse status;
      (*status.mutable_info())["config"] = bytes;
      (void)cri::SandboxImageFromStatus(status);
      break;
    }
    default: {
      runtime::v1::StatusResponse status;
      (*status.mutable_info())["config"] = bytes;
      const std::string driver = cri::CgroupDriverFromStatus(status);
      MUSTER_CHECK(driver.empty() || driver == "systemd" || driver == "cgroupfs");
      break;
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 0) Read(data[0], std::string(reinterpret_cast<const char*>(data) + 1, size - 1));
  return 0;
}
