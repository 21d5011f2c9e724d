#include "catalog/space_guard.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

namespace cairn::catalog {

void SpaceGuard::open() {
  struct stat found{};
  has_ballast_ = ::stat(ballast_path().c_str(), &found) == 0 &&
                 static_cast<uint64_t>(found.st_size) == options_.ballast_bytes;
  if (!has_ballast_ && !is_full()) make_ballast();
}

void SpaceGuard::make_ballast() {
  if (options_.ballast_bytes == 0 || has_ballast_) return;
  const Result<uint64_t> free = options_.free_bytes();
  if (free && *free < options_.ballast_bytes + 2 * options_.free_bytes_min) return;
  const int fd = ::open(ballast_path().c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return;
  has_ballast_ = ::posix_fallocate(fd, 0, static_cast<off_t>(options_.ballast_bytes)) == 0;
  ::close(fd);
  if (!has_ballast_) ::unlink(ballast_path().c_str());
}

bool SpaceGuard::is_full() {
  const Instant now = system_clock().now();
  if (now - checked_at_ < kCheckInterval) return full_;
  checked_at_ = now;
  const Result<uint64_t> free = options_.free_bytes();
  if (!free) return full_;
  if (!full_ && *free < options_.free_bytes_min) {
    full_ = true;
    log::warning("catalog_disk_full", {{"free_bytes", *free}});
    return true;
  }
  // Room for the ballast as well, so that the state does not flap around the floor.
  const uint64_t missing_ballast = has_ballast_ ? 0 : options_.ballast_bytes;
  if (full_ && *free >= 2 * options_.free_bytes_min + missing_ballast) {
    full_ = false;
    make_ballast();
    log::info("catalog_disk_has_room", {{"free_bytes", *free}});
  }
  return full_;
}

void SpaceGuard::on_no_space() {
  if (!full_) log::warning("catalog_disk_full", {{"ballast", has_ballast_}});
  full_ = true;
  checked_at_ = system_clock().now();
  if (has_ballast_) ::unlink(ballast_path().c_str());
  has_ballast_ = false;
}

}  // namespace cairn::catalog
