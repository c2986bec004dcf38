#include "agent/host/code_pages.h"

#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <vector>

namespace muster::agent {
namespace {

// Of an entry of /proc/PID/pagemap.
constexpr uint64_t kPresent = uint64_t{1} << 63;
constexpr uint64_t kOfFile = uint64_t{1} << 61;

struct Release {
  int pagemap;
  uintptr_t page_bytes;
  size_t released = 0;
};

bool IsAsInFile(uint64_t entry) { return (entry & kPresent) != 0 && (entry & kOfFile) != 0; }

void ReleaseRange(uintptr_t first, uintptr_t pages, Release& release) {
  std::vector<uint64_t> entries(pages);
  const size_t bytes = pages * sizeof(uint64_t);
  if (::pread(release.pagemap, entries.data(), bytes,
              static_cast<off_t>(first * sizeof(uint64_t))) != static_cast<ssize_t>(bytes)) {
    return;
  }
  for (uintptr_t begin = 0; begin < pages;) {
    uintptr_t end = begin;
    while (end < pages && IsAsInFile(entries[end])) ++end;
    const size_t length = (end - begin) * release.page_bytes;
    // What the kernel itself maps into every process refuses.
    if (length > 0 && ::madvise(reinterpret_cast<void*>((first + begin) * release.page_bytes),
                                length, MADV_DONTNEED) == 0) {
      release.released += length;
    }
    begin = end + 1;
  }
}

// Called for the program and each library, none of which can be unloaded meanwhile.
int ReleaseObject(dl_phdr_info* object, size_t, void* release_pointer) {
  Release& release = *static_cast<Release*>(release_pointer);
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const ElfW(Phdr)& part = object->dlpi_phdr[i];
    // What is written once, while it is loaded, is in parts that are writable until then.
    if (part.p_type != PT_LOAD || (part.p_flags & PF_W) != 0) continue;
    const uintptr_t begin = object->dlpi_addr + part.p_vaddr;
    const uintptr_t first = begin / release.page_bytes;
    const uintptr_t last = (begin + part.p_memsz + release.page_bytes - 1) / release.page_bytes;
    ReleaseRange(first, last - first, release);
  }
  return 0;
}

}  // namespace

size_t ReleaseCodePages() {
  Release release{.pagemap = ::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC),
                  .page_bytes = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE))};
  if (release.pagemap < 0) return 0;
  ::dl_iterate_phdr(ReleaseObject, &release);
  ::close(release.pagemap);
  return release.released;
}

}  // namespace muster::agent
