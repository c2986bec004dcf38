#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "muster/v1/node.pb.h"
#include "muster/v1/pod.pb.h"
#include "muster/v1/workload.pb.h"

// Which release of a DaemonSet a pod is of, without asking the code under test: it is written in
// the variables of its first container.
namespace muster::simulation {

inline constexpr char kVariantVariable[] = "SIM_VARIANT";
inline constexpr char kClassVariable[] = "SIM_CLASS";  // Set by overrides, on nodes of tier edge.
inline constexpr char kConfigKey[] = "release";        // Of the ConfigMaps that pods read.
// In every registry, but while it is lost.
inline constexpr const char* kReleasedImages[] = {"app:1", "app:2", "app:3", "app:4"};
inline constexpr char kBrokenImage[] = "app:broken";  // In no registry, ever.
inline constexpr char kNeverReady[] = "/never";       // A path that always answers with an error.
inline constexpr char kCrash[] = "crash";             // Runs for a second.
inline constexpr char kFlaky[] = "flaky";             // Runs for a while.
inline constexpr char kOverrides[] = "muster.dev/overrides";

std::string OverridesFor(const std::string& edge_class);

// What the pod was made from: "7", and "7/3" where the overrides say 3.
std::string VariantOf(const v1::PodSpec& spec);
// Without what overrides add to it.
std::string TemplateVariant(const std::string& variant);
// And what it would be made from on this node. `node` may be null.
std::string WantedVariant(const v1::DaemonSet& daemon_set, const v1::Node* node);

// No pod of it ever becomes available, whatever happens around it.
bool NeverWorks(const v1::DaemonSet& daemon_set);

// It goes on ending, or asks for an image that is in no registry: its status never stays as it is.
bool NeverRests(const v1::PodSpec& spec);

// Empty when there is none.
std::string AnnotationOf(const v1::ObjectMeta& meta, absl::string_view key);
bool IsSuspended(const v1::DaemonSet& daemon_set);
bool IsPaused(const v1::DaemonSet& daemon_set);
bool RollsOnConfig(const v1::DaemonSet& daemon_set);

}  // namespace muster::simulation
