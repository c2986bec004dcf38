// muster-agent: runs on this host what the coordinator assigns to it.

#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <initializer_list>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "agent/checkpoint/file_checkpoint.h"
#include "agent/checkpoint/key_file_seal.h"
#include "agent/checkpoint/state_lock.h"
#include "agent/doctor/examine.h"
#include "agent/doctor/look.h"
#include "agent/enrol/certificate_keeper.h"
#include "agent/enrol/enrol_call.h"
#include "agent/enrol/join.h"
#include "agent/enrol/node_identity.h"
#include "agent/gate/gate.h"
#include "agent/host/code_pages.h"
#include "agent/host/folder_watch.h"
#include "agent/host/lent_mounts.h"
#include "agent/host/linux_host.h"
#include "agent/host/process_exits.h"
#include "agent/host/shutdown_inhibitor.h"
#include "agent/link/grpc_link.h"
#include "agent/local/agent_pages.h"
#include "agent/local/http_server.h"
#include "agent/local/local_client.h"
#include "agent/local/loopback_listener.h"
#include "agent/loop/node_loop.h"
#include "agent/metrics/call_stats.h"
#include "agent/network/host/node_network.h"
#include "agent/probe/net/net_prober.h"
#include "agent/report/node_report.h"
#include "agent/reset/reset.h"
#include "agent/runtime/cri/cri_runtime.h"
#include "agent/settings/doctor_line.h"
#include "agent/settings/join_line.h"
#include "agent/settings/reset_line.h"
#include "agent/settings/settings.h"
#include "agent/settings/status_line.h"
#include "agent/settings/wait_line.h"
#include "agent/tunnel/rpc/grpc_tunnel_dialer.h"
#include "agent/tunnel/tunnel_server.h"
#include "agent/volumes/linux_volume_host.h"
#include "common/base/clock.h"
#include "common/base/macros.h"
#include "common/base/status.h"
#include "common/base/text_file.h"
#include "common/config/parse_line.h"
#include "common/daemon/event_loop.h"
#include "common/daemon/local_listener.h"
#include "common/daemon/log_fields.h"
#include "common/daemon/logging.h"
#include "common/daemon/notify.h"
#include "common/pki/grpc_credentials.h"
#include "common/protolog/protobuf_log.h"
#include "common/seal/key_file.h"
#include "common/version/version.h"
#include "spdlog/spdlog.h"

