// Memory for keys: locked so that it is not swapped, left out of core dumps, cleansed when given
// back. Internal to crypto/. Thread rule: any thread.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cairn::crypto {

inline constexpr size_t kSecretBytes = 32;

// One slot of kSecretBytes, zeroed. Many slots share a page, so that the usual limit of locked
// memory (64 KiB in a container) is enough for thousands of keys. Where the limit is reached the
// slot is still given, and the log says once that keys may be swapped.
uint8_t* allocate_secret();
// Cleanses the slot and takes it back; null is ignored.
void release_secret(uint8_t* slot) noexcept;

}  // namespace cairn::crypto
