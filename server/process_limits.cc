#include "server/process_limits.h"

#include <malloc.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>

#include <algorithm>

#include "base/units.h"

namespace cairn::server {

unsigned usable_cpus() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return static_cast<unsigned>(std::max(1, CPU_COUNT(&set)));
}

uint64_t quarter_of_memory() {
  struct sysinfo info{};
  if (sysinfo(&info) != 0) return 1 * GiB;
  return uint64_t{info.totalram} * info.mem_unit / 4;
}

void forbid_core_dumps() {
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  prctl(PR_SET_DUMPABLE, 0);
}

void keep_freed_memory() {
  mallopt(M_MMAP_THRESHOLD, static_cast<int>(4 * MiB));
  mallopt(M_TRIM_THRESHOLD, static_cast<int>(64 * MiB));
}

}  // namespace cairn::server
