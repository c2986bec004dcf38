#include "coordinator/process/coordinator.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "common/base/macros.h"
#include "common/base/status.h"
#include "common/base/text_file.h"
#include "common/daemon/event_loop.h"
#include "common/daemon/local_listener.h"
#include "common/daemon/log_fields.h"
#include "common/daemon/logging.h"
#include "common/daemon/notify.h"
#include "common/version/version.h"
#include "coordinator/api/access_api.h"
#include "coordinator/api/admin_api.h"
#include "coordinator/api/admin_service.h"
#include "coordinator/api/caller.h"
#include "coordinator/api/trust_api.h"
#include "coordinator/controllers/controller_loop.h"
#include "coordinator/controllers/service_loop.h"
#include "coordinator/enrol/certificate_authority.h"
#include "coordinator/enrol/enrolment.h"
#include "coordinator/enrol/serving_certificate.h"
#include "coordinator/enrol/token_store.h"
#include "coordinator/enrol/user_store.h"
#include "coordinator/metrics/metrics.h"
#include "coordinator/process/guards.h"
#include "coordinator/process/join_command.h"
#include "coordinator/process/stepper.h"
#include "coordinator/rpc/local_names.h"
#include "coordinator/rpc/local_peer.h"
#include "coordinator/rpc/servers.h"
#include "coordinator/session/agent_events.h"
#include "coordinator/session/enrol_limiter.h"
#include "coordinator/session/session_hub.h"
#include "coordinator/session/session_service.h"
#include "coordinator/store/object_store.h"
#include "coordinator/store/sealed/seal_keeper.h"
#include "coordinator/store/sealed/sealed_store.h"
#include "coordinator/store/sqlite/sqlite_store.h"
#include "coordinator/tunnel/tunnel.h"
#include "google/protobuf/message.h"
#include "spdlog/spdlog.h"

