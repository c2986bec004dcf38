#pragma once

#include <cstddef>

namespace muster::agent {

// Takes the process's code and constants, its own and those of its libraries, out of its resident
// memory. What is used again comes back from the page cache, sixteen pages with one minor fault, so
// what stays away is what only something rare needs: the start, a handshake, a join.
//
// The pages stay in the page cache, from where the kernel takes them when it is short without
// having to look for whom they are mapped by. Only read-only parts of files are let go, and of
// these no page that differs from its file, as where a debugger has put a breakpoint; so nothing
// can be lost.
//
// Any thread; others may run meanwhile. Returns how many bytes were let go; 0 also when the kernel
// does not tell what is mapped.
size_t ReleaseCodePages();

}  // namespace muster::agent
