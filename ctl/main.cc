#include <pwd.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/version/version.h"
#include "ctl/client/connect.h"
#include "ctl/commands/apply.h"
#include "ctl/commands/context.h"
#include "ctl/commands/delete.h"
#include "ctl/commands/edit.h"
#include "ctl/commands/exec.h"
#include "ctl/commands/get.h"
#include "ctl/commands/look.h"

namespace muster::ctl {
namespace {

std::string UserConfigPath() {
  if (const char* given = std::getenv("MUSTER_CONFIG")) return given;
  const char* home = std::getenv("HOME");
  if (home == nullptr) {
    const passwd* user = ::getpwuid(::getuid());
    home = user == nullptr ? "/" : user->pw_dir;
  }
  return absl::StrCat(home, "/.config/muster/config.yaml");
}

// "10s", "1m30s", and a bare number as seconds.
std::chrono::milliseconds ParseDuration(const std::string& text) {
  absl::Duration duration;
  const std::string with_unit =
      !text.empty() && text.find_first_not_of("0123456789") == std::string::npos ? text + "s" : text;
  if (!absl::ParseDuration(with_unit, &duration) || duration < absl::ZeroDuration()) {
    throw CLI::ValidationError("expected a duration such as 30s or 5m, found \"" + text + "\"");
  }
  return absl::ToChronoMilliseconds(duration);
}

std::optional<std::chrono::milliseconds> OptionalTimeout(const std::string& text) {
  const std::chrono::milliseconds timeout = ParseDuration(text);
  if (timeout.count() == 0) return std::nullopt;  // kubectl: 0 waits for ever.
  return timeout;
}

DryRun ParseDryRun(const std::string& text) {
  if (text.empty() || text == "none") return DryRun::kNone;
  if (text == "client" || text == "true") return DryRun::kClient;
  if (text == "server") return DryRun::kServer;
  throw CLI::ValidationError("--dry-run: expected none, client or server, found \"" + text + "\"");
}

// The command line and what it asks for. Lives as long as the program.
class Program {
 public:
  Program();
  int Run(int argc, char** argv);

 private:
  using Command = std::function<int(Context&)>;

  CLI::App* Add(CLI::App& parent, const std::string& name, const std::string& description,
                Command command);
  void AddApply();
  void AddGet();
  void AddDescribe();
  void AddDelete();
  void AddEdits();
  void AddRollout();
  void AddLogs();
  void AddExec();
  void AddToken();
  void AddVersion();
  std::string ChangeCause(const CLI::App& command) const;

  CLI::App app_{"musterctl controls DaemonSets on a fleet of hosts"};
  std::string server_;
  std::string ns_ = "default";
  bool all_namespaces_ = false;
  CLI::Option* ns_option_ = nullptr;
  Command chosen_;

