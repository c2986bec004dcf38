#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <string>
#include <string_view>

#include "common/base/clock.h"
#include "coordinator/store/object_transaction.h"
#include "muster/v1/object.pb.h"

namespace muster::coordinator {

// Makes Event objects of what controllers have to say, as part of the transaction that does it. The
// same about the same object again raises the count of the event that is there.
//
// Remembers the newest few thousand events. One owner.
class EventRecorder {
 public:
  struct Note {
    bool warning = false;
    std::string_view source;  // "daemonset-controller"
    std::string reason, message;
  };

  // Adds the event to the transaction. `about` has its uid.
  void Add(const v1::Object& about, const Note& note, WallTime now, ObjectTransaction& transaction);

  // What a commit returned: the events among it are those to count on from now on.
  void Committed(const v1::Object& object);
  // An event could not be counted on because it was gone or changed: make new ones.
  void Forget();

 private:
  struct Remembered {
    v1::Object object;
    std::list<std::string>::iterator age;
  };

  std::map<std::string, Remembered> events_;  // By what makes two events the same.
  std::list<std::string> by_age_;             // The newest last.
  int64_t last_name_ = 0;
};

}  // namespace muster::coordinator
