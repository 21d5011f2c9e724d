// A TCP forwarder on loopback whose two directions can be blocked each: full and one-way
// partitions. As in a network, bytes of a blocked direction are late, not lost: when the block ends
// they arrive, or the connection is reset and they never do.
#pragma once

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace cairn::testing_support {

class CutProxy {
 public:
  explicit CutProxy(int target_port) : target_port_(target_port) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof(address);
    ::bind(listener_, reinterpret_cast<sockaddr*>(&address), size);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    ::listen(listener_, 64);
    thread_ = std::thread([this] { run(); });
  }
  ~CutProxy() {
    stop_ = true;
    thread_.join();
    ::close(listener_);
  }
  CutProxy(const CutProxy&) = delete;
  CutProxy& operator=(const CutProxy&) = delete;

  std::string endpoint() const { return "127.0.0.1:" + std::to_string(port_); }
  void block_requests() { requests_blocked_ = true; }
  void block_answers() { answers_blocked_ = true; }
  void block() {
    block_requests();
    block_answers();
  }
  enum class Heal : unsigned char { kNothing, kDeliver, kReset };
  // Ends the block, soon.
  void heal(Heal how = Heal::kReset) { heal_ = how; }

 private:
  struct Link {
    int client = -1;
    int server = -1;
  };

  static sockaddr_in loopback(int port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }
  static void close_link(Link& link) {
    ::close(link.client);
    ::close(link.server);
    link = {};
  }
  static bool forward(int from, int to) {
    char bytes[65536];
    const ssize_t count = ::recv(from, bytes, sizeof(bytes), 0);
    if (count <= 0) return false;
    for (ssize_t sent = 0; sent < count;) {
      const ssize_t step =
          ::send(to, bytes + sent, static_cast<size_t>(count - sent), MSG_NOSIGNAL);
      if (step <= 0) return false;
      sent += step;
    }
    return true;
  }
  // False when the link is of no use any more.
  static bool serve(const pollfd& from, int to) {
    if (from.revents == 0) return true;
    return from.events != 0 && forward(from.fd, to);
  }
  void end_block() {
    const Heal how = heal_.exchange(Heal::kNothing);
    if (how == Heal::kNothing) return;
    if (how == Heal::kReset) {
      for (Link& link : links_) close_link(link);
      links_.clear();
    }
    requests_blocked_ = answers_blocked_ = false;
  }

  void accept_one() {
    Link link{.client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)};
    link.server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback(target_port_);
    if (::connect(link.server, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
      close_link(link);
      return;
    }
    links_.push_back(link);
  }

  void run() {
    while (!stop_) {
      end_block();
      const short requests = requests_blocked_ ? 0 : POLLIN;
      const short answers = answers_blocked_ ? 0 : POLLIN;
      std::vector<pollfd> all{{.fd = listener_, .events = POLLIN, .revents = 0}};
      for (const Link& link : links_) {
        all.push_back({.fd = link.client, .events = requests, .revents = 0});
        all.push_back({.fd = link.server, .events = answers, .revents = 0});
      }
      if (::poll(all.data(), all.size(), 20) <= 0) continue;
      for (size_t i = 0; i < links_.size(); ++i) {
        Link& link = links_[i];
        const bool good = serve(all[1 + 2 * i], link.server) && serve(all[2 + 2 * i], link.client);
        if (!good) close_link(link);
      }
      std::erase_if(links_, [](const Link& link) { return link.client < 0; });
      if (all[0].revents != 0) accept_one();
    }
    for (Link& link : links_) close_link(link);
  }

  const int target_port_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stop_{false};
  std::atomic<Heal> heal_{Heal::kNothing};
  std::atomic<bool> requests_blocked_{false};
  std::atomic<bool> answers_blocked_{false};
  std::vector<Link> links_;  // The thread's.
  std::thread thread_;
};

}  // namespace cairn::testing_support
