#include "coordinator/enrol/user_store.h"

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "common/pki/pki.h"
#include "coordinator/store/object_key.h"

namespace muster::coordinator {
namespace {

using std::chrono::seconds;

constexpr size_t kNameLengthMax = 64;  // Of a common name in a certificate.

std::string Prefix() { return std::string(kInternalPrefix).append("users/"); }

int64_t ToSeconds(WallTime when) {
  return std::chrono::floor<seconds>(when.time_since_epoch()).count();
}

std::string Encode(const UserStore::User& user) {
  nlohmann::json rights = nlohmann::json::array();
  for (const Right right : user.identity.rights) rights.push_back(std::string(NameOf(right)));
  return nlohmann::json{{"role", std::string(NameOf(user.identity.role))},
                        {"namespaces", user.identity.namespaces},
                        {"rights", std::move(rights)},
                        {"keyHash", user.key_hash},
                        {"createdAt", ToSeconds(user.created_at)},
                        {"expiresAt", ToSeconds(user.expires_at)},
                        {"caHash", user.ca_hash}}
      .dump();
}

absl::StatusOr<UserStore::User> Decode(const KeyValue& stored) {
  const auto damaged = [&](std::string_view why) {
    return absl::DataLossError(
        absl::StrCat("the stored value of ", stored.key, " is no user: ", std::string(why)));
  };
  try {
    const nlohmann::json json = nlohmann::json::parse(stored.value);
    UserStore::User user;
    user.identity.name = stored.key.substr(Prefix().size());
    const std::optional<Role> role = RoleNamed(json.at("role").get<std::string>());
    if (!role) return damaged("unknown role");
    user.identity.role = *role;
    user.identity.namespaces = json.at("namespaces").get<std::set<std::string>>();
    for (const auto& name : json.at("rights")) {
      const std::optional<Right> right = RightNamed(name.get<std::string>());
      if (!right) return damaged("unknown right");
      user.identity.rights.insert(*right);
    }
    user.key_hash = json.at("keyHash");
    user.created_at = WallTime(seconds(json.at("createdAt").get<int64_t>()));
    user.expires_at = WallTime(seconds(json.at("expiresAt").get<int64_t>()));
    user.ca_hash = json.value("caHash", "");
    return user;
  } catch (const nlohmann::json::exception& error) {
    return damaged(error.what());
  }
}

}  // namespace

absl::Status CheckUserName(std::string_view name) {
  const auto bad = [&](const char* why) {
    return absl::InvalidArgumentError(
        absl::StrCat("user name \"", absl::CHexEscape(std::string(name)), "\": ", why));
  };
  if (name.empty() || name.size() > kNameLengthMax) return bad("must have 1 to 64 characters");
  for (const char c : name) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) &&
        std::string_view("-_.@").find(c) == std::string_view::npos) {
      return bad("must consist of letters, digits, '-', '_', '.' and '@'");
    }
  }
  if (!absl::ascii_isalnum(static_cast<unsigned char>(name.front()))) {
    return bad("must begin with a letter or a digit");
  }
  if (name == "root") return bad("is who uses the local socket as root");
  return absl::OkStatus();
}

absl::Status UserStore::Put(const User& user, bool replace) {
  MUSTER_RETURN_IF_ERROR(CheckUserName(user.identity.name));
  const std::string key = Prefix() + user.identity.name;
  Transaction transaction{{}, {{key, Encode(user)}}};
  if (!replace) transaction.conditions.push_back({key, 0});
  const absl::Status status = store_.Transact(transaction).status();
  if (!absl::IsAborted(status)) return status;
  return absl::AlreadyExistsError(absl::StrCat("user \"", user.identity.name, "\" already exists"));
}

absl::Status UserStore::Delete(const std::string& name) {
  const auto missing = absl::NotFoundError(absl::StrCat("user \"", name, "\" not found"));
  if (!CheckUserName(name).ok()) return missing;
  const std::string key = Prefix() + name;
  MUSTER_ASSIGN_OR_RETURN(const std::optional<KeyValue> stored, store_.Get(key));
  if (!stored) return missing;
  return store_.Transact({{}, {{key, std::nullopt}}}).status();
}

absl::StatusOr<std::vector<UserStore::User>> UserStore::List() const {
  MUSTER_ASSIGN_OR_RETURN(const Listing present, store_.List(Prefix()));
  std::vector<User> users;
  for (const KeyValue& item : present.items) {
    MUSTER_ASSIGN_OR_RETURN(User user, Decode(item));
    users.push_back(std::move(user));
  }
  return users;
}

absl::StatusOr<UserStore::User> UserStore::Get(const std::string& name) const {
  MUSTER_ASSIGN_OR_RETURN(const std::optional<KeyValue> stored, store_.Get(Prefix() + name));
  if (!stored) return absl::NotFoundError(absl::StrCat("user \"", name, "\" not found"));
  return Decode(*stored);
}

absl::Status UserStore::SetAuthority(const std::string& name, std::string_view key_hash,
                                     const std::string& ca_hash) {
  const std::string key = Prefix() + name;
  MUSTER_ASSIGN_OR_RETURN(const std::optional<KeyValue> stored, store_.Get(key));
  if (!stored) return absl::UnauthenticatedError("there is no such user any more");
  MUSTER_ASSIGN_OR_RETURN(User user, Decode(*stored));
  if (!pki::EqualInConstantTime(user.key_hash, key_hash)) {
    return absl::UnauthenticatedError("the request is for another key than this user's");
  }
  user.ca_hash = ca_hash;
  return store_.Transact({{{key, stored->mod_revision}}, {{key, Encode(user)}}}).status();
}

absl::StatusOr<Identity> UserStore::Find(const std::string& name, std::string_view key_hash,
                                         WallTime now) const {
  const auto refused = absl::UnauthenticatedError(
      "the user of this certificate was removed or made anew, or its time is over; an "
      "administrator "
      "makes another with \"musterctl user create\"");
  if (!CheckUserName(name).ok()) return refused;
  MUSTER_ASSIGN_OR_RETURN(const std::optional<KeyValue> stored, store_.Get(Prefix() + name));
  if (!stored) return refused;
  MUSTER_ASSIGN_OR_RETURN(User user, Decode(*stored));
  if (!pki::EqualInConstantTime(user.key_hash, key_hash) || now > user.expires_at) return refused;
  return std::move(user.identity);
}

}  // namespace muster::coordinator
