// The conversation with systemd, with the test on the other side of the bus.
#include "agent/host/systemd_slices.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "test/support/temp_dir.h"

namespace muster::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

// A bus with nobody on it but a service manager that knows which units there are. Serves one
// conversation at a time, until the test is over.
class FakeSystemd {
 public:
  FakeSystemd() : path_(directory_ / "bus") {
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listener_, 8), 0);
    thread_ = std::thread([this] { Serve(); });
  }
  ~FakeSystemd() {
    over_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }

  std::string address() const { return "unix:path=" + path_; }

  // Of the last call; to be read between conversations.
  std::vector<std::string> calls;
  std::map<std::string, uint64_t> numbers;
  std::set<std::string> units;

 private:
  static int Hello(sd_bus_message* call, void*, sd_bus_error*) {
    return sd_bus_reply_method_return(call, "s", ":1.1");
  }
  static int Start(sd_bus_message* call, void* self, sd_bus_error* error) {
    return static_cast<FakeSystemd*>(self)->OnStart(call, error);
  }
  static int Change(sd_bus_message* call, void* self, sd_bus_error*) {
    return static_cast<FakeSystemd*>(self)->OnChange(call);
  }
  static int Stop(sd_bus_message* call, void* self, sd_bus_error* error) {
    return static_cast<FakeSystemd*>(self)->OnStop(call, error);
  }

  int ReadProperties(sd_bus_message* call) {
    numbers.clear();
    int result = sd_bus_message_enter_container(call, 'a', "(sv)");
    while (result >= 0 && sd_bus_message_enter_container(call, 'r', "sv") > 0) {
      const char* name = nullptr;
      const char* type = nullptr;
      char kind = 0;
      result = sd_bus_message_read(call, "s", &name);
      if (result >= 0) result = sd_bus_message_peek_type(call, &kind, &type);
      if (result >= 0 && std::string(type) == "t") {
        uint64_t value = 0;
        result = sd_bus_message_read(call, "v", "t", &value);
        numbers[name] = value;
      } else if (result >= 0) {
        result = sd_bus_message_skip(call, "v");
      }
      if (result >= 0) result = sd_bus_message_exit_container(call);
    }
    return result < 0 ? result : sd_bus_message_exit_container(call);
  }

  int OnStart(sd_bus_message* call, sd_bus_error* error) {
    const char* unit = nullptr;
    const char* mode = nullptr;
    int result = sd_bus_message_read(call, "ss", &unit, &mode);
    if (result >= 0) result = ReadProperties(call);
    if (result < 0) return result;
    calls.push_back(std::string("start ") + unit);
    if (!units.insert(unit).second) {
      return sd_bus_error_set(error, "org.freedesktop.systemd1.UnitExists", "it is there");
    }
    return sd_bus_reply_method_return(call, "o", "/org/freedesktop/systemd1/job/1");
  }
  int OnChange(sd_bus_message* call) {
    const char* unit = nullptr;
    int runtime = 0;
    int result = sd_bus_message_read(call, "sb", &unit, &runtime);
    if (result >= 0) result = ReadProperties(call);
    if (result < 0) return result;
    calls.push_back(std::string("change ") + unit + (runtime != 0 ? " until the next boot" : ""));
    return sd_bus_reply_method_return(call, "");
  }
  int OnStop(sd_bus_message* call, sd_bus_error* error) {
    const char* unit = nullptr;
    const char* mode = nullptr;
    const int result = sd_bus_message_read(call, "ss", &unit, &mode);
    if (result < 0) return result;
    calls.push_back(std::string("stop ") + unit);
    if (units.erase(unit) == 0) {
      return sd_bus_error_set(error, "org.freedesktop.systemd1.NoSuchUnit", "not loaded");
    }
    return sd_bus_reply_method_return(call, "o", "/org/freedesktop/systemd1/job/2");
  }

  void Serve() {
    while (!over_) {
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (fd < 0) return;
      Converse(fd);
    }
  }

  void Converse(int fd) {
    static const sd_bus_vtable kBus[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("Hello", "", "s", &FakeSystemd::Hello, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END};
    static const sd_bus_vtable kManager[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("StartTransientUnit", "ssa(sv)a(sa(sv))", "o", &FakeSystemd::Start,
                      SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("SetUnitProperties", "sba(sv)", "", &FakeSystemd::Change,
                      SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("StopUnit", "ss", "o", &FakeSystemd::Stop, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END};
    sd_bus* bus = nullptr;
    sd_id128_t id;
    bool ok = sd_id128_randomize(&id) >= 0 && sd_bus_new(&bus) >= 0 &&
              sd_bus_set_fd(bus, fd, fd) >= 0 && sd_bus_set_server(bus, 1, id) >= 0 &&
              sd_bus_set_anonymous(bus, 1) >= 0 &&
              sd_bus_add_object_vtable(bus, nullptr, "/org/freedesktop/DBus",
                                       "org.freedesktop.DBus", kBus, this) >= 0 &&
              sd_bus_add_object_vtable(bus, nullptr, "/org/freedesktop/systemd1",
                                       "org.freedesktop.systemd1.Manager", kManager, this) >= 0 &&
              sd_bus_start(bus) >= 0;
    EXPECT_TRUE(ok) << "the bus cannot be served";
    while (ok && !over_) {
      const int result = sd_bus_process(bus, nullptr);
      if (result < 0) break;
      if (result == 0 && sd_bus_wait(bus, 100'000) < 0) break;
    }
    sd_bus_close_unref(bus);
  }

  const TempDir directory_;
  const std::string path_;
  int listener_ = -1;
  std::atomic<bool> over_ = false;
  std::thread thread_;
};

LinuxResources Values() {
  LinuxResources values;
  values.cpu_shares = 512;
  values.cpu_quota_us = 1'500;
  values.cpu_period_us = 100'000;
  values.memory_limit_bytes = 64 << 20;
  return values;
}

constexpr char kSlice[] = "kubepods-burstable-podx.slice";

// Spec: pod/17.2/values
TEST(SystemdSlices, SliceIsStartedWithItsValuesAndChangedWhenItIsThere) {
  FakeSystemd systemd;
  const SystemdSlices slices(systemd.address());
  absl::Status done = slices.Set(kSlice, Values(), false);
  ASSERT_TRUE(done.ok()) << done;
  EXPECT_THAT(systemd.calls, ElementsAre(std::string("start ") + kSlice));
  // Rounded up to whole percents: what is in it has to fit.
  EXPECT_THAT(systemd.numbers,
              UnorderedElementsAre(Pair("CPUShares", 512u), Pair("CPUQuotaPerSecUSec", 20'000u),
                                   Pair("MemoryLimit", 64u << 20)));

  done = slices.Set(kSlice, Values(), true);
  ASSERT_TRUE(done.ok()) << done;
  EXPECT_EQ(systemd.calls.back(), std::string("change ") + kSlice + " until the next boot");
  EXPECT_THAT(systemd.numbers,
              UnorderedElementsAre(Pair("CPUWeight", 20u), Pair("CPUQuotaPerSecUSec", 20'000u),
                                   Pair("MemoryMax", 64u << 20)));

  LinuxResources only_shares;
  only_shares.cpu_shares = 2;
  ASSERT_TRUE(slices.Set(kSlice, only_shares, true).ok());
  EXPECT_THAT(systemd.numbers, UnorderedElementsAre(Pair("CPUWeight", 1u)));
}

// Spec: pod/17.2/removed
TEST(SystemdSlices, SliceIsStoppedOrWasNotThere) {
  FakeSystemd systemd;
  systemd.units = {kSlice};
  const SystemdSlices slices(systemd.address());
  for (int i = 0; i < 2; ++i) {
    const absl::Status done = slices.Stop(kSlice);
    EXPECT_TRUE(done.ok()) << done;
  }
  EXPECT_THAT(systemd.calls,
              ElementsAre(std::string("stop ") + kSlice, std::string("stop ") + kSlice));
}

TEST(SystemdSlices, WithoutABusItSaysSo) {
  const TempDir directory;
  const absl::Status done =
      SystemdSlices("unix:path=" + directory.path() + "/none").Set(kSlice, Values(), false);
  EXPECT_THAT(std::string(done.message()), HasSubstr("system bus"));
}

}  // namespace
}  // namespace muster::agent
