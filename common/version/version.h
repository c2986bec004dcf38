#pragma once

namespace muster {

// "0.1.0"
const char* Version();
// "0.1.0" or "0.1.0-12-gabcdef0-dirty", as git describes the tree it was built from.
const char* GitVersion();

}  // namespace muster
