#pragma once

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

// The annotation of a Node with the public key that its certificate was first made for.
inline constexpr char kNodeKeyHashAnnotation[] = "muster.dev/node-key-hash";

struct EnrolRequest {
  std::string token;
  std::string node_name;
  std::string csr_pem;
  std::map<std::string, std::string> labels;
  std::vector<v1::Taint> taints;
};
struct EnrolResult {
  std::string certificate_pem, ca_pem;
};

// The Node object that a request asks for, as it is stored. As Kubernetes' kubelet and admission
// have it: labels for host name and operating system unless the request has them, and a NoSchedule
// taint until the node first says that it is ready. Pure.
v1::Object NewNode(const EnrolRequest& request, const std::string& key_hash);

// InvalidArgument with all that is wrong with name, labels and taints. Pure.
absl::Status CheckEnrolRequest(const EnrolRequest& request);

// How a host becomes a node: its token and the proof that it has a key give it a Node object and a
// certificate. Holds no state of its own; thread-safe. Waits for the disk.
class Enrolment {
 public:
  // All of them have to outlive it.
  Enrolment(ObjectStore& objects, TokenStore& tokens, const CertificateAuthority& ca,
            const Clock& clock);

  // The Node object, one use of the token and the event RegisteredNode are one transaction.
  //
  // Again with the same key it only signs once more, and needs no token: who has the key is that
  // node, and a host that was killed between our answer and its saving it has used its token up.
  // InvalidArgument: the request is wrong. Unauthenticated: the token is. AlreadyExists: there is
  // a node of this name with another key.
  absl::StatusOr<EnrolResult> Enrol(const EnrolRequest& request);

 private:
  absl::StatusOr<EnrolResult> Sign(const EnrolRequest& request) const;
  absl::Status Register(const EnrolRequest& request, const std::string& key_hash);

  ObjectStore& objects_;
  TokenStore& tokens_;
  const CertificateAuthority& ca_;
  const Clock& clock_;
};

}  // namespace muster::coordinator
