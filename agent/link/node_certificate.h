#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/link/link.h"
#include "common/base/clock.h"

namespace muster::agent {

// By what this node and its coordinator know each other, kept good while the node runs. Loop thread
// only; returns at once but for writes of small files.
class NodeCertificate {
 public:
  virtual ~NodeCertificate() = default;

  // What a session told.
  virtual void TakeTrust(const LinkTrust& trust) = 0;
  // For the next hello: the CAs that are trusted, as sha256:HEX, as they are on the disk.
  virtual std::vector<std::string> TrustedCas() const = 0;
  // Asks for a new certificate when it is time. Returns when to call it again, at the latest;
  // nullopt: when something has come through the inbox.
  virtual std::optional<MonoTime> Step() = 0;
  // There is a new one since the last time this was asked: sessions are to be opened with that.
  virtual bool TakeRenewed() = 0;
};

}  // namespace muster::agent
