#include "io/probe.h"

#include <liburing.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <memory>

#include "base/log.h"
#include "io/epoll_backend.h"
#include "io/uring_backend.h"
#include "io/uring_ring.h"

namespace cairn::io {
namespace {

constexpr unsigned kProbeEntries = 8;
constexpr int kRoundTripSeconds = 2;

constexpr int kNeededOperations[] = {IORING_OP_ACCEPT,       IORING_OP_CONNECT, IORING_OP_RECV,
                                     IORING_OP_SEND,         IORING_OP_SENDMSG, IORING_OP_READ,
                                     IORING_OP_WRITEV,       IORING_OP_FSYNC,   IORING_OP_FALLOCATE,
                                     IORING_OP_ASYNC_CANCEL, IORING_OP_POLL_ADD};

std::unexpected<Error> unsupported(std::string what) {
  return fail(Code::kUnsupported, std::move(what));
}

Status check_operations(io_uring& ring) {
  const std::unique_ptr<io_uring_probe, decltype(&io_uring_free_probe)> probe(
      ::io_uring_get_probe_ring(&ring), ::io_uring_free_probe);
  if (probe == nullptr) return unsupported("io_uring cannot list its operations (before 5.6)");
  for (const int operation : kNeededOperations) {
    if (::io_uring_opcode_supported(probe.get(), operation) == 0) {
      return unsupported("io_uring lacks operation " + std::to_string(operation));
    }
  }
  return {};
}

// A ring that accepts requests and never completes them must not be chosen.
Status check_round_trip(io_uring& ring) {
  io_uring_sqe* const request = ::io_uring_get_sqe(&ring);
  if (request == nullptr) return unsupported("io_uring has no room for a request");
  ::io_uring_prep_nop(request);
  io_uring_cqe* done = nullptr;
  __kernel_timespec limit{.tv_sec = kRoundTripSeconds, .tv_nsec = 0};
  const int result = ::io_uring_submit_and_wait_timeout(&ring, &done, 1, &limit, nullptr);
  if (result < 0 || done == nullptr) {
    return unsupported(errno_error(-result, "io_uring does not complete a no-op").message);
  }
  ::io_uring_cqe_seen(&ring, done);
  return {};
}

}  // namespace

std::string UringFeatures::to_string() const {
  std::string text = defer_taskrun ? "defer_taskrun" : coop_taskrun ? "coop_taskrun" : "plain";
  text += buffer_ring ? " buffer_ring multishot_accept" : " no_buffer_ring";
  return text;
}

Result<UringFeatures> probe_uring() {
  UringFeatures features{.defer_taskrun = true, .coop_taskrun = true, .buffer_ring = true};
  UringRing ring;
  int error = ring.open(kProbeEntries, features);
  if (error == EINVAL) {
    features.defer_taskrun = false;
    error = ring.open(kProbeEntries, features);
  }
  if (error == EINVAL) {
    features.coop_taskrun = false;
    error = ring.open(kProbeEntries, features);
  }
  if (error != 0) return unsupported(errno_error(error, "io_uring_setup was refused").message);
  constexpr unsigned kNeeded =
      IORING_FEAT_EXT_ARG | IORING_FEAT_NODROP | IORING_FEAT_SUBMIT_STABLE | IORING_FEAT_FAST_POLL;
  if ((ring.get().features & kNeeded) != kNeeded) {
    return unsupported("io_uring is too old (before 5.11)");
  }
  ring.enable();
  if (Status status = check_operations(ring.get()); !status) {
    return std::unexpected(std::move(status.error()));
  }
  if (Status status = check_round_trip(ring.get()); !status) {
    return std::unexpected(std::move(status.error()));
  }
  features.buffer_ring = ring.supports_buffer_rings();
  return features;
}

namespace {

BackendFactory epoll_factory() {
  return [](const BackendParts& parts) { return EpollBackend::create(parts); };
}

BackendFactory uring_factory(UringFeatures features) {
  return [features](const BackendParts& parts) { return UringBackend::create(parts, features); };
}

void log_choice(std::string_view backend, std::string_view reason) {
  static std::atomic<bool> logged{false};
  if (logged.exchange(true)) return;
  log::info("io_backend", {{"backend", backend}, {"reason", reason}});
}

Result<std::optional<BackendKind>> kind_of_environment() {
  const char* const value = std::getenv("CAIRN_IO");
  if (value == nullptr || *value == '\0') return std::nullopt;
  if (std::string_view(value) == "epoll") return BackendKind::kEpoll;
  if (std::string_view(value) == "io_uring") return BackendKind::kIoUring;
  return fail(Code::kInvalidArgument,
              "CAIRN_IO is '" + std::string(value) + "'; it may be epoll or io_uring");
}

}  // namespace

Result<BackendFactory> choose_backend(std::optional<BackendKind> forced) {
  std::string reason = "asked for by the caller";
  if (!forced) {
    Result<std::optional<BackendKind>> from_environment = kind_of_environment();
    if (!from_environment) return std::unexpected(std::move(from_environment.error()));
    forced = *from_environment;
    reason = "CAIRN_IO";
  }
  if (forced == BackendKind::kSimulated) {
    return fail(Code::kInvalidArgument, "the simulated backend comes by Reactor::create_with");
  }
  if (forced == BackendKind::kEpoll) {
    log_choice("epoll", reason);
    return epoll_factory();
  }
  Result<UringFeatures> features = probe_uring();
  if (features) {
    log_choice("io_uring", features->to_string());
    return uring_factory(*features);
  }
  if (forced == BackendKind::kIoUring) {
    return fail(Code::kUnsupported, "io_uring was asked for (" + reason +
                                        ") and is not to be had: " + features.error().message);
  }
  log_choice("epoll", features.error().message);
  return epoll_factory();
}

}  // namespace cairn::io