namespace muster::agent {
namespace {

constexpr int kFailed = 1;
constexpr int kTimedOut = 3;
// As sysexits.h has it: systemd does not start an agent again that would find the same settings.
constexpr int kWrongSettings = 78;
// By then a start, and the first handshake, are over; and again, for what came up since.
constexpr std::chrono::minutes kStartIsOverAfter{1}, kCodePagesPeriod{10};

std::string Text(const absl::Status& status) { return std::string(status.message()); }

int Fail(const absl::Status& status, int exit_code = kFailed) {
  std::fprintf(stderr, "muster-agent: %s\n", Text(status).c_str());
  return exit_code;
}

// Looks at this host with the settings as they are, wrong or not.
std::vector<Finding> ExamineThisHost(const Settings& settings, const absl::Status& settings_status,
                                     const std::string& settings_path) {
  const SystemClock clock;
  CriRuntime runtime(settings.runtime_endpoint);
  return Examine(LookAtHost(settings, settings_status, settings_path, runtime, clock, {}));
}

int RunDoctor(int argc, const char* const* argv) {
  const DoctorLine line = ParseDoctorLine(argc, argv);
  if (line.print_and_exit) return PrintLine(line);
  absl::StatusOr<Settings> settings = LoadSettings(line.config_path);
  absl::Status status = settings.status();
  if (absl::IsNotFound(status)) status = absl::OkStatus();  // Then the defaults hold.
  const std::vector<Finding> findings =
      ExamineThisHost(settings.ok() ? *settings : Settings(), status, line.config_path);
  std::fputs(Report(findings).c_str(), stdout);
  return AnyProblem(findings) ? kFailed : 0;
}

int RunJoin(int argc, const char* const* argv) {
  const JoinLine line = ParseJoinLine(argc, argv);
  if (line.print_and_exit) return PrintLine(line);
  const SystemClock clock;
  const absl::StatusOr<JoinResult> joined = Join(line.options, clock);
  if (!joined.ok()) return Fail(joined.status());
  const absl::StatusOr<Settings> settings = LoadSettings(line.options.config_path);
  const std::vector<Finding> findings = ExamineThisHost(
      settings.ok() ? *settings : Settings(), settings.status(), line.options.config_path);
  std::printf(
      "This host is node %s of the coordinator at %s.\n"
      "Its certificate is good until %s.\n"
      "It has\n%s"
      "Start the agent: systemctl enable --now muster-agent\n",
      joined->node_name.c_str(), line.options.flags.coordinator.c_str(),
      absl::FormatTime("%Y-%m-%d %H:%M UTC", absl::FromChrono(joined->certificate_ends),
                       absl::UTCTimeZone())
          .c_str(),
      Summary(findings).c_str());
  return 0;
}

int RunWaitReady(int argc, const char* const* argv) {
  const WaitLine line = ParseWaitLine(argc, argv);
  if (line.print_and_exit) return PrintLine(line);
  const absl::Status waited =
      AwaitGate(GatePath(line.run_dir), line.timeout, [](const std::string& what) {
        NotifyStatus(what);
        std::puts(what.c_str());
        std::fflush(stdout);
      });
  return waited.ok() ? 0 : Fail(waited, absl::IsDeadlineExceeded(waited) ? kTimedOut : kFailed);
}

// For the agent's unit alone.
int RunLendMounts() {
  const absl::Status lent = LendMounts();
  return lent.ok() ? 0 : Fail(lent);
}

// As systemctl status: 3 when it does not run.
constexpr int kNotRunning = 3;
constexpr std::chrono::seconds kStatusPatience{10};

int RunStatus(int argc, const char* const* argv) {
  const StatusLine line = ParseStatusLine(argc, argv);
  if (line.print_and_exit) return PrintLine(line);
  const absl::StatusOr<std::string> answer =
      AskAgent(AgentSocketPath(line.run_dir), "/status", kStatusPatience);
  if (!answer.ok()) {
    return Fail(answer.status(), absl::IsUnavailable(answer.status()) ? kNotRunning : kFailed);
  }
  if (line.json) return PrintLine({.text = *answer});
  const absl::StatusOr<NodeReport> report = NodeReportFromJson(*answer);
  return report.ok() ? PrintLine({.text = ToText(*report)}) : Fail(report.status());
}

// Who else than root may read the agent's state; no such group: nobody.
std::optional<gid_t> ReadersGroup() {
  const group* readers = ::getgrnam("muster");
  return readers == nullptr ? std::nullopt : std::optional(readers->gr_gid);
}

// What cannot be taken back is asked for; whoever cannot be asked has to have said so.
bool IsConfirmed(const ResetLine& line) {
  if (line.yes) return true;
  if (::isatty(STDIN_FILENO) == 0) {
    std::fputs("muster-agent reset: without a terminal it takes --yes\n", stderr);
    return false;
  }
  std::printf(
      "All pods of Muster on this host, their data and its identity are removed. Go on? [y/N] ");
  std::fflush(stdout);
  const int answer = std::getchar();
  return answer == 'y' || answer == 'Y';
}

int RunReset(int argc, const char* const* argv) {
  const ResetLine line = ParseResetLine(argc, argv);
  if (line.print_and_exit) return PrintLine(line);
  absl::StatusOr<Settings> settings = LoadSettings(line.config_path);
  if (absl::IsNotFound(settings.status())) settings = Settings();  // As after a purge.
  if (!settings.ok()) return Fail(settings.status(), kWrongSettings);
  if (::geteuid() != 0) return Fail(absl::PermissionDeniedError("reset: only root may do that"));
  if (!IsConfirmed(line)) return kFailed;
  // Messages about pods are those of an agent, and would drown what is said here.
  if (absl::Status status = SetUpLogging("error", DetectLogForm()); !status.ok())
    return Fail(status);
  if (line.stop && std::system("systemctl stop muster-agent.service") != 0) {
    return Fail(absl::UnavailableError("cannot stop muster-agent.service"));
  }
  BlockSignals({SIGTERM, SIGINT});
  ::signal(SIGPIPE, SIG_IGN);
  const absl::Status reset =
      Reset(*settings,
            {.patience = line.timeout, .all = line.all, .without_runtime = line.without_runtime},
            SystemClock(), [](const std::string& what) {
              std::puts(what.c_str());
              std::fflush(stdout);
            });
  if (absl::IsFailedPrecondition(reset)) {
    return Fail(absl::FailedPreconditionError(absl::StrCat(
        reset.message(), "; stop it first (systemctl stop muster-agent), or use --stop")));
  }
  return reset.ok() ? 0 : Fail(reset);
}

SessionChannel::CredentialsSource CredentialsFrom(const std::string& state_dir) {
  return [state_dir]() -> absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> {
    MUSTER_ASSIGN_OR_RETURN(const NodeIdentity identity, LoadNodeIdentity(state_dir));
    return pki::ClientChannelCredentials(
        {identity.ca_pem, identity.certificate_pem, identity.key_pem});
  };
}

NodeOptions MakeNodeOptions(const Settings& settings, const std::string& node_name) {
  using std::chrono::duration_cast;
  using std::chrono::milliseconds;
  NodeOptions options;
  options.node_name = node_name;
  options.agent_version = Version();
  options.coordinator = settings.coordinator;
  options.node_ip = settings.node_ip;
  options.log_root = settings.log_dir;
  options.seccomp_root = settings.state_dir + "/seccomp";
  options.cgroup_root = settings.cgroup_root;
  options.static_pod_dir = settings.static_pod_dir;
  options.cluster_dns = settings.cluster_dns;
  options.cluster_domain = settings.cluster_domain;
  options.allowed_sysctls = settings.allowed_sysctls;
  options.host_rules = settings.host_rules;
  options.pods_max = static_cast<int>(settings.max_pods);
  options.parallel_pulls_max = static_cast<int>(settings.max_parallel_image_pulls);
  options.relist_period = duration_cast<milliseconds>(settings.relist_period);
  options.runtime_unhealthy_after = duration_cast<milliseconds>(settings.runtime_unhealthy_after);
  options.logs = {settings.log_limits, settings.log_monitor_period};
  options.images = {settings.image_gc, settings.image_gc_period};
  options.eviction = {settings.eviction, settings.eviction_period, settings.pods_root()};
  options.shutdown = settings.shutdown;
  options.link.seed = std::random_device()();
  return options;
}

absl::StatusOr<NodeIdentity> LoadIdentity(const Settings& settings) {
  MUSTER_ASSIGN_OR_RETURN(NodeIdentity identity, LoadNodeIdentity(settings.state_dir));
  if (!settings.node_name.empty() && settings.node_name != identity.node_name) {
    return absl::FailedPreconditionError(
        absl::StrCat("the settings say that this is node \"", settings.node_name,
                     "\", but its certificate is \"", identity.node_name,
                     "\"'s; join again under the new name, or correct nodeName"));
  }
  return identity;
}

void Reload(const Settings& running, const absl::StatusOr<CommandLine>& read) {
  absl::Status status = read.status();
  if (status.ok()) status = SetLogLevel(read->settings.log_level);
  if (!status.ok()) {
    spdlog::error("reload: {}; the settings stay as they were", Text(status));
  } else if (const auto keys = NeedRestart(running, read->settings); !keys.empty()) {
    spdlog::warn(
        "reload: {} changed, which needs a restart (no pod notices): systemctl restart "
        "muster-agent",
        absl::StrJoin(keys, ", "));
  } else {
    spdlog::info("reload: the settings were read again");
  }
}

// How the machine as a whole fares, for whoever asks.
std::optional<HostSample> Sample(LinuxHost& host, const Clock& clock) {
  const absl::StatusOr<HostLoad> load = host.Load();
  const absl::StatusOr<std::string> stat = ReadFile("/proc/stat");
  if (!load.ok() || !stat.ok()) return std::nullopt;
  const std::optional<uint64_t> busy = CpuBusyNs(*stat, ::sysconf(_SC_CLK_TCK));
  if (!busy) return std::nullopt;
  return HostSample{clock.Mono(), *busy,
                    static_cast<uint64_t>(load->memory_bytes - load->memory_available_bytes)};
}

// Volumes and logs are looked after where the runtime sees them, which need not be where the rest
// of the agent is.
absl::Status TakeToHostMounts(std::initializer_list<ThreadWorker*> workers) {
  MUSTER_ASSIGN_OR_RETURN(const int mounts, LentMounts());
  if (mounts < 0) return absl::OkStatus();
  absl::Status all;
  for (ThreadWorker* worker : workers) {
    std::promise<absl::Status> entered;
    worker->Run([&] { entered.set_value(EnterMounts(mounts)); });
    all.Update(entered.get_future().get());
  }
  ::close(mounts);
  return all;
}

absl::Status Serve(const Settings& settings, const NodeIdentity& identity,
                   const std::function<absl::StatusOr<CommandLine>()>& read_again) {
  MUSTER_ASSIGN_OR_RETURN(const StateLock lock, StateLock::Take(settings.state_dir));
  MUSTER_ASSIGN_OR_RETURN(const std::unique_ptr<EventLoop> events, EventLoop::Create());

  // In the order of who uses whom: the last is destroyed first, and those that call back from
  // other threads wait for their callbacks on the way.
  const SystemClock clock;
  std::function<void()> step;
  const auto inbox =
      std::make_shared<NodeInbox>([&events = *events, &step] { events.Post([&step] { step(); }); });
  MUSTER_ASSIGN_OR_RETURN(
      const std::unique_ptr<KeyFileSeal> seal,
      KeyFileSeal::Open(seal::FindKeySource(std::getenv("CREDENTIALS_DIRECTORY"), "sealing-key",
                                            settings.state_dir + "/pki/sealing.key")));
  FileCheckpoint checkpoint(settings.state_dir + "/checkpoint", &seal->ring());
  LinuxHost host({.storage_path = settings.pods_root()});
  LinuxVolumeHost volumes({.root = settings.pods_root()});
  LinuxPodLogs logs(settings.log_link_dir);
  CallStats calls;
  CriRuntime runtime(settings.runtime_endpoint,
                     [&calls](std::string_view call, std::chrono::nanoseconds took,
                              const absl::Status& status) { calls.Observe(call, took, status); });
  NetProber prober;
  SessionChannel channel({.address = settings.coordinator}, CredentialsFrom(settings.state_dir));
  GrpcLink link(channel, [inbox](LinkEvent event) { inbox->Post(std::move(event)); });
  RenewClient renewals(settings.coordinator);
  MUSTER_ASSIGN_OR_RETURN(
      const std::unique_ptr<CertificateKeeper> certificate,
      CertificateKeeper::Create(
          {settings.state_dir, std::random_device()()}, clock,
          [&renewals](RenewCall call, RenewClient::Done done) {
            renewals.Start(std::move(call), std::move(done));
          },
          [inbox](std::function<void()> task) { inbox->Post(std::move(task)); }));
  GrpcTunnelDialer dialer(channel);
  TunnelServer tunnels({.host_sample = [&host, &clock] { return Sample(host, clock); }}, runtime,
                       clock, dialer);
  ThreadWorker worker, chores;
  MUSTER_RETURN_IF_ERROR(TakeToHostMounts({&worker, &chores}));
  NodeNetwork network(*events, clock, settings.network(identity.node_name));
  network.Start();
  ProcessExits exits(*events);
  NodeLoop node(
      {clock, runtime, prober, link, checkpoint, host, volumes, logs, worker, inbox, &exits,
       &chores, &runtime, certificate.get(), &network, seal.get()},
      MakeNodeOptions(settings, identity.node_name),
      [&tunnels](const TunnelRequest& request, const absl::StatusOr<ContainerTarget>& target) {
        if (!target.ok()) return tunnels.Serve(request, target.status());
        tunnels.Serve(request, TunnelTarget{target->container_id, target->log_path, target->running,
                                            target->sandbox_id});
      });
  MUSTER_RETURN_IF_ERROR(node.Start());
  if (absl::Status settled = seal->Settle(checkpoint); !settled.ok()) {
    spdlog::warn("cannot forget an old sealing key, trying again at the next start: {}",
                 Text(settled));
  }

  network.OnPodNetwork([&events = *events, &step] { events.Post([&step] { step(); }); });
  const std::unique_ptr<EventLoop::Timer> timer = events->NewTimer([&step] { step(); });
  std::unique_ptr<ShutdownInhibitor> inhibitor;
  GateSign gate(GatePath(settings.run_dir));
  absl::Status gate_status;
  bool told_ready = false;
  std::string told_status;
  step = [&] {
    const std::optional<MonoTime> wake = node.Step();
    wake ? timer->Set(*wake) : timer->Clear();
    const std::string status = node.StatusLine();
    if (!told_ready && node.ready()) {
      told_ready = true;
      spdlog::info("looking after the pods of node {}", identity.node_name);
      NotifyReady(status);
    } else if (status != told_status) {
      NotifyStatus(status);
    }
    told_status = status;
    if (node.shutdown_over() && inhibitor) inhibitor->Release();
    if (absl::Status shown = gate.Show(node.GateWaits()); shown != gate_status) {
      if (!shown.ok()) spdlog::warn("cannot show the node's state: {}", Text(shown));
      gate_status = shown;
    }
  };
  AgentPages pages(
      *events, clock,
      {[&node] { return node.Report(); }, [&node] { return node.Tallies(); }, runtime, calls});
  HttpServer local(*events, clock, {}, [&pages](const std::string& path, HttpServer::Reply reply) {
    pages.Serve(path, std::move(reply));
  });
  HttpServer scrapes(*events, clock, {},
                     [&pages](const std::string& path, HttpServer::Reply reply) {
                       pages.ServeMetrics(path, std::move(reply));
                     });
  std::unique_ptr<LocalListener> local_door;
  // Pods go on without it, so it is no reason not to start.
  if (auto door = LocalListener::Listen(
          {AgentSocketPath(settings.run_dir), "status socket", ReadersGroup()}, *events,
          [&local](int fd) { local.Serve(fd); });
      door.ok()) {
    local_door = *std::move(door);
  } else {
    spdlog::error("'muster-agent status' will not work: {}", Text(door.status()));
  }
  std::unique_ptr<LoopbackListener> scrape_door;
  if (!settings.metrics_listen.empty()) {
    auto door = LoopbackListener::Listen(settings.metrics_listen, *events,
                                         [&scrapes](int fd) { scrapes.Serve(fd); });
    if (door.ok()) {
      scrape_door = *std::move(door);
    } else {
      spdlog::error("no metrics on the loopback: {}", Text(door.status()));
    }
  }
  FolderWatch static_pods(settings.static_pod_dir);
  std::unique_ptr<EventLoop::Source> static_pods_source;
  if (static_pods.fd() >= 0) {
    MUSTER_ASSIGN_OR_RETURN(static_pods_source, events->OnReadable(static_pods.fd(), [&] {
      static_pods.Drain();
      node.NoticeStaticPods();
      step();
    }));
  }
  ShutdownInhibitor::Options shutdown{.delay = TotalOf(settings.shutdown)};
  if (settings.shutdown.empty()) {
    RemoveDelaySetting(shutdown.drop_in);
  } else {
    inhibitor = std::make_unique<ShutdownInhibitor>(*events, clock, std::move(shutdown),
                                                    [&node, &step](bool goes_down) {
                                                      node.NoticeShutdown(goes_down);
                                                      step();
                                                    });
  }
  // Most of what is resident is code, and most of that is for the start.
  std::unique_ptr<EventLoop::Timer> code_timer;
  code_timer = events->NewTimer([&] {
    spdlog::debug("{} KiB of code were not kept resident", ReleaseCodePages() / 1024);
    code_timer->Set(clock.Mono() + kCodePagesPeriod);
  });
  code_timer->Set(clock.Mono() + kStartIsOverAfter);
  std::vector<std::unique_ptr<EventLoop::Source>> signals;
  for (const int signal : {SIGTERM, SIGINT}) {
    MUSTER_ASSIGN_OR_RETURN(std::unique_ptr<EventLoop::Source> source,
                            events->OnSignal(signal, [&events] { events->Quit(); }));
    signals.push_back(std::move(source));
  }
  MUSTER_ASSIGN_OR_RETURN(signals.emplace_back(), events->OnSignal(SIGHUP, [&] {
    NotifyReloading();
    Reload(settings, read_again());
    // Before it is ready this would say so; then systemd does not reload either.
    if (told_ready) NotifyReady(told_status);
  }));
  MUSTER_RETURN_IF_ERROR(events->KeepWatchdogQuiet());
  events->Post([&step] { step(); });
  const absl::Status ended = events->Run();
  NotifyStopping();
  if (ended.ok()) spdlog::info("stopping; the pods keep running");
  return ended;
}

int Main(int argc, const char* const* argv) {
  pki::RequireTls13();
  TakeProtobufLog([](bool fatal, const std::string& line) {
    fatal ? spdlog::critical("{}", line) : spdlog::debug("{}", line);
  });
  // gRPC's own resolver asks DNS for an IPv6 address even where /etc/hosts has the answer, and
  // waits for seconds where no DNS answers. Whoever set it otherwise has a reason.
  ::setenv("GRPC_DNS_RESOLVER", "native", /*overwrite=*/0);
  const std::string_view task = argc > 1 ? argv[1] : "";
  if (task == "join") return RunJoin(argc - 1, argv + 1);
  if (task == "status") return RunStatus(argc - 1, argv + 1);
  if (task == "doctor") return RunDoctor(argc - 1, argv + 1);
  if (task == "reset") return RunReset(argc - 1, argv + 1);
  if (task == "lend-mounts") return RunLendMounts();
  if (task == "wait-ready") return RunWaitReady(argc - 1, argv + 1);
  const absl::StatusOr<CommandLine> line = ParseCommandLine(argc, argv);
  if (!line.ok()) return Fail(line.status(), kWrongSettings);
  if (line->print_and_exit) return PrintLine(*line);
  if (line->check_config) {
    std::puts("The settings are good.");
    return 0;
  }
  if (absl::Status status = SetUpLogging(line->settings.log_level, DetectLogForm()); !status.ok()) {
    return Fail(status, kWrongSettings);
  }
  // Before the first thread; a join under way can still be interrupted.
  BlockSignals({SIGTERM, SIGINT, SIGHUP});
  // A peer that hangs up is an error of a write, not the end.
  ::signal(SIGPIPE, SIG_IGN);
  // Collectors of logs read what we make under another user.
  ::umask(0022);
  spdlog::info("muster-agent {} ({})", Version(), GitVersion());
  const absl::StatusOr<NodeIdentity> identity = LoadIdentity(line->settings);
  if (!identity.ok()) {
    spdlog::error("{}", Text(identity.status()));
    return kWrongSettings;
  }
  LogFields::SetForProcess({kLogNode, identity->node_name});
  const auto read_again = [argc, argv] { return ParseCommandLine(argc, argv); };
  if (absl::Status served = Serve(line->settings, *identity, read_again); !served.ok()) {
    spdlog::error("{}", Text(served));
    return kFailed;
  }
  return 0;
}

}  // namespace
}  // namespace muster::agent

int main(int argc, char** argv) { return muster::agent::Main(argc, argv); }
