#include "coordinator/api/access_api.h"

#include <chrono>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "common/base/status.h"
#include "common/model/names.h"
#include "common/pki/pki.h"
#include "coordinator/authz/authorize.h"

namespace muster::coordinator {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr hours kUserLifetime{24 * 365};  // The default and the most.

int64_t ToSeconds(WallTime when) {
  return std::chrono::floor<seconds>(when.time_since_epoch()).count();
}

absl::StatusOr<hours> LifetimeOf(int64_t ttl_seconds) {
  if (ttl_seconds == 0) return kUserLifetime;
  const auto lifetime = std::chrono::floor<hours>(seconds(ttl_seconds));
  if (lifetime < hours(1) || lifetime > kUserLifetime) {
    return absl::InvalidArgumentError("a user's certificate is for one hour up to a year");
  }
  return lifetime;
}

absl::StatusOr<Identity> IdentityOf(const admin::v1::CreateUserRequest& request) {
  Identity identity;
  MUSTER_RETURN_IF_ERROR(CheckUserName(request.name()));
  identity.name = request.name();
  const std::optional<Role> role = RoleNamed(request.role());
  if (!role) return absl::InvalidArgumentError("a role is admin, operator or viewer");
  identity.role = *role;
  for (const std::string& ns : request.namespaces()) {
    if (const auto problems = model::CheckDnsLabel(ns); !problems.empty()) {
      return absl::InvalidArgumentError(absl::StrCat("namespace \"", ns, "\": ", problems.front()));
    }
    identity.namespaces.insert(ns);
  }
  for (const std::string& name : request.rights()) {
    const std::optional<Right> right = RightNamed(name);
    if (!right) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", name, "\" is no right: these are exec, attach, port-forward and cp"));
    }
    identity.rights.insert(*right);
  }
  return identity;
}

template <typename Message>
void Describe(const Identity& identity, Message& message) {
  message.set_name(identity.name);
  message.set_role(std::string(NameOf(identity.role)));
  for (const std::string& ns : identity.namespaces) message.add_namespaces(ns);
  for (const Right right : identity.rights) message.add_rights(std::string(NameOf(right)));
}

}  // namespace

AccessApi::AccessApi(TokenStore& tokens, UserStore& users, const CertificateAuthority& ca,
                     const Clock& clock, Options options)
    : tokens_(tokens), users_(users), ca_(ca), clock_(clock), options_(std::move(options)) {}

absl::StatusOr<admin::v1::CreateTokenResponse> AccessApi::CreateToken(
    const admin::v1::CreateTokenRequest& request) {
  TokenStore::Scope scope;
  scope.node_name = request.node_name();
  scope.labels = {request.labels().begin(), request.labels().end()};
  scope.replace = request.replace();
  MUSTER_ASSIGN_OR_RETURN(TokenStore::Token token,
                          tokens_.Create(seconds(request.ttl_seconds()), request.uses(), scope));
  admin::v1::CreateTokenResponse response;
  response.set_id(std::move(token.id));
  response.set_ca_hash(ca_.hash());
  response.set_join_command(options_.join_command(token.text));
  response.set_token(std::move(token.text));
  response.set_expires_at_unix_seconds(ToSeconds(token.expires_at));
  return response;
}

absl::StatusOr<admin::v1::ListTokensResponse> AccessApi::ListTokens(
    const admin::v1::ListTokensRequest&) {
  MUSTER_ASSIGN_OR_RETURN(const std::vector<TokenStore::Listed> tokens, tokens_.List());
  admin::v1::ListTokensResponse response;
  for (const TokenStore::Listed& token : tokens) {
    admin::v1::ListTokensResponse::Token& out = *response.add_tokens();
    out.set_id(token.id);
    out.set_expires_at_unix_seconds(ToSeconds(token.expires_at));
    out.set_uses_left(token.uses_left);
    out.set_node_name(token.scope.node_name);
    out.mutable_labels()->insert(token.scope.labels.begin(), token.scope.labels.end());
    out.set_replace(token.scope.replace);
  }
  return response;
}

