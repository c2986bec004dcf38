#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "coordinator/store/object_key.h"
#include "coordinator/store/store.h"
#include "muster/v1/object.pb.h"

namespace muster::coordinator {

// Changes of objects that all happen, or none does; handed to ObjectStore::Commit. A plain value.
// No object may be in it twice.
class ObjectTransaction {
 public:
  // What is to happen to one object.
  struct Step {
    enum class Kind { kCreate, kUpdate, kDelete, kExpectUnchanged };
    Kind kind;
    v1::Object object;
    // What the object has to be at; 0: not there; nothing: anything, also not there.
    std::optional<int64_t> expected_revision;
  };

  // AlreadyExists when there is one of its kind, namespace and name. uid and creationTimestamp are
  // set when they are empty.
  void Create(v1::Object object);
  // The four below take an object as it was read, possibly with changes: it has to be still at its
  // metadata.resourceVersion. Aborted when somebody else changed it, NotFound when it is gone.
  void Update(v1::Object object);
  void Delete(v1::Object object);
  void ExpectUnchanged(v1::Object object);
  // Whatever its revision, also when it is gone already.
  void DeleteAny(model::Kind kind, std::string_view ns, std::string_view name);

  // The steps of another one after those of this one.
  void Append(const ObjectTransaction& other);

  // For what is not an object: a key under kInternalPrefix. Aborted, as the store says it.
  void AddCondition(Condition condition) { conditions_.push_back(std::move(condition)); }
  void AddWrite(Write write) { writes_.push_back(std::move(write)); }

  bool empty() const { return steps_.empty() && writes_.empty(); }
  size_t size() const { return steps_.size(); }
  const std::vector<Step>& steps() const { return steps_; }
  std::vector<Step>& mutable_steps() { return steps_; }
  const std::vector<Condition>& conditions() const { return conditions_; }
  const std::vector<Write>& writes() const { return writes_; }

 private:
  void Add(Step::Kind kind, v1::Object object, std::optional<int64_t> expected_revision);

  std::vector<Step> steps_;
  std::vector<Condition> conditions_;
  std::vector<Write> writes_;
};

}  // namespace muster::coordinator
