#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/enrol/enrol_call.h"
#include "agent/enrol/node_identity.h"
#include "agent/enrol/renewal.h"
#include "agent/link/node_certificate.h"
#include "common/base/clock.h"
#include "common/pki/pki.h"

namespace muster::agent {

// Renews the node's certificate while the agent runs, and takes over other CAs.
//
// The key stays the same for as long as the host is this node: the coordinator has it on record,
// and it is what lets the host back in when it was off for longer than its certificate lived. A key
// that changed each week would have to be on record before the host is sure to have it, or after it
// may have lost the old one. Another key is made by joining again.
//
// Killed at any moment, the files belong together: a new CA is trusted before a certificate from it
// is there, and an old one as long as there is one from it.
class CertificateKeeper final : public NodeCertificate {
 public:
  // Asks the coordinator; `done` is called once, on any thread.
  using Ask = std::function<void(RenewCall call,
                                 std::function<void(absl::StatusOr<RenewedCertificate>)> done)>;
  // Has it run on the loop thread.
  using Post = std::function<void(std::function<void()>)>;
  struct Options {
    std::string state_dir;
    uint64_t seed = 0;
  };

  // As LoadNodeIdentity. `clock` outlives it.
  static absl::StatusOr<std::unique_ptr<CertificateKeeper>> Create(Options options,
                                                                   const Clock& clock, Ask ask,
                                                                   Post post);
  ~CertificateKeeper() override;

  void TakeTrust(const LinkTrust& trust) override;
  std::vector<std::string> TrustedCas() const override { return trusted_; }
  std::optional<MonoTime> Step() override;
  bool TakeRenewed() override { return std::exchange(renewed_, false); }

  // For people.
  WallTime not_after() const { return held_.not_after; }

 private:
  CertificateKeeper(Options options, const Clock& clock, Ask ask, Post post, NodeIdentity identity,
                    pki::PrivateKey key)
      : options_(std::move(options)),
        clock_(clock),
        ask_(std::move(ask)),
        post_(std::move(post)),
        identity_(std::move(identity)),
        key_(std::move(key)),
        dice_(options_.seed) {}

  double Draw() { return std::uniform_real_distribution<double>(0, 1)(dice_); }
  absl::Status Read();
  void Begin(RenewalCause cause);
  void End(const absl::StatusOr<RenewedCertificate>& answer);
  absl::Status Take(const RenewedCertificate& answer);
  // What is written has the CA of the present certificate in it.
  absl::Status SaveTrust(const std::string& ca_pem);

  const Options options_;
  const Clock& clock_;
  const Ask ask_;
  const Post post_;
  NodeIdentity identity_;  // As it is on the disk.
  const pki::PrivateKey key_;
  std::mt19937_64 dice_;
  HeldCertificate held_;
  std::vector<std::string> trusted_;
  WantedIssuer wanted_;
  bool asking_ = false, renewed_ = false;
  int failures_ = 0;
  MonoTime not_before_{};  // The next try.
  std::string last_problem_;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace muster::agent