absl::StatusOr<admin::v1::DeleteTokenResponse> AccessApi::DeleteToken(
    const admin::v1::DeleteTokenRequest& request) {
  MUSTER_RETURN_IF_ERROR(tokens_.Delete(request.id()));
  return admin::v1::DeleteTokenResponse();
}

absl::StatusOr<admin::v1::CreateUserResponse> AccessApi::CreateUser(
    const admin::v1::CreateUserRequest& request) {
  UserStore::User user;
  MUSTER_ASSIGN_OR_RETURN(user.identity, IdentityOf(request));
  MUSTER_ASSIGN_OR_RETURN(const hours lifetime, LifetimeOf(request.ttl_seconds()));
  const auto key_hash = pki::RequestPublicKeyHash(request.csr_pem());
  MUSTER_RETURN_IF_ERROR(Annotate(key_hash.status(), "certificate request"));
  user.key_hash = *key_hash;
  const WallTime now = clock_.Wall();
  MUSTER_ASSIGN_OR_RETURN(std::string certificate,
                          ca_.SignUser(request.csr_pem(), request.name(), now, lifetime));
  user.created_at = now;
  user.expires_at = now + lifetime;
  const std::string trusted = ca_.trusted_pem();
  MUSTER_ASSIGN_OR_RETURN(user.ca_hash, pki::IssuerAmong(certificate, trusted));
  MUSTER_RETURN_IF_ERROR(users_.Put(user, request.replace()));
  admin::v1::CreateUserResponse response;
  response.set_certificate_pem(std::move(certificate));
  response.set_ca_pem(trusted);
  response.set_server(options_.address());
  response.set_remote_admin(options_.remote_admin);
  response.set_expires_at_unix_seconds(ToSeconds(user.expires_at));
  return response;
}

absl::StatusOr<admin::v1::ListUsersResponse> AccessApi::ListUsers(
    const admin::v1::ListUsersRequest&) {
  MUSTER_ASSIGN_OR_RETURN(const std::vector<UserStore::User> users, users_.List());
  admin::v1::ListUsersResponse response;
  for (const UserStore::User& user : users) {
    admin::v1::ListUsersResponse::User& out = *response.add_users();
    Describe(user.identity, out);
    out.set_created_at_unix_seconds(ToSeconds(user.created_at));
    out.set_expires_at_unix_seconds(ToSeconds(user.expires_at));
  }
  return response;
}

absl::StatusOr<admin::v1::DeleteUserResponse> AccessApi::DeleteUser(
    const admin::v1::DeleteUserRequest& request) {
  MUSTER_RETURN_IF_ERROR(users_.Delete(request.name()));
  return admin::v1::DeleteUserResponse();
}

absl::StatusOr<admin::v1::WhoAmIResponse> WhoAmI(const Identity& caller,
                                                 const admin::v1::WhoAmIRequest&) {
  admin::v1::WhoAmIResponse response;
  Describe(caller, response);
  for (const std::string& group : caller.groups) response.add_groups(group);
  return response;
}

absl::StatusOr<admin::v1::CanIResponse> CanI(const Identity& caller,
                                             const admin::v1::CanIRequest& request) {
  admin::v1::CanIResponse response;
  if (request.verb().empty()) {
    const std::string ns = request.namespace_().empty() ? "default" : request.namespace_();
    for (const Allowed& allowed : AllAllowed(caller, ns)) {
      admin::v1::CanIResponse::Rule& rule = *response.add_rules();
      rule.set_resource(allowed.resource);
      for (const std::string& verb : allowed.verbs) rule.add_verbs(verb);
    }
    return response;
  }
  Access access =
      AccessTo(request.verb(), request.resource(), request.namespace_(), request.name());
  if (request.all_namespaces()) access.ns.clear();
  const absl::Status status = Authorize(caller, access);
  response.set_allowed(status.ok());
  response.set_reason(std::string(status.message()));
  return response;
}

}  // namespace muster::coordinator
