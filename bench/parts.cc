// cairn_parts: what the parts of a PUT cost alone on one core, and what the disk gives to grouped
// small synced writes: the yardsticks that bench/compare.py divides by. Prints one JSON line.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "base/buffer.h"
#include "base/random.h"
#include "base/units.h"
#include "crypto/key_ring.h"
#include "crypto/sealing.h"

namespace {

using namespace cairn;  // NOLINT: a program of one file.

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

// CPU seconds of the calling thread.
double thread_cpu() {
  rusage usage{};
  ::getrusage(RUSAGE_THREAD, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// CPU seconds per GB (10^9 bytes) of `work`, which handles `bytes_each` bytes a call.
template <typename Work>
double cost_per_gb(uint64_t bytes_each, uint64_t bytes_total, Work work) {
  const double before = thread_cpu();
  uint64_t done = 0;
  while (done < bytes_total) {
    work();
    done += bytes_each;
  }
  return (thread_cpu() - before) / (static_cast<double>(done) / 1e9);
}

double digest_cost(const EVP_MD* kind, BytesView data, uint64_t bytes_total) {
  return cost_per_gb(data.size(), bytes_total, [&] {
    uint8_t out[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (EVP_Digest(data.data(), data.size(), out, &size, kind, nullptr) != 1) die("EVP_Digest");
  });
}

double seal_cost(uint64_t bytes_total) {
  crypto::KeyRing ring(crypto::SecretKey::generate(system_random()));
  if (!ring.create_version(crypto::kRootTenant, system_random())) die("create_version");
  const auto keys = ring.current(crypto::kRootTenant);
  Buffer chunk = Buffer::allocate(4 * MiB);
  chunk.resize(4 * MiB);
  const crypto::ChunkBinding binding{
      .tenant = crypto::kRootTenant, .id = {}, .plaintext_bytes = chunk.size()};
  return cost_per_gb(chunk.size(), bytes_total, [&] {
    if (!crypto::seal_chunk(*keys, binding, system_random(), chunk.span())) die("seal_chunk");
  });
}

// Receives from a sender on another thread over loopback TCP, 1 MiB at a time.
double receive_cost(uint64_t bytes_total) {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  ::setsockopt(listener, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (::bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(listener, 1) != 0 ||
      ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    die("listen");
  }
  std::thread sender([&] {
    cpu_set_t other;
    CPU_ZERO(&other);
    CPU_SET(1, &other);
    ::sched_setaffinity(0, sizeof(other), &other);
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    ::setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5);
    if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) die("connect");
    const std::vector<char> data(MiB);
    for (uint64_t left = bytes_total; left > 0;) {
      const ssize_t sent = ::send(fd, data.data(), std::min<uint64_t>(left, data.size()), 0);
      if (sent <= 0) die("send");
      left -= static_cast<uint64_t>(sent);
    }
    ::close(fd);
  });
  const int fd = ::accept(listener, nullptr, nullptr);
  Buffer into = Buffer::allocate(MiB);
  const double before = thread_cpu();
  while (::recv(fd, into.data(), MiB, MSG_WAITALL) > 0) {
  }
  const double used = thread_cpu() - before;
  sender.join();
  ::close(fd);
  ::close(listener);
  return used / (static_cast<double>(bytes_total) / 1e9);
}

double write_cost(const std::string& directory, uint64_t bytes_total) {
  const std::string path = directory + "/parts.write";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_DIRECT, 0600);
  if (fd < 0 || ::posix_fallocate(fd, 0, static_cast<off_t>(bytes_total)) != 0) die("open");
  Buffer data = Buffer::allocate(4 * MiB);
  data.resize(4 * MiB);
  system_random().fill(data.span());
  off_t at = 0;
  const double cost = cost_per_gb(data.size(), bytes_total, [&] {
    if (::pwrite(fd, data.data(), data.size(), at) < 0) die("pwrite");
    at += static_cast<off_t>(data.size());
    if (::fdatasync(fd) != 0) die("fdatasync");
  });
  ::close(fd);
  ::unlink(path.c_str());
  return cost;
}

// 4 KiB writes per second when each group of `group` is appended with one write and one fdatasync.
double grouped_sync_rate(const std::string& directory, size_t group, double seconds) {
  const std::string path = directory + "/parts.sync";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600);
  if (fd < 0) die("open");
  const std::vector<char> data(group * 4 * KiB, 'x');
  const auto began = std::chrono::steady_clock::now();
  uint64_t written = 0;
  double elapsed = 0;
  while (elapsed < seconds) {
    if (::write(fd, data.data(), data.size()) < 0 || ::fdatasync(fd) != 0) die("write");
    written += group;
    elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  }
  ::close(fd);
  ::unlink(path.c_str());
  return static_cast<double>(written) / elapsed;
}

}  // namespace

int main(int argc, char** argv) {
  std::string directory = ".";
  size_t group = 64;
  bool sync_only = false;
  CLI::App app("Costs of the parts of a PUT, measured alone");
  app.add_option("--directory", directory, "Where files are written");
  app.add_option("--group", group, "4 KiB writes per fdatasync");
  app.add_flag("--sync-only", sync_only, "Only the grouped small writes");
  CLI11_PARSE(app, argc, argv);

  if (sync_only) {
    std::printf("{\"grouped_sync_per_s\":%.0f}\n", grouped_sync_rate(directory, group, 3.0));
    return 0;
  }
  Bytes data(64 * KiB);
  system_random().fill(data);
  std::printf("{\"sha256\":%.4f,\"md5\":%.4f,\"aes_gcm\":%.4f,\"receive\":%.4f,\"write\":%.4f}\n",
              digest_cost(EVP_sha256(), data, GiB), digest_cost(EVP_md5(), data, GiB),
              seal_cost(2 * GiB), receive_cost(4 * GiB), write_cost(directory, GiB));
  return 0;
}
