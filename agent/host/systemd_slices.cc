#include "agent/host/systemd_slices.h"

#include <systemd/sd-bus.h>

#include <cstdint>
#include <memory>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"

namespace muster::agent {
namespace {

constexpr char kSystemd[] = "org.freedesktop.systemd1";
constexpr char kPath[] = "/org/freedesktop/systemd1";
constexpr char kManager[] = "org.freedesktop.systemd1.Manager";
constexpr uint64_t kPatienceUs = 10'000'000;
// systemd passes quotas on in whole percents of a CPU.
constexpr int64_t kPercentUs = 10'000;

struct Closer {
  void operator()(sd_bus* bus) const { sd_bus_flush_close_unref(bus); }
  void operator()(sd_bus_message* message) const { sd_bus_message_unref(message); }
};
using Bus = std::unique_ptr<sd_bus, Closer>;
using Message = std::unique_ptr<sd_bus_message, Closer>;

absl::Status StatusOf(int result, const std::string& doing) {
  return result < 0 ? absl::ErrnoToStatus(-result, doing) : absl::OkStatus();
}

absl::StatusOr<Bus> Connect(const std::string& address) {
  sd_bus* raw = nullptr;
  const std::string doing = "connecting to the system bus";
  MUSTER_RETURN_IF_ERROR(StatusOf(sd_bus_new(&raw), doing));
  Bus bus(raw);
  const std::string place = address.empty() ? "unix:path=/run/dbus/system_bus_socket" : address;
  MUSTER_RETURN_IF_ERROR(StatusOf(sd_bus_set_address(raw, place.c_str()), doing));
  MUSTER_RETURN_IF_ERROR(StatusOf(sd_bus_set_bus_client(raw, 1), doing));
  MUSTER_RETURN_IF_ERROR(StatusOf(sd_bus_set_method_call_timeout(raw, kPatienceUs), doing));
  MUSTER_RETURN_IF_ERROR(StatusOf(sd_bus_start(raw), doing));
  return bus;
}

absl::StatusOr<Message> NewCall(const Bus& bus, const char* method) {
  sd_bus_message* raw = nullptr;
  MUSTER_RETURN_IF_ERROR(
      StatusOf(sd_bus_message_new_method_call(bus.get(), &raw, kSystemd, kPath, kManager, method),
               absl::StrCat("asking systemd for ", method)));
  return Message(raw);
}

// The name of systemd's error goes to `error`.
absl::Status Call(const Bus& bus, const Message& call, const std::string& doing,
                  std::string* error) {
  sd_bus_error failed = SD_BUS_ERROR_NULL;
  const int result = sd_bus_call(bus.get(), call.get(), 0, &failed, nullptr);
  absl::Status status;
  if (result < 0) {
    if (failed.name != nullptr) *error = failed.name;
    status = absl::ErrnoToStatus(
        -result, failed.message != nullptr ? absl::StrCat(doing, ": ", failed.message) : doing);
  }
  sd_bus_error_free(&failed);
  return status;
}

// What the slice is to be, as properties; the first of systemd's refusals to build them.
int AppendValues(const Message& call, const LinuxResources& values, bool version_2) {
  int result = 0;
  const auto number = [&](const char* name, int64_t value) {
    if (result >= 0 && value > 0) {
      result = sd_bus_message_append(call.get(), "(sv)", name, "t", static_cast<uint64_t>(value));
    }
  };
  const auto yes = [&](const char* name) {
    if (result >= 0) result = sd_bus_message_append(call.get(), "(sv)", name, "b", 1);
  };
  yes("CPUAccounting");
  yes("MemoryAccounting");
  const int64_t shares = values.cpu_shares;
  number(version_2 ? "CPUWeight" : "CPUShares",
         version_2 && shares > 0 ? 1 + (shares - 2) * 9999 / 262142 : shares);
  if (values.cpu_quota_us > 0) {
    const int64_t per_second = values.cpu_quota_us * 1'000'000 / values.cpu_period_us;
    number("CPUQuotaPerSecUSec", (per_second + kPercentUs - 1) / kPercentUs * kPercentUs);
  }
  number(version_2 ? "MemoryMax" : "MemoryLimit", values.memory_limit_bytes);
  return result;
}

absl::StatusOr<Message> StartCall(const Bus& bus, const std::string& slice,
                                  const LinuxResources& values, bool version_2) {
  MUSTER_ASSIGN_OR_RETURN(Message call, NewCall(bus, "StartTransientUnit"));
  int result = sd_bus_message_append(call.get(), "ss", slice.c_str(), "replace");
  if (result >= 0) result = sd_bus_message_open_container(call.get(), 'a', "(sv)");
  if (result >= 0) {
    result = sd_bus_message_append(call.get(), "(sv)(sv)", "Description", "s", "Pods of Muster",
                                   "DefaultDependencies", "b", 0);
  }
  if (result >= 0) result = AppendValues(call, values, version_2);
  if (result >= 0) result = sd_bus_message_close_container(call.get());
  if (result >= 0) result = sd_bus_message_append(call.get(), "a(sa(sv))", 0);
  MUSTER_RETURN_IF_ERROR(StatusOf(result, absl::StrCat("describing ", slice)));
  return call;
}

absl::StatusOr<Message> ChangeCall(const Bus& bus, const std::string& slice,
                                   const LinuxResources& values, bool version_2) {
  MUSTER_ASSIGN_OR_RETURN(Message call, NewCall(bus, "SetUnitProperties"));
  int result = sd_bus_message_append(call.get(), "sb", slice.c_str(), 1);
  if (result >= 0) result = sd_bus_message_open_container(call.get(), 'a', "(sv)");
  if (result >= 0) result = AppendValues(call, values, version_2);
  if (result >= 0) result = sd_bus_message_close_container(call.get());
  MUSTER_RETURN_IF_ERROR(StatusOf(result, absl::StrCat("describing ", slice)));
  return call;
}

}  // namespace

absl::Status SystemdSlices::Set(const std::string& slice, const LinuxResources& values,
                                bool version_2) const {
  MUSTER_ASSIGN_OR_RETURN(const Bus bus, Connect(bus_address_));
  MUSTER_ASSIGN_OR_RETURN(const Message start, StartCall(bus, slice, values, version_2));
  std::string error;
  absl::Status started = Call(bus, start, absl::StrCat("starting ", slice), &error);
  if (started.ok() || error != "org.freedesktop.systemd1.UnitExists") return started;
  MUSTER_ASSIGN_OR_RETURN(const Message change, ChangeCall(bus, slice, values, version_2));
  return Call(bus, change, absl::StrCat("changing ", slice), &error);
}

absl::Status SystemdSlices::Stop(const std::string& slice) const {
  MUSTER_ASSIGN_OR_RETURN(const Bus bus, Connect(bus_address_));
  MUSTER_ASSIGN_OR_RETURN(const Message call, NewCall(bus, "StopUnit"));
  MUSTER_RETURN_IF_ERROR(StatusOf(sd_bus_message_append(call.get(), "ss", slice.c_str(), "replace"),
                                  absl::StrCat("stopping ", slice)));
  std::string error;
  absl::Status stopped = Call(bus, call, absl::StrCat("stopping ", slice), &error);
  return error == "org.freedesktop.systemd1.NoSuchUnit" ? absl::OkStatus() : stopped;
}

}  // namespace muster::agent