namespace muster::coordinator {
namespace {

using namespace std::chrono_literals;

constexpr auto kTunnelOpenWait = 15s;
constexpr auto kShutdownPatience = 500ms;
constexpr auto kHealthWait = 2s;
// How often calls that go on are looked at in any case; they are when something is known to have
// changed, or that the time of a certificate is over.
constexpr auto kCheckCallsEvery = 1min;

// Of a request to join or for a certificate, which anybody may send: far more than one has.
constexpr size_t kJoinBytesMax = 64 << 10;
constexpr size_t kLoggedMax = 512;

// Words of somebody who is nobody yet, for the log: one line, and not all of it.
std::string ForLog(absl::string_view text) {
  std::string line(text.substr(0, kLoggedMax));
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return text.size() > kLoggedMax ? line + "..." : line;
}

absl::Status CheckJoinSize(const google::protobuf::Message& request) {
  if (request.ByteSizeLong() <= kJoinBytesMax) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("a request to join may have ", kJoinBytesMax, " bytes"));
}

std::string HostName() {
  std::array<char, 256> name = {};
  return ::gethostname(name.data(), name.size() - 1) == 0 && name[0] != '\0' ? name.data()
                                                                             : "localhost";
}

// Each connection is a descriptor, and a shell's limit for them is 1024. One more than there may be
// would keep everybody out.
void TakeAllDescriptors() {
  rlimit limit = {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// Of those, an eighth stays for the store, the local socket and whatever else there is.
size_t ConnectionsMax() {
  rlimit limit = {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return 1 << 20;
  return limit.rlim_cur -
         std::max<rlim_t>(limit.rlim_cur / 8, std::min<rlim_t>(limit.rlim_cur / 2, 64));
}

// All parts of a coordinator, from the bottom up; they go the other way round. Only Run composes
// them: no part knows this class.
class Coordinator {
 public:
  Coordinator(const Settings& settings, const Clock& clock, ReadSettings read_again)
      : settings_(settings),
        read_again_(std::move(read_again)),
        clock_(clock),
        host_name_(HostName()),
        metrics_(Version()) {}

  absl::Status Run();

 private:
  absl::Status OpenStore();
  absl::Status Build();
  absl::Status StartServers();
  void CheckCalls();
  void SetCheckCalls();
  void Reload();
  void Stop();
  std::string StatusLine() const;
  void TellStatus();

  absl::StatusOr<session::v1::EnrolResponse> Enrol(const session::v1::EnrolRequest& request,
                                                   const std::string& peer);
  absl::StatusOr<session::v1::RenewResponse> Renew(const session::v1::RenewRequest& request,
                                                   const std::string& peer);
  // Tells every agent whom to trust.
  void SpreadTrust();
  absl::Status Healthy();

  // Timed, under the name of what turns.
  std::unique_ptr<Stepper> NewStepper(const std::string& name, Stepper::Step step);

  const Settings settings_;
  const ReadSettings read_again_;
  const Clock& clock_;
  const std::string host_name_;
  Metrics metrics_;

  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<SqliteStore> file_;
  std::unique_ptr<SealKeeper> seals_;
  std::unique_ptr<SealedStore> store_;  // What everybody uses.
  std::unique_ptr<ObjectStore> objects_;

  std::unique_ptr<CertificateAuthority> ca_;
  std::unique_ptr<TokenStore> tokens_;
  std::unique_ptr<UserStore> users_;
  std::unique_ptr<Enrolment> enrolment_;
  std::unique_ptr<EnrolLimiter> enrol_limiter_, renewal_warnings_;

  std::unique_ptr<Stepper> session_stepper_, controller_stepper_, service_stepper_;
  std::unique_ptr<AgentEvents> agent_events_;
  std::unique_ptr<SessionHub> sessions_;
  std::unique_ptr<TunnelBroker> tunnels_;
  std::unique_ptr<ControllerLoop> controllers_;
  std::unique_ptr<ServiceLoop> services_;

  std::unique_ptr<Guards> guards_;
  std::unique_ptr<EventLoop::Timer> check_calls_;
  std::unique_ptr<ObjectCensus> census_;
  std::unique_ptr<AdminApi> api_;
  std::unique_ptr<SessionService> session_service_;
  std::unique_ptr<AccessApi> access_;
  std::unique_ptr<TrustApi> trust_;
  std::unique_ptr<ServingCertificate> serving_;
  LocalNames local_names_;
  std::unique_ptr<AdminService> remote_admin_, local_admin_, local_viewer_;
  std::unique_ptr<RpcServers> servers_;
  std::unique_ptr<LocalListener> listener_;
  std::unique_ptr<HealthServer> health_;
  std::vector<std::unique_ptr<EventLoop::Source>> signals_;
  std::string told_status_;
  std::thread stopping_;  // Waits for the servers' calls to end, while the loop ends them.
};

absl::Status Coordinator::Run() {
  TakeAllDescriptors();
  MUSTER_ASSIGN_OR_RETURN(loop_, EventLoop::Create());
  MUSTER_RETURN_IF_ERROR(loop_->KeepWatchdogQuiet());
  for (const int signal : {SIGTERM, SIGINT}) {
    MUSTER_ASSIGN_OR_RETURN(signals_.emplace_back(), loop_->OnSignal(signal, [this] { Stop(); }));
  }
  MUSTER_ASSIGN_OR_RETURN(signals_.emplace_back(), loop_->OnSignal(SIGHUP, [this] { Reload(); }));
  NotifyStatus("Opening the store");
  MUSTER_RETURN_IF_ERROR(OpenStore());
  MUSTER_RETURN_IF_ERROR(Build());
  MUSTER_RETURN_IF_ERROR(StartServers());
  session_stepper_->Wake();
  controller_stepper_->Wake();
  service_stepper_->Wake();
  spdlog::info("muster-coordinator {} serves agents on port {} and root on {}", GitVersion(),
               servers_->port(), settings_.admin_socket);
  told_status_ = StatusLine();
  NotifyReady(told_status_);
  const absl::Status status = loop_->Run();
  if (stopping_.joinable()) stopping_.join();
  return status;
}

absl::Status Coordinator::OpenStore() {
  MUSTER_RETURN_IF_ERROR(Annotate(MakeDirectories(settings_.state_dir, 0700), "state directory"));
  MUSTER_RETURN_IF_ERROR(MakeDirectories(settings_.state_dir + "/pki", 0700));
  MUSTER_ASSIGN_OR_RETURN(file_, SqliteStore::Open({.path = settings_.state_dir + "/muster.db"}));
  MUSTER_ASSIGN_OR_RETURN(
      seals_,
      SealKeeper::Open(*file_,
                       seal::FindKeySource(std::getenv("CREDENTIALS_DIRECTORY"), "sealing-key",
                                           settings_.state_dir + "/pki/sealing.key"),
                       [this] { return file_->Scrub(); }));
  store_ = std::make_unique<SealedStore>(*file_, seals_->ring());
  objects_ = std::make_unique<ObjectStore>(*store_, clock_);
  CertificateLifetimes lifetimes;
  lifetimes.client =
      std::chrono::duration_cast<std::chrono::seconds>(settings_.node_certificate_lifetime);
  MUSTER_ASSIGN_OR_RETURN(
      CertificateAuthority ca,
      CertificateAuthority::LoadOrCreate(settings_.state_dir + "/pki", clock_.Wall(), lifetimes));
  ca_ = std::make_unique<CertificateAuthority>(std::move(ca));
  return absl::OkStatus();
}

absl::Status Coordinator::Build() {
  tokens_ = std::make_unique<TokenStore>(*store_, clock_);
  users_ = std::make_unique<UserStore>(*store_);
  enrolment_ = std::make_unique<Enrolment>(
      *objects_, *tokens_, *ca_, clock_,
      Enrolment::Options{
          std::chrono::duration_cast<std::chrono::seconds>(settings_.node_return_window)});
  enrol_limiter_ = std::make_unique<EnrolLimiter>(clock_, EnrolLimiter::Options{});
  renewal_warnings_ = std::make_unique<EnrolLimiter>(clock_, EnrolLimiter::Options{});

  session_stepper_ = NewStepper("sessions", [this] {
    std::optional<MonoTime> next = sessions_->Step();
    metrics_.SetSessions(sessions_->session_count());
    TellStatus();
    const std::optional<MonoTime> tunnel = tunnels_->Expire();
    return tunnel && (!next || *tunnel < *next) ? tunnel : next;
  });
  controller_stepper_ = NewStepper("controllers", [this] { return controllers_->Step(); });
  service_stepper_ = NewStepper("services", [this] { return services_->Step(); });

  agent_events_ = std::make_unique<AgentEvents>(*store_, clock_, AgentEvents::Options{});
  SessionHub::Options session_options;
  session_options.heartbeat_interval =
      std::chrono::duration_cast<std::chrono::milliseconds>(settings_.heartbeat_interval);
  session_options.silence_max = settings_.node_lost_after;
  session_options.coordinator_version = Version();
  MUSTER_ASSIGN_OR_RETURN(const ServiceRanges ranges, RangesOf(settings_));
  for (const IpRange& range : ranges.cluster_ips) {
    session_options.network_ranges.add_services(ToText(range));
  }
  MUSTER_ASSIGN_OR_RETURN(PodRanges pod_ranges, PodRangesOf(settings_));
  for (const IpRange& range : pod_ranges.clusters) {
    session_options.network_ranges.add_pods(ToText(range));
  }
  session_options.on_contact = [this](const std::string& node) { controllers_->TouchNode(node); };
  session_options.on_worthless = [this](const std::string& node, const absl::Status& why) {
    tunnels_->CloseAllOf(node, why);
  };
  sessions_ = std::make_unique<SessionHub>(*store_, clock_, *agent_events_, session_options,
                                           [this] { session_stepper_->Wake(); });
  tunnels_ = std::make_unique<TunnelBroker>(
      clock_, kTunnelOpenWait,
      [this](const std::string& node, session::v1::OpenTunnel request,
             std::function<void(absl::Status)> refused) {
        sessions_->Post(TunnelWanted{node, std::move(request), std::move(refused)});
      });

  ControllerLoop::Options controller_options;
  controller_options.health.silent = settings_.node_lost_after;
  controller_options.health.broken = settings_.reconnect_grace;
  controller_options.pod_gc_quarantine = settings_.pod_gc_quarantine;
  controller_options.plan.pulls_max = settings_.pre_pull_limit;
  controller_options.pod_ranges = std::move(pod_ranges);
  controllers_ = std::make_unique<ControllerLoop>(
      *objects_, clock_,
      [this](const std::string& node) -> std::optional<NodeContact> {
        const auto contact = sessions_->Contact(node);
        if (!contact) return std::nullopt;
        return NodeContact{contact->connected, contact->broken, contact->last_seen};
      },
      std::move(controller_options), [this] { controller_stepper_->Wake(); });

  services_ =
      std::make_unique<ServiceLoop>(*objects_, clock_, ServiceLoop::Options{.ranges = ranges},
                                    [this] { service_stepper_->Wake(); });

  MUSTER_ASSIGN_OR_RETURN(guards_, Guards::Create(settings_, clock_));
  check_calls_ = loop_->NewTimer([this] { CheckCalls(); });
  guards_->live().OnSooner([this] { loop_->Post([this] { SetCheckCalls(); }); });
  CheckCalls();
  api_ = std::make_unique<AdminApi>(*objects_, clock_, ranges, RulesOf(settings_.guards.may_run));
  MUSTER_RETURN_IF_ERROR(Annotate(api_->CreateBuiltInNamespaces(), "built-in namespaces"));
  MUSTER_ASSIGN_OR_RETURN(
      census_, ObjectCensus::Open(*objects_, clock_, CensusLimitsOf(settings_.guards.limits)));
  api_->SetCensus(census_.get());
  MUSTER_RETURN_IF_ERROR(Annotate(sessions_->Start(), "sessions"));
  return absl::OkStatus();
}

absl::Status Coordinator::StartServers() {
  SessionService::Doors doors;
  doors.enrol = [this](const auto& request, const std::string& peer) {
    return Enrol(request, peer);
  };
  doors.renew = [this](const auto& request, const std::string& peer) {
    return Renew(request, peer);
  };
  doors.authority_of = [this](const std::string& certificate_pem) {
    return pki::IssuerAmong(certificate_pem, ca_->trusted_pem()).value_or("");
  };
  doors.on_known = [this](const std::string& peer, const std::string& node) {
    servers_->Known(peer, absl::StrCat("node ", node));
  };
  session_service_ =
      std::make_unique<SessionService>(*sessions_, *tunnels_, clock_, std::move(doors));
  SpreadTrust();
  MUSTER_ASSIGN_OR_RETURN(
      serving_, ServingCertificate::Create(*ca_, ServerNames(settings_, host_name_), clock_));
  AccessApi::Options access;
  access.address = [this] { return AgentAddress(settings_, host_name_, servers_->port()); };
  access.join_command = [this](const std::string& token) {
    return JoinCommand(AgentAddress(settings_, host_name_, servers_->port()), token, ca_->hash());
  };
  access.remote_admin = settings_.remote_admin;
  access_ = std::make_unique<AccessApi>(*tokens_, *users_, *ca_, clock_, std::move(access));
  TrustApi::Options trust;
  trust.return_window =
      std::chrono::duration_cast<std::chrono::seconds>(settings_.node_return_window);
  trust.on_change = [this] {
    SpreadTrust();
    guards_->live().CheckAll();
  };
  trust.server_not_after = [this] { return serving_->Current()->not_after; };
  trust_ = std::make_unique<TrustApi>(*ca_, *enrolment_, *users_, *objects_, *seals_, clock_,
                                      std::move(trust));
  CallGuards remote_guards = guards_->ForCalls();
  remote_guards.on_known = [this](const std::string& peer, const std::string& name) {
    servers_->Known(peer, absl::StrCat("user ", name));
  };
  remote_admin_ = std::make_unique<AdminService>(
      *api_, *access_, *trust_, *tunnels_,
      [this](const grpc::CallbackServerContext& context) {
        return RemoteCaller(context, *users_, ca_->trusted_pem(), clock_.Wall());
      },
      remote_guards);
  // Whose connection it is was settled when it was accepted, and it was handed to one of these.
  const auto local = [this](Role role) {
    return std::make_unique<AdminService>(
        *api_, *access_, *trust_, *tunnels_,
        [this, role](const grpc::CallbackServerContext& context) {
          return LocalCaller(
              local_names_.Of(context.peer(), role == Role::kAdmin ? "root" : "local"), role);
        },
        guards_->ForCalls());
  };
  local_admin_ = local(Role::kAdmin);
  local_viewer_ = local(Role::kViewer);

  RpcServers::Options options;
  options.listen = settings_.listen;
  options.gate.unknown_max = static_cast<size_t>(settings_.guards.limits.new_connections);
  options.gate.all_max = ConnectionsMax();
  options.message_bytes_max = settings_.guards.limits.message_mib << 20;
  options.identity = [this] {
    const std::shared_ptr<const ServingCertificate::Identity> identity = serving_->Current();
    return std::shared_ptr<const pki::ServerIdentity>(identity, &identity->server);
  };
  options.sessions = session_service_.get();
  if (settings_.remote_admin) options.remote_admin = remote_admin_.get();
  options.local_admin = local_admin_.get();
  options.local_viewer = local_viewer_.get();
  MUSTER_ASSIGN_OR_RETURN(servers_, RpcServers::Start(options));
  servers_->LetIn();
  MUSTER_ASSIGN_OR_RETURN(listener_,
                          LocalListener::Listen({settings_.admin_socket, "admin socket",
                                                 GroupToOpenTo(settings_.viewer_group)},
                                                *loop_, [this](int fd) {
                                                  LocalPeer peer = PeerOf(fd);
                                                  local_names_.Set(fd, std::move(peer.name));
                                                  servers_->AddLocalConnection(fd, peer.trusted);
                                                }));
  if (!settings_.metrics_listen.empty()) {
    MUSTER_ASSIGN_OR_RETURN(health_, HealthServer::Start(
                                         settings_.metrics_listen, [this] { return Healthy(); },
                                         [this] { return metrics_.Text(); }));
  }
  return absl::OkStatus();
}

std::string Coordinator::StatusLine() const {
  const size_t agents = sessions_->session_count();
  return absl::StrCat("serving on port ", servers_->port(), "; ", agents,
                      agents == 1 ? " agent" : " agents", " connected");
}

void Coordinator::TellStatus() {
  if (told_status_.empty() || stopping_.joinable()) return;  // Not there yet, or no more.
  std::string status = StatusLine();
  if (status == told_status_) return;
  NotifyStatus(status);
  told_status_ = std::move(status);
}

// Deleting a user ends its calls at once; this is for those whose time is over.
void Coordinator::CheckCalls() {
  guards_->live().CheckAll();
  SetCheckCalls();
}

void Coordinator::SetCheckCalls() {
  Duration wait = std::min<Duration>(kCheckCallsEvery, settings_.guards.limits.reader_wait / 4);
  if (const std::optional<WallTime> end = guards_->live().FirstEnd()) {
    wait = std::clamp<Duration>(*end - clock_.Wall() + 1ms, 1ms, wait);
  }
  check_calls_->Set(clock_.Mono() + std::chrono::duration_cast<MonoTime::duration>(wait));
}

void Coordinator::Reload() {
  if (stopping_.joinable()) return;
  NotifyReloading();
  const absl::StatusOr<Settings> settings = read_again_();
  absl::Status status = settings.status();
  if (status.ok()) status = SetLogLevel(settings->log_level);
  if (!status.ok()) {
    spdlog::error("reload: {}; the settings stay as they were", std::string(status.message()));
  } else if (const auto keys = NeedRestart(settings_, *settings); !keys.empty()) {
    spdlog::warn(
        "reload: {} changed, which needs a restart (no pod notices): systemctl restart "
        "muster-coordinator",
        absl::StrJoin(keys, ", "));
  } else {
    spdlog::info("reload: the settings were read again");
  }
  NotifyReady(told_status_);
}

// Calls that are under way are ended by the loop, so it goes on turning until they are.
void Coordinator::Stop() {
  if (stopping_.joinable()) return;
  spdlog::info("stopping");
  NotifyStopping();
  listener_.reset();
  sessions_->CloseAll(absl::UnavailableError("the coordinator is stopping"));
  stopping_ = std::thread([this] {
    servers_->Shutdown(kShutdownPatience);
    loop_->Quit();
  });
}

absl::StatusOr<session::v1::EnrolResponse> Coordinator::Enrol(
    const session::v1::EnrolRequest& request, const std::string& peer) {
  MUSTER_RETURN_IF_ERROR(enrol_limiter_->Check(peer));
  const std::string node = ForLog(request.node_name());
  EnrolRequest enrol;
  enrol.token = request.token();
  enrol.node_name = request.node_name();
  enrol.csr_pem = request.csr_pem();
  enrol.labels = {request.labels().begin(), request.labels().end()};
  enrol.taints = {request.taints().begin(), request.taints().end()};
  const LogFields about(kLogNode, node);
  const auto answer = [&]() -> absl::StatusOr<EnrolResult> {
    MUSTER_RETURN_IF_ERROR(CheckJoinSize(request));
    return enrolment_->Enrol(enrol);
  };
  const absl::StatusOr<EnrolResult> result = answer();
  guards_->RememberEnrolment(request.token(), node, peer, result.status());
  if (!result.ok()) {
    // Who shows no good token, for it guesses, or only fills the log.
    const bool is_nobody =
        absl::IsUnauthenticated(result.status()) || absl::IsInvalidArgument(result.status());
    if (is_nobody) enrol_limiter_->Failed(peer);
    spdlog::warn("node {} at {} was not enrolled: {}", node, peer,
                 ForLog(result.status().ToString()));
    return result.status();
  }
  spdlog::info("node {} at {} is enrolled", node, peer);
  session::v1::EnrolResponse response;
  response.set_certificate_pem(result->certificate_pem);
  response.set_ca_pem(result->ca_pem);
  return response;
}

absl::StatusOr<session::v1::RenewResponse> Coordinator::Renew(
    const session::v1::RenewRequest& request, const std::string& peer) {
  MUSTER_RETURN_IF_ERROR(CheckJoinSize(request));
  const std::string node = ForLog(request.node_name());
  const LogFields about(kLogNode, node);
  absl::StatusOr<EnrolResult> result = enrolment_->Renew(request.node_name(), request.csr_pem());
  if (!result.ok()) {
    // Nobody is refused for what others at its address do, but not all of it is told.
    if (renewal_warnings_->Check(peer).ok()) {
      renewal_warnings_->Failed(peer);
      spdlog::warn("node {} at {} got no new certificate: {}", node, peer,
                   ForLog(result.status().ToString()));
    }
    return result.status();
  }
  spdlog::info("node {} at {} has a new certificate", node, peer);
  session::v1::RenewResponse response;
  response.set_certificate_pem(std::move(result->certificate_pem));
  response.set_ca_pem(std::move(result->ca_pem));
  return response;
}

void Coordinator::SpreadTrust() {
  session::v1::Trust trust;
  trust.set_ca_pem(ca_->trusted_pem());
  trust.set_issuer_hash(ca_->issuer_hash());
  TrustChanged changed{std::move(trust), {}};
  if (const auto hashes = pki::HashesOf(ca_->trusted_pem()); hashes.ok()) {
    changed.authorities = {hashes->begin(), hashes->end()};
  }
  sessions_->Post(std::move(changed));
}

// On a thread of the health server: does the loop still turn, and the store still answer?
absl::Status Coordinator::Healthy() {
  auto turned = std::make_shared<std::promise<void>>();
  std::future<void> turn = turned->get_future();
  loop_->Post([turned] { turned->set_value(); });
  if (turn.wait_for(kHealthWait) != std::future_status::ready) {
    return absl::UnavailableError("the loop does not turn");
  }
  return Annotate(store_->CurrentRevision().status(), "store");
}

std::unique_ptr<Stepper> Coordinator::NewStepper(const std::string& name, Stepper::Step step) {
  auto stepper = std::make_unique<Stepper>(*loop_);
  stepper->Set([this, name, step = std::move(step)] {
    const MonoTime start = clock_.Mono();
    const std::optional<MonoTime> next = step();
    metrics_.ObserveStep(name, std::chrono::duration<double>(clock_.Mono() - start).count());
    return next;
  });
  return stepper;
}

}  // namespace

absl::Status RunCoordinator(const Settings& settings, const Clock& clock, ReadSettings read_again) {
  return Coordinator(settings, clock, std::move(read_again)).Run();
}

std::string AgentAddress(const Settings& settings) {
  const absl::StatusOr<NetworkAddress> listen = ParseNetworkAddress(settings.listen);
  return AgentAddress(settings, HostName(), listen.ok() ? listen->port.value_or(0) : 0);
}

}  // namespace muster::coordinator
