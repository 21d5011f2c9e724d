// A real etcd of one or three members on loopback, in a directory of its own, and ways to hurt it.
//
// Members are child processes that die with the test (PR_SET_PDEATHSIG); only they are signalled.
// Needs Debian's etcd-server; cluster_is_available() says whether it is there.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "catalog/etcd/client.h"
#include "proto/etcd.pb.h"
#include "tests/support/peer_certificates.h"

namespace cairn::testing_support {

inline bool cluster_is_available() {
  return ::access("/usr/bin/etcd", X_OK) == 0;
}

class EtcdCluster {
 public:
  struct Options {
    int members = 1;
    int election_ms = 500;
    uint64_t quota_bytes = 0;  // 0 = etcd's default.
    std::vector<std::string> flags = {};
    // TLS towards clients, who have to show a certificate of the same authority. Outlives this.
    PeerCertificates* certificates = nullptr;
  };

  explicit EtcdCluster(Options options) : options_(std::move(options)) {
    std::string name = (std::filesystem::temp_directory_path() / "cairn-etcd-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    directory_ = name;
    const std::vector<int> ports = free_ports(2 * options_.members);
    for (int i = 0; i < options_.members; ++i) {
      members_.push_back({.client_port = ports[static_cast<size_t>(2 * i)],
                          .peer_port = ports[static_cast<size_t>(2 * i + 1)]});
    }
    for (size_t i = 0; i < members_.size(); ++i) start(i);
  }
  ~EtcdCluster() {
    for (size_t i = 0; i < members_.size(); ++i) kill(i);
    std::filesystem::remove_all(directory_);
  }
  EtcdCluster(const EtcdCluster&) = delete;
  EtcdCluster& operator=(const EtcdCluster&) = delete;

  size_t size() const { return members_.size(); }
  std::string endpoint(size_t member) const {
    return "127.0.0.1:" + std::to_string(members_[member].client_port);
  }
  std::vector<std::string> endpoints() const {
    std::vector<std::string> all;
    for (size_t i = 0; i < members_.size(); ++i) all.push_back(endpoint(i));
    return all;
  }

  void start(size_t member) {
    Member& one = members_[member];
    const std::vector<std::string> arguments = command_line(member);
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      const int log = ::open((directory_ + "/" + name(member) + ".log").c_str(),
                             O_WRONLY | O_CREAT | O_APPEND, 0600);
      ::dup2(log, 1);
      ::dup2(log, 2);
      std::vector<char*> argv;
      for (const std::string& argument : arguments)
        argv.push_back(const_cast<char*>(argument.data()));
      argv.push_back(nullptr);
      ::execv("/usr/bin/etcd", argv.data());
      ::_exit(127);
    }
    one.pid = pid;
  }
  void kill(size_t member) {
    Member& one = members_[member];
    if (one.pid <= 0) return;
    ::kill(one.pid, SIGKILL);
    ::kill(one.pid, SIGCONT);
    ::waitpid(one.pid, nullptr, 0);
    one.pid = 0;
  }
  // Returns when the member stands still: on a busy machine its threads go on for a while.
  void pause(size_t member) {
    const pid_t pid = members_[member].pid;
    ::kill(pid, SIGSTOP);
    while (!stands_still(pid)) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  void resume(size_t member) { ::kill(members_[member].pid, SIGCONT); }

  // Waits until each running member answers a linearizable read; false when one does not.
  bool wait_until_ready() {
    for (size_t i = 0; i < members_.size(); ++i) {
      if (members_[i].pid > 0 && !answers(i)) return false;
    }
    return true;
  }

  // The index of the leader among the members; size() when there is none.
  size_t leader() {
    std::vector<proto::etcd::StatusResponse> all(members_.size());
    for (size_t i = 0; i < members_.size(); ++i) {
      if (members_[i].pid > 0) ask(i, "/etcdserverpb.Maintenance/Status", {}, all[i]);
    }
    for (size_t i = 0; i < all.size(); ++i) {
      if (all[i].leader() != 0 && all[i].leader() == all[i].header().member_id()) return i;
    }
    return members_.size();
  }

  // Forgets all history before the present revision; the revision.
  int64_t compact(size_t member) {
    proto::etcd::RangeRequest present;
    present.set_key("-");
    proto::etcd::RangeResponse answer;
    if (!ask(member, "/etcdserverpb.KV/Range", present.SerializeAsString(), answer)) return 0;
    proto::etcd::CompactionRequest request;
    request.set_revision(answer.header().revision());
    request.set_physical(true);
    proto::etcd::CompactionResponse done;
    if (!ask(member, "/etcdserverpb.KV/Compact", request.SerializeAsString(), done)) return 0;
    return answer.header().revision();
  }
  // Writes past the catalog.
  bool put(size_t member, const std::string& key, const std::string& value) {
    proto::etcd::PutRequest request;
    request.set_key(key);
    request.set_value(value);
    proto::etcd::PutResponse done;
    return ask(member, "/etcdserverpb.KV/Put", request.SerializeAsString(), done);
  }
  // Any unary method; for what the catalog itself never calls.
  bool ask(size_t member, const char* method, const std::string& request,
           google::protobuf::MessageLite& into) {
    const auto transport = catalog::etcd::Transport::create(access(member));
    const catalog::etcd::RpcReply reply =
        (*transport)->call_blocking(0, method, request, seconds(5));
    last_message_ = reply.message;
    return reply.code == catalog::etcd::RpcCode::kOk && into.ParseFromString(reply.body);
  }
  const std::string& last_message() const { return last_message_; }
  // Of one member, for its operator.
  catalog::etcd::Access access(size_t member) const {
    catalog::etcd::Access access{.endpoints = {endpoint(member)}};
    if (options_.certificates == nullptr) return access;
    access.use_tls = true;
    access.ca_file = options_.certificates->ca();
    access.certificate_file = options_.certificates->certificate("client");
    access.key_file = options_.certificates->key("client");
    return access;
  }
  // From now on etcd answers those who log in; `root` may do everything.
  bool demand_passwords(const std::string& password) {
    // UserAdd has the fields of an Authenticate, and so has UserGrantRole; all answer a header.
    proto::etcd::AuthenticateRequest user;
    user.set_name("root");
    user.set_password(password);
    proto::etcd::AuthenticateRequest grant;
    grant.set_name("root");
    grant.set_password("root");
    proto::etcd::PutResponse done;
    return ask(0, "/etcdserverpb.Auth/UserAdd", user.SerializeAsString(), done) &&
           ask(0, "/etcdserverpb.Auth/UserGrantRole", grant.SerializeAsString(), done) &&
           ask(0, "/etcdserverpb.Auth/AuthEnable", {}, done);
  }
  const std::string& directory() const { return directory_; }

 private:
  struct Member {
    int client_port = 0;
    int peer_port = 0;
    pid_t pid = 0;
  };

  // Of every thread the state behind its name in /proc/PID/task/TID/stat (proc_pid_stat(5)).
  static bool stands_still(pid_t pid) {
    std::error_code gone;
    const std::filesystem::path tasks = "/proc/" + std::to_string(pid) + "/task";
    for (const auto& task : std::filesystem::directory_iterator(tasks, gone)) {
      std::ifstream file(task.path() / "stat");
      std::string line;
      std::getline(file, line);
      const size_t state = line.rfind(") ");
      if (state != std::string::npos && !std::string_view("TtZX").contains(line[state + 2])) {
        return false;
      }
    }
    return true;
  }
  static std::string name(size_t member) { return "m" + std::to_string(member); }

  std::vector<std::string> command_line(size_t member) const {
    const auto url = [](int port) { return "http://127.0.0.1:" + std::to_string(port); };
    const auto client_url = [&](int port) {
      std::string text = url(port);
      return options_.certificates == nullptr ? text : text.insert(4, "s");
    };
    std::string cluster;
    for (size_t i = 0; i < members_.size(); ++i) {
      cluster += (i == 0 ? "" : ",") + name(i) + "=" + url(members_[i].peer_port);
    }
    const Member& one = members_[member];
    std::vector<std::string> all{"/usr/bin/etcd",
                                 "--name",
                                 name(member),
                                 "--data-dir",
                                 directory_ + "/" + name(member),
                                 "--listen-client-urls",
                                 client_url(one.client_port),
                                 "--advertise-client-urls",
                                 client_url(one.client_port),
                                 "--listen-peer-urls",
                                 url(one.peer_port),
                                 "--initial-advertise-peer-urls",
                                 url(one.peer_port),
                                 "--initial-cluster",
                                 cluster,
                                 "--initial-cluster-token",
                                 directory_,
                                 "--heartbeat-interval",
                                 std::to_string(options_.election_ms / 10),
                                 "--election-timeout",
                                 std::to_string(options_.election_ms),
                                 "--logger",
                                 "zap",
                                 "--log-level",
                                 "warn"};
    if (options_.quota_bytes > 0) {
      all.push_back("--quota-backend-bytes=" + std::to_string(options_.quota_bytes));
    }
    if (options_.certificates != nullptr) {
      all.push_back("--client-cert-auth");
      all.push_back("--trusted-ca-file=" + options_.certificates->ca());
      all.push_back("--cert-file=" + options_.certificates->certificate("etcd"));
      all.push_back("--key-file=" + options_.certificates->key("etcd"));
    }
    all.insert(all.end(), options_.flags.begin(), options_.flags.end());
    return all;
  }

  bool answers(size_t member) {
    proto::etcd::RangeRequest request;
    request.set_key("-");
    proto::etcd::RangeResponse answer;
    for (int i = 0; i < 600; ++i) {
      if (ask(member, "/etcdserverpb.KV/Range", request.SerializeAsString(), answer)) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return false;
  }

  static std::vector<int> free_ports(int count) {
    std::vector<int> sockets;
    std::vector<int> ports;
    for (int i = 0; i < count; ++i) {
      sockets.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      socklen_t size = sizeof(address);
      ::bind(sockets.back(), reinterpret_cast<sockaddr*>(&address), size);
      ::getsockname(sockets.back(), reinterpret_cast<sockaddr*>(&address), &size);
      ports.push_back(ntohs(address.sin_port));
    }
    for (const int socket : sockets) ::close(socket);
    return ports;
  }

  const Options options_;
  std::string directory_;
  std::vector<Member> members_;
  std::string last_message_;
};

}  // namespace cairn::testing_support
