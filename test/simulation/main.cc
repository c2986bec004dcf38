// muster_sim: a whole cluster in one process, from a seed. `./dev sim` runs it.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <set>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_split.h"
#include "common/base/random.h"
#include "test/simulation/planted.h"
#include "test/simulation/world.h"

namespace muster::simulation {
namespace {

constexpr int kBroken = 1;
constexpr int kUsage = 64;

int Usage(const std::string& what) {
  std::fprintf(stderr, "error: %s\n", what.c_str());
  return kUsage;
}

std::string ReplayLine(const Settings& settings) {
  std::string line = "./dev sim --seed " + std::to_string(settings.seed) + " --nodes " +
                     std::to_string(settings.nodes) + " --hours " +
                     CLI::detail::to_string(settings.hours);
  if (settings.faults != "all") line += " --faults " + settings.faults;
  if (!settings.planted.empty()) line += " --planted " + settings.planted;
  return line;
}

int ListAll() {
  std::puts("Faults (--faults all, none, or some of these separated by commas):");
  for (const std::string& name : Faults::Names()) std::printf("  %s\n", name.c_str());
  std::puts("Planted bugs (--planted):");
  for (const PlantedBug& bug : PlantedBugs()) {
    std::printf("  %-20s %s\n", bug.name.c_str(), bug.what.c_str());
  }
  return 0;
}

int64_t CountOf(const Outcome& outcome, const char* kind) {
  const auto found = outcome.counts.find(kind);
  return found == outcome.counts.end() ? 0 : found->second;
}

// What happened is told in numbers; when something was broken, also how it came about.
class Telling {
 public:
  Telling(const Settings& settings, int lines) : settings_(settings), lines_(lines) {}

  void Begin() const {
    std::printf("seed %llu: %d nodes, %g hours, faults %s%s%s\n",
                static_cast<unsigned long long>(settings_.seed), settings_.nodes, settings_.hours,
                settings_.faults.c_str(), settings_.planted.empty() ? "" : ", planted bug ",
                settings_.planted.c_str());
    std::fflush(stdout);
  }
  void Summary(const Outcome& outcome) const {
    std::printf("%lld steps, %lld checks, %d quiet points, %.1f s of CPU\n",
                static_cast<long long>(outcome.steps), static_cast<long long>(outcome.checks),
                outcome.quiet_points, CpuSeconds());
    for (const auto& [kind, count] : outcome.counts) {
      std::printf("  %-18s %lld\n", kind.c_str(), static_cast<long long>(count));
    }
    std::printf("digest %016llx\n", static_cast<unsigned long long>(outcome.digest));
  }
  int End(const Outcome& outcome) const {
    if (outcome.violations.empty()) return 0;
    if (!settings_.verbose) {
      const size_t count = outcome.last_lines.size();
      const size_t skip = count > static_cast<size_t>(lines_) ? count - lines_ : 0;
      for (size_t i = skip; i < count; ++i) std::printf("%s\n", outcome.last_lines[i].c_str());
    }
    for (const std::string& violation : outcome.violations) {
      std::printf("BROKEN: %s\n", violation.c_str());
    }
    std::printf("seed %llu, step %lld; again: %s\n",
                static_cast<unsigned long long>(settings_.seed),
                static_cast<long long>(outcome.steps), ReplayLine(settings_).c_str());
    return kBroken;
  }

  static double CpuSeconds() {
    return static_cast<double>(std::clock()) / static_cast<double>(CLOCKS_PER_SEC);
  }

 private:
  const Settings settings_;
  const int lines_;
};

int Run(const Settings& settings, int lines) {
  const Telling telling(settings, lines);
  telling.Begin();
  const Outcome outcome = Simulate(settings);
  telling.Summary(outcome);
  if (outcome.violations.empty()) std::puts("every invariant held");
  return telling.End(outcome);
}

// Seeds follow each other; each cluster has as many nodes as its seed says, and lives for a day.
int RunNodeDays(Settings settings, int node_days, int lines) {
  const uint64_t first = settings.seed;
  settings.hours = 24;
  int64_t faults = 0, acts = 0, restarts = 0, quiet = 0, checks = 0;
  for (int left = node_days; left > 0; ++settings.seed) {
    settings.nodes = std::min(left, 4 + Dice(settings.seed, "size").Roll(9));
    left -= settings.nodes;
    const Telling telling(settings, lines);
    telling.Begin();
    const Outcome outcome = Simulate(settings);
    faults += CountOf(outcome, "fault");
    acts += CountOf(outcome, "user");
    restarts += CountOf(outcome, "agent-start") + CountOf(outcome, "coordinator-start");
    quiet += outcome.quiet_points;
    checks += outcome.checks;
    if (const int result = telling.End(outcome); result != 0) return result;
  }
  std::printf(
      "simulated %d node-days, seeds %llu to %llu, in %.0f s of CPU: %lld faults, %lld acts of "
      "users, %lld restarts, %lld quiet points, %lld checks; every invariant held\n",
      node_days, static_cast<unsigned long long>(first),
      static_cast<unsigned long long>(settings.seed - 1), Telling::CpuSeconds(),
      static_cast<long long>(faults), static_cast<long long>(acts),
      static_cast<long long>(restarts), static_cast<long long>(quiet),
      static_cast<long long>(checks));
  return 0;
}

int Main(int argc, char** argv) {
  Settings settings;
  settings.seed = 0;
  int runs = 1;
  int node_days = 0;
  int lines = 60;
  bool list = false;
  CLI::App app("A whole cluster in one process, from a seed.", "dev sim");
  app.add_option("--seed", settings.seed,
                 "the same seed gives the same run (default: a fresh one)");
  app.add_option("--nodes", settings.nodes, "nodes in the beginning")->check(CLI::Range(1, 100));
  app.add_option("--hours", settings.hours, "simulated time")->check(CLI::Range(0.01, 1e5));
  app.add_option("--faults", settings.faults, "which faults: see --list");
  app.add_option("--planted", settings.planted, "with this bug: see --list");
  app.add_option("--runs", runs, "that many runs, with seeds that follow each other");
  app.add_option("--node-days", node_days,
                 "clusters of different sizes, a day each, until that much is simulated");
  app.add_option("--lines", lines, "of the trace, when something is broken");
  app.add_flag("--verbose", settings.verbose, "print the whole trace");
  app.add_flag("--list", list, "print the names of faults and planted bugs");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  }
  if (list) return ListAll();
  if (!settings.planted.empty() && FindPlantedBug(settings.planted) == nullptr) {
    return Usage("there is no planted bug '" + settings.planted + "': see --list");
  }
  const std::vector<std::string> names = Faults::Names();
  std::set<std::string> known(names.begin(), names.end());
  known.insert({"all", "none"});
  for (const std::string& name : std::vector<std::string>(absl::StrSplit(settings.faults, ','))) {
    if (!known.contains(name)) return Usage("there is no fault '" + name + "': see --list");
  }
  if (settings.seed == 0) settings.seed = 1 + SystemRandomBits() % 1'000'000'000;
  if (node_days > 0) return RunNodeDays(settings, node_days, lines);
  int result = 0;
  for (int i = 0; i < runs && result == 0; ++i, ++settings.seed) result = Run(settings, lines);
  return result;
}

}  // namespace
}  // namespace muster::simulation

int main(int argc, char** argv) { return muster::simulation::Main(argc, argv); }
