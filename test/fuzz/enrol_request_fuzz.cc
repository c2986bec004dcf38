// Any request to join, or for another certificate, from anybody who reaches the port: without the
// token nothing comes of it, and with it no more than the token allows.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "common/base/clock.h"
#include "common/base/macros.h"
#include "common/model/kinds.h"
#include "common/model/node_key.h"
#include "common/pki/pki.h"
#include "coordinator/enrol/certificate_authority.h"
#include "coordinator/enrol/enrolment.h"
#include "coordinator/enrol/token_store.h"
#include "coordinator/store/memory/memory_store.h"
#include "coordinator/store/object_store.h"
#include "muster/session/v1/session.pb.h"

namespace {

using namespace muster;
using namespace muster::coordinator;

// Keys take long to make, so they are made once.
struct Keys {
  Keys() {
    std::string pattern = (std::filesystem::temp_directory_path() / "muster-fuzz-XXXXXX").string();
    MUSTER_CHECK(::mkdtemp(pattern.data()) != nullptr);
    ca = std::make_unique<CertificateAuthority>(
        *CertificateAuthority::LoadOrCreate(pattern, SystemClock().Wall()));
    std::filesystem::remove_all(pattern);
    csr = *pki::MakeRequest(*pki::PrivateKey::Generate(), "system:node:n");
  }

  std::unique_ptr<CertificateAuthority> ca;
  std::string csr;
};

// Anybody may ask for a certificate of a node that is there; it is given for that node's own key.
void Renew(const Keys& keys, Enrolment& enrolment, ObjectStore& objects, bool has_key,
           const session::v1::RenewRequest& wire) {
  v1::Object node = model::NewObject(*model::FindKind(v1::Object::kNode));
  model::MutableMetadataOf(node).set_name("n");
  (*model::MutableMetadataOf(node).mutable_annotations())[model::kNodeKeyHashAnnotation] =
      *pki::RequestPublicKeyHash(keys.csr);
  ObjectTransaction transaction;
  transaction.Create(std::move(node));
  MUSTER_CHECK(objects.Commit(std::move(transaction)).ok());
  const absl::StatusOr<EnrolResult> result =
      enrolment.Renew(wire.node_name(), has_key ? keys.csr : wire.csr_pem());
  if (!result.ok()) return;
  MUSTER_CHECK(has_key && wire.node_name() == "n");
}

}  // namespace

// The first byte says whether the token, and the proof of a key, are real ones, and which of the
// two calls it is.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Keys keys;
  if (size == 0) return 0;
  session::v1::EnrolRequest wire;
  session::v1::RenewRequest renew;
  const bool is_renew = (data[0] & 4) != 0;
  if (is_renew) {
    if (!renew.ParseFromArray(data + 1, static_cast<int>(size - 1))) return 0;
  } else if (!wire.ParseFromArray(data + 1, static_cast<int>(size - 1)))
    return 0;
  const SystemClock clock;
  MemoryStore store;
  ObjectStore objects(store, clock);
  TokenStore tokens(store, clock);
  Enrolment enrolment(objects, tokens, *keys.ca, clock);
  if (is_renew) {
    Renew(keys, enrolment, objects, (data[0] & 2) != 0, renew);
    return 0;
  }
  TokenStore::Scope scope;
  scope.node_name = "n*";
  const TokenStore::Token token = *tokens.Create(std::chrono::seconds(60), 1, scope);
  EnrolRequest request;
  const bool has_token = (data[0] & 1) != 0;
  request.token = has_token ? token.text : wire.token();
  request.csr_pem = (data[0] & 2) != 0 ? keys.csr : wire.csr_pem();
  request.node_name = wire.node_name();
  request.labels = {wire.labels().begin(), wire.labels().end()};
  request.taints = {wire.taints().begin(), wire.taints().end()};
  const absl::StatusOr<EnrolResult> result = enrolment.Enrol(request);
  if (!result.ok()) return 0;
  MUSTER_CHECK(has_token);
  MUSTER_CHECK(!request.node_name.empty() && request.node_name.front() == 'n');
  const auto info = pki::ParseCertificate(result->certificate_pem);
  MUSTER_CHECK(info.ok());
  MUSTER_CHECK(pki::NodeNameOf(info->common_name, info->organization) == request.node_name);
  return 0;
}
