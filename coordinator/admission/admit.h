#pragma once

#include <vector>

#include "common/base/clock.h"
#include "coordinator/admission/problem.h"
#include "muster/v1/object.pb.h"

namespace muster::coordinator {

struct AdmitResult {
  // What to store: defaulted, with the metadata and status that belong to the coordinator. Only of
  // use without problems. The uid of a new object is left to the store.
  v1::Object object;
  std::vector<Problem> problems;
  std::vector<Warning> warnings;
  // Whether storing it would change anything; true for a new object.
  bool changed = true;
};

// The one place that decides what becomes of an object somebody wants stored: defaulting,
// validation, fields Muster does not honour, and the metadata rules of Kubernetes' API server, for
// every front door. Pure.
//
// `stored` is null when there is no object of this name yet; else both are of one kind and
// `proposed` is the whole new object. From `proposed` is ignored: status, generation, timestamps of
// deletion, and on creation also uid and resourceVersion. On an update an uid or a creation time
// that is set and another one is a problem; comparing resourceVersion is left to the store.
//
// metadata.generation of a DaemonSet: 1, and one more iff the spec differs semantically, with what
// annotations add to the template counted in (see coordinator/templates/effective.h). Of a
// DaemonJob likewise.
// Annotation deprecated.daemonset.template.generation: "1" or the client's number at creation, one
// more iff the template differs; what clients do to it later is ignored.
AdmitResult Admit(const v1::Object& proposed, const v1::Object* stored, WallTime now);

inline constexpr char kTemplateGenerationAnnotation[] = "deprecated.daemonset.template.generation";

}  // namespace muster::coordinator
