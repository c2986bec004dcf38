#pragma once

#include <string>

#include "ctl/commands/context.h"
#include "ctl/commands/sources.h"

namespace muster::ctl {

// What diff ends with, like diff(1) and kubectl.
inline constexpr int kExitSame = 0;
inline constexpr int kExitDiffers = 1;
inline constexpr int kExitTrouble = 2;

struct DiffOptions {
  SourceOptions sources;
  // The program that compares two folders, with options; empty: diff -u -N.
  std::string program;
};

// musterctl diff: what apply would change.
int RunDiff(Context& context, const DiffOptions& options);

void AddDiff(CommandLine& line);

}  // namespace muster::ctl
