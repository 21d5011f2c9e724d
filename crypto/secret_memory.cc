#include "crypto/secret_memory.h"

#include <openssl/crypto.h>
#include <sys/mman.h>

#include <cstring>
#include <mutex>
#include <vector>

#include "base/assert.h"
#include "base/log.h"

namespace cairn::crypto {
namespace {

constexpr size_t kArenaPageBytes = 4096;

class SecretArena {
 public:
  uint8_t* allocate() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) add_page();
    uint8_t* slot = free_.back();
    free_.pop_back();
    return slot;
  }
  void release(uint8_t* slot) noexcept {
    OPENSSL_cleanse(slot, kSecretBytes);
    const std::lock_guard lock(mutex_);
    free_.push_back(slot);  // Never grows: add_page() reserved room for every slot.
  }

 private:
  void add_page() {
    void* page = ::mmap(nullptr, kArenaPageBytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ASSERT(page != MAP_FAILED);
    const bool locked = ::mlock(page, kArenaPageBytes) == 0;
    const bool hidden = ::madvise(page, kArenaPageBytes, MADV_DONTDUMP) == 0;
    if ((!locked || !hidden) && !warned_) {
      warned_ = true;
      log::warning("secret_memory_not_protected", {{"locked", locked}, {"out_of_dumps", hidden}});
    }
    slots_count_ += kArenaPageBytes / kSecretBytes;
    free_.reserve(slots_count_);
    for (size_t at = 0; at < kArenaPageBytes; at += kSecretBytes) {
      free_.push_back(static_cast<uint8_t*>(page) + at);
    }
  }

  std::mutex mutex_;
  std::vector<uint8_t*> free_;
  size_t slots_count_ = 0;
  bool warned_ = false;
};

// Lives as long as the process: keys may be destroyed by other static objects' destructors.
SecretArena& arena() {
  static SecretArena& arena = *new SecretArena;
  return arena;
}

}  // namespace

uint8_t* allocate_secret() {
  return arena().allocate();
}

void release_secret(uint8_t* slot) noexcept {
  if (slot != nullptr) arena().release(slot);
}

}  // namespace cairn::crypto
