#include "object/context.h"

#include <string>

#include "base/assert.h"

namespace cairn::object {

uint64_t OpenObject::memory_bytes() const {
  uint64_t bytes = sizeof(OpenObject) + inline_bytes.size() + inline_sealed.size() +
                   manifest.extents.size() * sizeof(Extent) +
                   manifest.parts.size() * (sizeof(ManifestPart) + 96) + 512;
  for (const auto& [name, value] : head.info.metadata.user) {
    bytes += name.size() + value.size() + 96;
  }
  return bytes;
}

Core& Context::core() {
  io::Reactor& reactor = io::Reactor::current();
  const auto index = static_cast<size_t>(reactor.index());
  ASSERT(index < kCoresMax);
  Core* core = cores_[index].load(std::memory_order_acquire);
  if (core != nullptr) {
    ASSERT(&core->reactor == &reactor);  // The reactors live until close().
    return *core;
  }
  const std::lock_guard guard(cores_mutex_);
  owned_cores_.push_back(std::make_unique<Core>(reactor, generations, epochs));
  core = owned_cores_.back().get();
  cores_[index].store(core, std::memory_order_release);
  return *core;
}

std::vector<const ReadEpochs::Core*> Context::reader_cores() {
  const std::lock_guard guard(cores_mutex_);
  std::vector<const ReadEpochs::Core*> out;
  for (const std::unique_ptr<Core>& core : owned_cores_) out.push_back(&core->readers);
  return out;
}

namespace {
io::Task<bool> join_core(Core& core) {
  co_await core.fetches.join();
  co_return true;
}
}  // namespace

io::Task<void> Context::join_fetches() {
  std::vector<Core*> cores;
  {
    const std::lock_guard guard(cores_mutex_);
    for (const std::unique_ptr<Core>& core : owned_cores_) cores.push_back(core.get());
  }
  for (Core* core : cores) {
    if (&core->reactor == &io::Reactor::current()) {
      co_await join_core(*core);
    } else if (core->fetches_running.load() > 0) {
      co_await io::run_on(core->reactor, join_core(*core));
    }
  }
}

Result<std::shared_ptr<const crypto::TenantKeys>> Context::keys_of(TenantId tenant) const {
  std::shared_ptr<const crypto::TenantKeys> found = keys.current(tenant);
  if (found == nullptr) {
    return fail(Code::kNotFound, "tenant " + std::to_string(tenant.value) + " has no keys");
  }
  return found;
}

void Context::note_full() {
  full_until_ns_ = (io::Reactor::current().now() + kFullFor).nanoseconds;
}

Status Context::check_room(std::optional<uint64_t> size_bytes) const {
  if (full_until_ns_.load(std::memory_order_relaxed) == 0) return {};
  const bool needs_chunk = size_bytes.value_or(kInlineBytesMax + 1) > kInlineBytesMax;
  if (!needs_chunk || io::Reactor::current().now().nanoseconds >= full_until_ns_) return {};
  return fail(Code::kNoSpace, "the volumes are full");
}

OwnerId Context::new_owner() {
  OwnerId owner;
  random.fill(owner.bytes);
  return owner;
}

}  // namespace cairn::object
