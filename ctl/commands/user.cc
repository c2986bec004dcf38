#include "ctl/commands/user.h"

#include <unistd.h>

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "common/base/macros.h"
#include "common/base/text_file.h"
#include "common/pki/pki.h"
#include "ctl/client/connect.h"
#include "ctl/commands/command_line.h"
#include "ctl/commands/flags.h"
#include "ctl/output/table.h"

namespace muster::ctl {
namespace {

absl::StatusOr<admin::v1::CreateUserRequest> RequestFor(const UserOptions& options,
                                                        const pki::PrivateKey& key) {
  admin::v1::CreateUserRequest request;
  MUSTER_ASSIGN_OR_RETURN(*request.mutable_csr_pem(), pki::MakeRequest(key, options.name));
  request.set_name(options.name);
  request.set_role(options.role);
  for (const std::string& ns : options.namespaces) request.add_namespaces(ns);
  for (const std::string& right : options.rights) request.add_rights(right);
  request.set_ttl_seconds(options.ttl.count());
  request.set_replace(options.replace);
  return request;
}

std::string OrAll(const google::protobuf::RepeatedPtrField<std::string>& texts) {
  return texts.empty() ? "<all>" : absl::StrJoin(texts, ",");
}

std::string OrNone(const google::protobuf::RepeatedPtrField<std::string>& texts) {
  return texts.empty() ? "<none>" : absl::StrJoin(texts, ",");
}

}  // namespace

int RunUserCreate(Context& context, const UserOptions& options) {
  const std::string path = options.file.empty() ? options.name + ".yaml" : options.file;
  // It may be the only copy of somebody's key.
  if (::access(path.c_str(), F_OK) == 0) {
    return FailLocally(context, absl::StrCat(path, " is there already; name another with --out"));
  }
  const auto client = context.client();
  if (!client.ok()) return Fail(context, client.status());
  const auto key = pki::PrivateKey::Generate();
  if (!key.ok()) return Fail(context, key.status());
  const auto key_pem = key->ToPem();
  if (!key_pem.ok()) return Fail(context, key_pem.status());
  const auto request = RequestFor(options, *key);
  if (!request.ok()) return Fail(context, request.status());
  const auto response = (*client)->CreateUser(*request);
  if (!response.ok()) return Fail(context, response.status());
  const Endpoint endpoint{response->server(), response->ca_pem(), response->certificate_pem(),
                          *key_pem};
  if (const absl::Status written = WriteFileAtomically(path, ConfigText(endpoint), 0600);
      !written.ok()) {
    return FailLocally(context, absl::StrCat(written.message(),
                                             "; the user is made, but its key is lost: "
                                             "make it again with --replace"));
  }
  context.out << "user/" << options.name << (options.replace ? " replaced\n" : " created\n");
  context.err << "Its key and certificate are in " << path
              << ": whoever has the file is that user. Use it with --config " << path
              << " or MUSTERCONFIG=" << path << ".\n";
  if (!response->remote_admin()) {
    Warn(context,
         "the coordinator does not serve people over the network yet: set \"remoteAdmin: true\" "
         "in its /etc/muster/coordinator.yaml and restart it");
  }
  return kExitDone;
}

int RunUserList(Context& context) {
  const auto client = context.client();
  if (!client.ok()) return Fail(context, client.status());
  const auto users = (*client)->ListUsers(admin::v1::ListUsersRequest());
  if (!users.ok()) return Fail(context, users.status());
  if (users->users().empty()) {
    context.err << "No users found\n";
    return kExitDone;
  }
  admin::v1::Table table;
  for (const char* name : {"NAME", "ROLE", "NAMESPACES", "RIGHTS", "EXPIRES"}) {
    table.add_columns()->set_name(name);
  }
  for (const auto& user : users->users()) {
    admin::v1::Table::Row& row = *table.add_rows();
    row.add_cells(user.name());
    row.add_cells(user.role());
    row.add_cells(OrAll(user.namespaces()));
    row.add_cells(user.role() == "admin" ? "<all>" : OrNone(user.rights()));
    row.add_cells(DateText(user.expires_at_unix_seconds()));
  }
  TablePrinter({}).Print(table, context.out);
  return kExitDone;
}

int RunUserRenew(Context& context) {
  const std::string& path = context.config_file;
  auto endpoint = FindEndpoint("", nullptr, {path, /*asked_for=*/true, /*by_flag=*/true});
  if (!endpoint.ok()) return Fail(context, endpoint.status());
  if (endpoint->key_pem.empty()) {
    return FailLocally(context, absl::StrCat(path, " is not the file of a user of the network"));
  }
  const auto client = context.client();
  if (!client.ok()) return Fail(context, client.status());
  const auto key = pki::PrivateKey::FromPem(endpoint->key_pem);
  if (!key.ok()) return Fail(context, key.status());
  admin::v1::RenewUserRequest request;
  auto csr = pki::MakeRequest(*key, "renewal");
  if (!csr.ok()) return Fail(context, csr.status());
  request.set_csr_pem(*std::move(csr));
  const auto response = (*client)->RenewUser(request);
  if (!response.ok()) return Fail(context, response.status());
  endpoint->ca_pem = response->ca_pem();
  endpoint->certificate_pem = response->certificate_pem();
  if (const absl::Status written = WriteFileAtomically(path, ConfigText(*endpoint), 0600);
      !written.ok()) {
    return Fail(context, written);
  }
  context.out << path << " renewed; it is good until "
              << DateText(response->expires_at_unix_seconds()) << "\n";
  return kExitDone;
}

int RunUserDelete(Context& context, const std::vector<std::string>& names) {
  const auto client = context.client();
  if (!client.ok()) return Fail(context, client.status());
  for (const std::string& name : names) {
    admin::v1::DeleteUserRequest request;
    request.set_name(name);
    if (const auto response = (*client)->DeleteUser(request); !response.ok()) {
      return Fail(context, response.status());
    }
    context.out << "user/" << name << " deleted\n";
  }
  return kExitDone;
}

void AddUser(CommandLine& line) {
  CLI::App& group = line.Group("user", "People who may administer over the network");
  const auto options = std::make_shared<UserOptions>();
  const auto ttl = std::make_shared<std::string>();
  CLI::App& create = line.Add(
      "create", "Make a user and write the file by which it administers",
      [&line, options, ttl]() -> absl::StatusOr<CommandLine::Action> {
        if (!ttl->empty()) {
          MUSTER_ASSIGN_OR_RETURN(const auto given, ParseDuration(*ttl));
          options->ttl = std::chrono::duration_cast<std::chrono::seconds>(given);
        }
        if (line.namespace_given()) options->namespaces = absl::StrSplit(line.ns(), ',');
        return [options](Context& context) { return RunUserCreate(context, *options); };
      },
      &group);
  create.add_option("NAME", options->name, "Name of the user")->required();
  create.add_option("--role", options->role, "admin, operator or viewer")
      ->required()
      ->check(CLI::IsMember({"admin", "operator", "viewer"}));
  create.add_option("--allow", options->rights, "Rights besides: exec, attach, port-forward, cp")
      ->delimiter(',')
      ->check(CLI::IsMember({"exec", "attach", "port-forward", "cp"}));
  create.add_option("--ttl", *ttl, "How long the certificate is good (default 8760h)");
  create.add_flag("--replace", options->replace,
                  "In place of a user of this name, whose certificate is refused from then on");
  create.add_option("--out", options->file, "File to write (default NAME.yaml)");
  line.Add(
      "list", "Show the users", [] { return [](Context& c) { return RunUserList(c); }; }, &group);
  line.Add(
      "renew", "Have the certificate of one's own file signed anew, as after a change of the CA",
      [] { return [](Context& c) { return RunUserRenew(c); }; }, &group);
  const auto names = std::make_shared<std::vector<std::string>>();
  CLI::App& remove = line.Add(
      "delete", "Remove users; their certificates are refused from then on",
      [names] { return [names](Context& c) { return RunUserDelete(c, *names); }; }, &group);
  remove.add_option("NAME", *names, "Names of users")->required();
}

}  // namespace muster::ctl
