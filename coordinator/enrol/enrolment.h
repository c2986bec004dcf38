#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "coordinator/enrol/certificate_authority.h"
#include "coordinator/enrol/token_store.h"
#include "coordinator/store/object_store.h"
#include "muster/v1/node.pb.h"

namespace muster::coordinator {

struct EnrolRequest {
  std::string token;
  std::string node_name;
  std::string csr_pem;
  std::map<std::string, std::string> labels;
  std::vector<v1::Taint> taints;
};
struct EnrolResult {
  std::string certificate_pem;
  std::string ca_pem;  // All that are to be trusted.
};

// The Node object that a request asks for, as it is stored. As Kubernetes' kubelet and admission
// have it: labels for host name and operating system unless the request has them, and a NoSchedule
// taint until the node first says that it is ready. What the token gives goes over what the host
// asks for. Pure.
v1::Object NewNode(const EnrolRequest& request, const TokenStore::Scope& scope,
                   const std::string& key_hash);

// InvalidArgument with all that is wrong with name, labels and taints. Pure.
absl::Status CheckEnrolRequest(const EnrolRequest& request);

// PermissionDenied, with all that goes too far, for what the token does not allow: another name,
// and labels under kubernetes.io, k8s.io and muster.dev, by which workloads (and the Secrets that
// come with them) are given to nodes. Of these a host may say of itself what a kubelet may: its
// operating system, architecture, zone, region and instance type, what is under node.kubernetes.io,
// and its own name as its host name. Pure.
absl::Status CheckScope(const EnrolRequest& request, const TokenStore::Scope& scope);

// How a host becomes a node and stays one: its token and the proof that it has a key give it a Node
// object and a certificate, and later ones as long as the key is the node's. Holds no state of its
// own; thread-safe. Waits for the disk.
class Enrolment {
 public:
  struct Options {
    // For how long after its certificate ended a node may still get another one.
    std::chrono::seconds return_window{std::chrono::hours(24 * 30)};
  };

  // All of them have to outlive it.
  Enrolment(ObjectStore& objects, TokenStore& tokens, const CertificateAuthority& ca,
            const Clock& clock)
      : Enrolment(objects, tokens, ca, clock, Options()) {}
  Enrolment(ObjectStore& objects, TokenStore& tokens, const CertificateAuthority& ca,
            const Clock& clock, const Options& options);

  // The Node object, one use of the token and the event RegisteredNode are one transaction.
  //
  // Again with the same key it only signs once more, and needs no token while Renew would give it a
  // certificate: who has the key is that node, and a host that was killed between our answer and
  // its saving it has used its token up. With a token that may replace, the Node object that is
  // there gets the new key, which shuts out whoever has the old one. InvalidArgument: the request
  // is wrong. Unauthenticated: the token is. PermissionDenied: the token is not for this.
  // AlreadyExists: there is a node of this name with another key.
  absl::StatusOr<EnrolResult> Enrol(const EnrolRequest& request);

  // Another certificate for a node, for the key that its host has proved to have
  // (coordinator/enrol/renewal_rule). Errors as there; InvalidArgument: it is no request.
  absl::StatusOr<EnrolResult> Renew(const std::string& node_name, const std::string& csr_pem);

  // The node's key counts for nothing from now on, whatever certificates there are for it. False:
  // it did not before. NotFound.
  absl::StatusOr<bool> Revoke(const std::string& node_name);

 private:
  // For who may have it; noted in the Node before it is given away.
  absl::StatusOr<EnrolResult> Sign(const std::string& node_name, const std::string& csr_pem) const;
  absl::Status NoteExpiry(v1::Object node);
  bool NoteExpiry(v1::Node& node) const;  // Did it change?
  absl::Status Register(const EnrolRequest& request, const std::string& key_hash);
  absl::Status Replace(const EnrolRequest& request, const std::string& key_hash, bool has_its_key,
                       v1::Object present);

  ObjectStore& objects_;
  TokenStore& tokens_;
  const CertificateAuthority& ca_;
  const Clock& clock_;
  const Options options_;
};

}  // namespace muster::coordinator