  ApplyOptions apply_;
  GetOptions get_;
  DeleteOptions delete_;
  EditOptions edit_;
  RolloutStatusOptions rollout_;
  LogsOptions logs_;
  ExecOptions exec_;
  TokenOptions token_;
  std::string dry_run_, timeout_, cascade_ = "background", since_, ttl_;
  int64_t grace_ = -1, tail_ = -1, limit_bytes_ = -1;
  std::vector<std::string> arguments_;
  std::string selector_;
};

CLI::App* Program::Add(CLI::App& parent, const std::string& name, const std::string& description,
                       Command command) {
  CLI::App* added = parent.add_subcommand(name, description);
  added->fallthrough();
  added->final_callback([this, command = std::move(command)] { chosen_ = command; });
  return added;
}

Program::Program() {
  app_.require_subcommand(1);
  app_.add_option("-s,--server", server_, "Address of the coordinator: unix:/path or host:port");
  ns_option_ = app_.add_option("-n,--namespace", ns_, "Namespace to work in");
  AddApply();
  AddGet();
  AddDescribe();
  AddDelete();
  AddEdits();
  AddRollout();
  AddLogs();
  AddExec();
  AddToken();
  AddVersion();
}

// As kubectl records it: the program, the command, and the flags that were given, by name.
std::string Program::ChangeCause(const CLI::App& command) const {
  std::map<std::string, std::string> flags;
  for (const CLI::App* app : {&command, &app_}) {
    for (const CLI::Option* option : app->get_options()) {
      if (option->count() == 0 || option->get_lnames().empty()) continue;
      if (option->get_lnames().front() == "server") continue;  // Where is not why.
      std::string value;
      for (const std::string& result : option->results()) {
        absl::StrAppend(&value, value.empty() ? "" : ",", result);
      }
      flags[option->get_lnames().front()] = value;
    }
  }
  std::string text = absl::StrCat("musterctl ", command.get_name());
  for (const auto& [name, value] : flags) absl::StrAppend(&text, " --", name, "=", value);
  return text;
}

void Program::AddApply() {
  CLI::App* app = Add(app_, "apply", "Make the fleet as the manifests say", nullptr);
  app->add_option("-f,--filename", apply_.files, "File, folder or - with the manifests")
      ->allow_extra_args(false);
  app->add_flag("--record", apply_.record, "Keep this command line as the change's cause");
  app->add_flag("--strict", apply_.strict, "Refuse kinds of objects that Muster does not run");
  app->add_flag("--dry-run{client}", dry_run_, "Change nothing: none, client or server");
  app->add_option("-o,--output", apply_.output, "name, json or yaml")
      ->check(CLI::IsMember({"name", "json", "yaml"}));
  app->final_callback([this, app] {
    apply_.dry_run = ParseDryRun(dry_run_);
    apply_.namespace_given = ns_option_->count() > 0;
    if (apply_.record) apply_.change_cause = ChangeCause(*app);
    chosen_ = [this](Context& context) { return RunApply(context, apply_); };
  });
}

void Program::AddGet() {
  CLI::App* app = Add(app_, "get", "Show objects", [this](Context& context) {
    return RunGet(context, get_);
  });
  app->add_option("resource", get_.arguments, "KIND [NAME...], KIND,KIND or KIND/NAME...");
  app->add_flag("-A,--all-namespaces", all_namespaces_, "Of every namespace");
  app->add_option("-l,--selector", get_.selector, "Only with these labels: a=b,c in (d,e),!f");
  app->add_option("--field-selector", get_.field_selector, "Only with these fields");
  app->add_option("-o,--output", get_.output, "wide, json, yaml or name")
      ->check(CLI::IsMember({"wide", "json", "yaml", "name"}));
  app->add_flag("!--no-headers", get_.headers, "Only the rows");
  app->add_flag("--show-labels", get_.show_labels, "With a column of all labels");
  app->add_flag("-w,--watch", get_.watch, "Go on showing what changes");
  app->add_flag("--watch-only", get_.watch_only, "Show only what changes");
  app->add_flag("--ignore-not-found", get_.ignore_not_found, "A missing object is no error");
}

void Program::AddDescribe() {
  CLI::App* app = Add(app_, "describe", "Show everything about objects, with their events",
                      [this](Context& context) {
                        return RunDescribe(context, arguments_, selector_);
                      });
  app->add_option("resource", arguments_, "KIND [NAME...] or KIND/NAME...");
  app->add_flag("-A,--all-namespaces", all_namespaces_, "Of every namespace");
  app->add_option("-l,--selector", selector_, "Only with these labels");
}

void Program::AddDelete() {
  CLI::App* app = Add(app_, "delete", "Delete objects by file, name or label", nullptr);
  app->add_option("resource", delete_.arguments, "KIND NAME... or KIND/NAME...");
  app->add_option("-f,--filename", delete_.files, "File, folder or - with the manifests")
      ->allow_extra_args(false);
  app->add_option("-l,--selector", delete_.selector, "All with these labels");
  app->add_flag("--all", delete_.all, "All of this kind");
  app->add_flag("-A,--all-namespaces", all_namespaces_, "Of every namespace");
  app->add_flag("--ignore-not-found", delete_.ignore_not_found, "A missing object is no error");
  app->add_flag("--wait", delete_.wait, "Return when the objects are gone (default true)");
  app->add_flag("--cascade{background}", cascade_, "background, foreground or orphan");
  app->add_option("--grace-period", grace_, "Seconds a pod has to end by itself");
  app->add_option("--timeout", timeout_, "How long to wait for the objects to be gone");
  app->add_flag("--dry-run{client}", dry_run_, "Change nothing: none, client or server");
  app->add_option("-o,--output", apply_.output, "name")->check(CLI::IsMember({"name"}));
  app->final_callback([this] {
    delete_.dry_run = ParseDryRun(dry_run_);
    if (!timeout_.empty()) delete_.timeout = OptionalTimeout(timeout_);
    if (grace_ >= 0) delete_.grace_period_seconds = grace_;
    delete_.name_only = apply_.output == "name";
    if (cascade_ == "orphan") {
      delete_.cascade = admin::v1::DeleteRequest::ORPHAN;
    } else if (cascade_ == "foreground") {
      delete_.cascade = admin::v1::DeleteRequest::FOREGROUND;
    } else if (cascade_ != "background" && cascade_ != "true") {
      throw CLI::ValidationError("--cascade: expected background, foreground or orphan, found \"" +
                                 cascade_ + "\"");
    }
    chosen_ = [this](Context& context) { return RunDelete(context, delete_); };
  });
}

void Program::AddEdits() {
  const auto add = [this](const std::string& name, const std::string& description,
                          const std::string& arguments, Command command) {
    CLI::App* app = Add(app_, name, description, nullptr);
    app->add_option("arguments", edit_.arguments, arguments);
    app->add_option("-l,--selector", edit_.selector, "All with these labels");
    app->add_flag("--all", edit_.all, "All of this kind");
    app->add_flag("-A,--all-namespaces", all_namespaces_, "Of every namespace");
    app->add_flag("--overwrite", edit_.overwrite, "Existing values may change");
    app->add_flag("--dry-run{client}", dry_run_, "Change nothing: none, client or server");
    app->final_callback([this, command = std::move(command)] {
      edit_.dry_run = ParseDryRun(dry_run_);
      chosen_ = command;
    });
  };
  add("label", "Set or remove labels", "KIND NAME... KEY=VALUE... KEY-...",
      [this](Context& context) { return RunLabel(context, edit_); });
  add("annotate", "Set or remove annotations", "KIND NAME... KEY=VALUE... KEY-...",
      [this](Context& context) { return RunAnnotate(context, edit_); });
  add("taint", "Set or remove taints of nodes", "nodes NAME... KEY=VALUE:EFFECT... KEY[:EFFECT]-...",
      [this](Context& context) { return RunTaint(context, edit_); });
  add("cordon", "Mark nodes as unschedulable", "NAME...",
      [this](Context& context) { return RunCordon(context, edit_, true); });
  add("uncordon", "Mark nodes as schedulable", "NAME...",
      [this](Context& context) { return RunCordon(context, edit_, false); });
}

void Program::AddRollout() {
  CLI::App* rollout = app_.add_subcommand("rollout", "Look after the rollout of a DaemonSet");
  rollout->fallthrough();
  rollout->require_subcommand(1);
  CLI::App* app = Add(*rollout, "status", "Show how far the rollout is", nullptr);
  app->add_option("resource", rollout_.arguments, "ds/NAME or ds NAME");
  app->add_flag("-w,--watch", rollout_.watch, "Follow it to its end (default true)");
  app->add_option("--timeout", timeout_, "How long to follow it; 0 for ever");
  app->final_callback([this] {
    if (!timeout_.empty()) rollout_.timeout = OptionalTimeout(timeout_);
    chosen_ = [this](Context& context) { return RunRolloutStatus(context, rollout_); };
  });
}

void Program::AddLogs() {
  CLI::App* app = Add(app_, "logs", "Print the logs of a container", nullptr);
  app->add_option("pod", logs_.arguments, "POD or ds/NAME, then a container if there are several");
  app->add_option("-c,--container", logs_.container, "Which container");
  app->add_flag("-f,--follow", logs_.follow, "Go on with what comes");
  app->add_flag("-p,--previous", logs_.previous, "Of the instance before this one");
  app->add_flag("--timestamps", logs_.timestamps, "With the time of each line");
  app->add_option("--tail", tail_, "Only the last so many lines");
  app->add_option("--since", since_, "Only what is newer than this, as 5s, 2m or 3h");
  app->add_option("--limit-bytes", limit_bytes_, "At most so much");
  app->final_callback([this] {
    if (tail_ >= 0) logs_.tail_lines = tail_;
    if (limit_bytes_ >= 0) logs_.limit_bytes = limit_bytes_;
    if (!since_.empty()) {
      logs_.since_seconds =
          std::chrono::duration_cast<std::chrono::seconds>(ParseDuration(since_)).count();
    }
    chosen_ = [this](Context& context) { return RunLogs(context, logs_); };
  });
}

void Program::AddExec() {
  CLI::App* app = Add(app_, "exec", "Run a command in a container", [this](Context& context) {
    return RunExec(context, exec_);
  });
  app->add_option("pod", exec_.pod, "POD or ds/NAME")->required();
  app->add_option("command", exec_.command, "The command, after --");
  app->add_option("-c,--container", exec_.container, "Which container");
  app->add_flag("-i,--stdin", exec_.stdin, "Pass standard input on");
  app->add_flag("-t,--tty", exec_.tty, "Standard input is a terminal");
}

void Program::AddToken() {
  CLI::App* token = app_.add_subcommand("token", "Tokens by which nodes join");
  token->fallthrough();
  token->require_subcommand(1);
  CLI::App* app = Add(*token, "create", "Make a token and print the command that joins with it",
                      nullptr);
  app->add_option("--ttl", ttl_, "How long it can be used (default 1h)");
  app->add_option("--uses", token_.uses, "How many nodes may join with it (default 1)")
      ->check(CLI::PositiveNumber);
  app->add_flag("--token-only", token_.token_only, "Print just the token");
  app->final_callback([this] {
    if (!ttl_.empty()) {
      token_.ttl = std::chrono::duration_cast<std::chrono::seconds>(ParseDuration(ttl_));
    }
    chosen_ = [this](Context& context) { return RunTokenCreate(context, token_); };
  });
}

void Program::AddVersion() {
  CLI::App* app = Add(app_, "version", "Show the versions of musterctl and the coordinator",
                      nullptr);
  auto client_only = std::make_shared<bool>(false);
  app->add_flag("--client", *client_only, "Only of musterctl");
  app->final_callback([this, client_only] {
    chosen_ = [client_only](Context& context) { return RunVersion(context, *client_only); };
  });
}

int Program::Run(int argc, char** argv) {
  // gRPC's own resolver asks DNS for an IPv6 address even where /etc/hosts has the answer, and waits
  // for seconds where no DNS answers. Whoever set it otherwise has a reason.
  ::setenv("GRPC_DNS_RESOLVER", "native", /*overwrite=*/0);
  try {
    app_.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app_.exit(error);  // --help
    std::cerr << "error: " << error.what() << "\nSee 'musterctl --help'.\n";
    return kExitUsage;
  }
  std::unique_ptr<AdminClient> client;
  Context context{.client = nullptr,
                  .server = server_,
                  .ns = ns_,
                  .all_namespaces = all_namespaces_,
                  .in = std::cin,
                  .out = std::cout,
                  .err = std::cerr};
  context.client = [&]() -> absl::StatusOr<AdminClient*> {
    if (client != nullptr) return client.get();
    auto endpoint = FindEndpoint(server_, std::getenv("MUSTER_SERVER"), UserConfigPath());
    if (!endpoint.ok()) return endpoint.status();
    context.server = endpoint->server;
    auto connected = Connect(*endpoint);
    if (!connected.ok()) return connected.status();
    client = std::move(*connected);
    return client.get();
  };
  return chosen_(context);
}

}  // namespace
}  // namespace muster::ctl

int main(int argc, char** argv) {
  // A reader that went away (`| head`) ends the output, not with a signal's noise.
  std::signal(SIGPIPE, SIG_IGN);
  muster::ctl::Program program;
  return program.Run(argc, argv);
}
