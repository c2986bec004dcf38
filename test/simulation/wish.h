#pragma once

#include <string>

#include "muster/v1/object.pb.h"
#include "test/simulation/dice.h"

namespace muster::simulation {

inline constexpr char kNamespace[] = "default";

// What somebody wants a DaemonSet to be. A plain value.
struct Wish {
  std::string name;

  // The template.
  std::string variant;  // Another one for every template that there is.
  std::string command = "serve";
  std::string image = "app:1";
  std::string ready_path;  // Of a readiness probe; empty: none.
  std::string tier;        // The node selector; empty: every node.
  bool tolerates = false;
  int grace = 30;
  bool reads_config = false;  // A variable comes from the ConfigMap of ConfigName().
  std::string edge_class;     // What nodes of tier edge get instead; empty: what all get.

  // How it is brought to the nodes.
  bool on_delete = false;
  bool surge = false;
  std::string budget = "1";  // maxUnavailable, or maxSurge.
  int min_ready_seconds = 0;
  std::string max_failed, on_failure, canary, deadline;  // Annotations; empty: none.
  bool rolls_on_config = false;
  bool pre_pulls = false;  // Images are pulled before the old pods go.
  bool suspended = false;
};

// Another template; one in three does not work.
void ChangeTemplate(const std::string& variant, Dice& dice, Wish& wish);
// Other annotations that guard its rollouts.
void ChangeGuard(Dice& dice, Wish& wish);
// One that works, everywhere.
void Mend(const std::string& variant, Wish& wish);
bool IsMended(const Wish& wish);

v1::Object ObjectOf(const Wish& wish, Dice& dice);
// The ConfigMap that its pods read, with this content.
std::string ConfigName(const std::string& daemon_set);
v1::Object ConfigOf(const std::string& daemon_set, const std::string& content);

// In few words.
std::string Describe(const Wish& wish);

}  // namespace muster::simulation
