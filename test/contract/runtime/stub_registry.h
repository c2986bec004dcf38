#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace muster::agent {

// A registry of images on localhost, over plain HTTP. What a repository is like is in its name,
// whatever the tag; every repository has an image of its own, so that no two have the same id:
//
//   image[-ANYTHING]   busybox, as set_layer has it
//   bare               an image without a single file
//   private[-...]      busybox for those who come as "user" with "secret", 401 for all others
//   slow[-...]         busybox whose layer is only sent after ReleaseLayers
//   mixed-up           another image than the one that was asked for by its digest
//   status-CODE        this HTTP status
//   anything else      404
class StubRegistry {
 public:
  StubRegistry();
  ~StubRegistry();
  StubRegistry(const StubRegistry&) = delete;
  StubRegistry& operator=(const StubRegistry&) = delete;

  int port() const { return port_; }
  // A tar archive.
  void set_layer(std::string layer);
  // How many requests for a repository had credentials, whichever.
  int CredentialsSeen(const std::string& repository) const;
  int Requests(const std::string& repository) const;
  // How many have asked for the layer of a slow image and have not got it yet.
  int waiting() const;
  void ReleaseLayers();

 private:
  struct State;
  // Shared with the threads that answer, which end on their own time.
  const std::shared_ptr<State> state_;
  int fd_ = -1;
  int port_ = 0;
};

}  // namespace muster::agent
