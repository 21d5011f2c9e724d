// An S3 server as a child process, for stores that keep their chunks upstream: the cairn binary
// itself (CAIRN_BINARY), or another maker's, moto, where a Python has it (CAIRN_MOTO_PYTHON).
//
// REQUIRES: bucket() and options_for() are called inside a task on a reactor.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "storage/s3_store.h"
#include "tests/support/temporary_directory.h"
#include "transfer/s3_client.h"

namespace cairn::testing_support {

class UpstreamServer {
 public:
  static constexpr const char* kAccessKey = "UPSTREAMKEY0001";
  static constexpr const char* kSecretKey = "upstream-secret-key-of-the-tests-0001";

  // Null when the program is not to be had.
  static std::unique_ptr<UpstreamServer> start_cairn() {
    const char* const binary = std::getenv("CAIRN_BINARY");
    if (binary == nullptr) return nullptr;
    std::unique_ptr<UpstreamServer> server(new UpstreamServer());
    setenv("CAIRN_ROOT_ACCESS_KEY", kAccessKey, 1);
    setenv("CAIRN_ROOT_SECRET_KEY", kSecretKey, 1);
    server->run({binary, "serve", "--data", server->directory_.sub("data"), "--listen",
                 "127.0.0.1:" + std::to_string(server->port_), "--admin-listen", "127.0.0.1:0",
                 "--cores", "1", "--memory", "256MiB"});
    return server;
  }
  static std::unique_ptr<UpstreamServer> start_moto() {
    const char* const python = std::getenv("CAIRN_MOTO_PYTHON");
    if (python == nullptr) return nullptr;
    std::unique_ptr<UpstreamServer> server(new UpstreamServer());
    server->run(
        {python, "-m", "moto.server", "-H", "127.0.0.1", "-p", std::to_string(server->port_)});
    return server;
  }
  ~UpstreamServer() { stop(); }
  UpstreamServer(const UpstreamServer&) = delete;
  UpstreamServer& operator=(const UpstreamServer&) = delete;

  std::string endpoint() const { return "http://127.0.0.1:" + std::to_string(port_); }

  transfer::S3ClientOptions client_options() const {
    transfer::S3ClientOptions options;
    options.endpoint = endpoint();
    options.identity.access_key = kAccessKey;
    options.identity.secret = kSecretKey;
    options.identity.region = "us-east-1";
    options.http = storage::upstream_http_options();
    return options;
  }
  io::Task<Status> make_bucket(std::string name) {
    const std::unique_ptr<transfer::S3Client> client =
        co_await io::or_return(transfer::S3Client::create(client_options()));
    transfer::S3Status made = co_await client->create_bucket(std::move(name), io::Until{});
    co_await client->close();
    if (!made) co_return std::unexpected(made.error().error);
    co_return Status{};
  }
  // Names behind the prefix, of at most one page.
  io::Task<std::vector<std::string>> names(std::string bucket, std::string prefix) {
    Result<std::unique_ptr<transfer::S3Client>> client =
        transfer::S3Client::create(client_options());
    EXPECT_TRUE(client.has_value());
    transfer::ListQuery query;
    query.prefix = prefix;
    transfer::S3Result<transfer::ListPage> page =
        co_await (*client)->list_objects(std::move(bucket), query, std::string(), io::Until{});
    co_await (*client)->close();
    std::vector<std::string> found;
    EXPECT_TRUE(page.has_value()) << (page ? "" : page.error().error.message);
    if (!page) co_return found;
    for (const transfer::ObjectEntry& object : page->objects) {
      found.push_back(object.key.substr(prefix.size()));
    }
    co_return found;
  }

  // Stops and continues the process: an upstream that takes connections and does not answer.
  void freeze() const { ::kill(process_, SIGSTOP); }
  void thaw() const { ::kill(process_, SIGCONT); }
  void stop() {
    if (process_ <= 0) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    process_ = 0;
  }
  void start_again() { run(command_); }

 private:
  UpstreamServer() : port_(free_port()) {}

  static sockaddr_in loopback(uint16_t port) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    at.sin_port = htons(port);
    return at;
  }
  static uint16_t free_port() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at = loopback(0);
    socklen_t size = sizeof at;
    EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
    EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size), 0);
    ::close(fd);
    return ntohs(at.sin_port);
  }
  bool accepts_connections() const {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at = loopback(port_);
    const bool connected = ::connect(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0;
    ::close(fd);
    return connected;
  }

  void run(std::vector<std::string> command) {
    command_ = command;
    std::vector<char*> arguments;
    for (std::string& word : command) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    process_ = ::fork();
    ASSERT_GE(process_, 0);
    if (process_ == 0) {
      const int log = ::open(directory_.sub("log").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
      ::dup2(log, STDOUT_FILENO);
      ::dup2(log, STDERR_FILENO);
      ::execv(arguments[0], arguments.data());
      ::_exit(127);
    }
    constexpr auto kPatience = std::chrono::seconds(60);
    const auto give_up = std::chrono::steady_clock::now() + kPatience;
    while (!accepts_connections()) {
      ASSERT_LT(std::chrono::steady_clock::now(), give_up) << command[0] << " does not listen";
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }

  TemporaryDirectory directory_;
  const uint16_t port_;
  std::vector<std::string> command_;
  pid_t process_ = 0;
};

}  // namespace cairn::testing_support
