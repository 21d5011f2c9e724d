// cairn_load: a closed-loop HTTP/1.1 load generator for the comparisons of bench/run.sh.
//
// One thread and one keep-alive connection per client. Bodies of answers are discarded inside the
// kernel (MSG_TRUNC), so that the client costs little beside the server. Requests are signed with
// SigV4 when credentials are given; a GET of one path is signed once, as a client library would
// cache it, while every PUT is signed anew. Prints one JSON line.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/encoding.h"
#include "base/random.h"
#include "base/units.h"
#include "crypto/digest.h"
#include "sigv4/sign.h"

namespace {

using namespace cairn;  // NOLINT: a program of one file.

struct Options {
  std::string host = "127.0.0.1";
  uint16_t port = 9000;
  std::string mode = "get";
  std::string path = "/";
  std::string query;
  std::string trace;
  size_t connections = 8;
  uint64_t requests = 1000;
  double seconds = 0;  // Over `requests` when set.
  uint64_t size = 4096;
  uint64_t part_size = 8 * MiB;
  std::string access_key;
  std::string secret;
  bool hash_payload = false;
  uint64_t seed = 0;  // 0: bodies of a connection differ in their first bytes only.
};

[[noreturn]] void die(const std::string& message) {
  std::fprintf(stderr, "cairn_load: %s\n", message.c_str());
  std::exit(1);
}

// One blocking keep-alive connection.
class Connection {
 public:
  explicit Connection(const Options& options) {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(options.port);
    ::inet_pton(AF_INET, options.host.c_str(), &address.sin_addr);
    // Loopback with BBR costs both sides up to twice the CPU.
    ::setsockopt(fd_, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) {
      die("cannot connect");
    }
    const int one = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
  }
  ~Connection() { ::close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void send(std::string_view bytes, bool more = false) {
    while (!bytes.empty()) {
      const ssize_t sent =
          ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | (more ? MSG_MORE : 0));
      if (sent <= 0) die("send failed");
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
  }

  struct Answer {
    int status = 0;
    uint64_t body_bytes = 0;
    std::string head;
    std::string body;  // Only when asked for.
  };

  Answer receive(bool keep_body) {
    Answer answer;
    size_t head_end = 0;
    while ((head_end = pending_.find("\r\n\r\n")) == std::string::npos) read_some();
    answer.head = pending_.substr(0, head_end + 4);
    pending_.erase(0, head_end + 4);
    answer.status = std::atoi(answer.head.c_str() + 9);
    answer.body_bytes = content_length(answer.head);
    uint64_t left = answer.body_bytes;
    const uint64_t have = std::min<uint64_t>(left, pending_.size());
    if (keep_body) answer.body = pending_.substr(0, have);
    pending_.erase(0, have);
    left -= have;
    while (left > 0) left -= discard(left, keep_body ? &answer.body : nullptr);
    return answer;
  }

 private:
  static uint64_t content_length(std::string head) {
    std::transform(head.begin(), head.end(), head.begin(),
                   [](char c) { return static_cast<char>(std::tolower(c)); });
    const size_t at = head.find("\r\ncontent-length:");
    if (at == std::string::npos) return 0;
    return std::strtoull(head.c_str() + at + 17, nullptr, 10);
  }

  void read_some() {
    char buffer[16384];
    const ssize_t got = ::recv(fd_, buffer, sizeof(buffer), 0);
    if (got <= 0) die("the server closed the connection");
    pending_.append(buffer, static_cast<size_t>(got));
  }

  uint64_t discard(uint64_t left, std::string* keep) {
    static thread_local std::vector<char> scratch(4 * MiB);
    const size_t want = std::min<uint64_t>(left, scratch.size());
    const ssize_t got = ::recv(fd_, scratch.data(), want, keep != nullptr ? 0 : MSG_TRUNC);
    if (got <= 0) die("the server closed the connection inside a body");
    if (keep != nullptr) keep->append(scratch.data(), static_cast<size_t>(got));
    return static_cast<uint64_t>(got);
  }

  int fd_ = -1;
  std::string pending_;
};

class Client {
 public:
  explicit Client(const Options& options) : options_(options), connection_(options) {}

  // `range` is sent as it is, beside the signature; empty = none.
  std::string head(std::string_view method, std::string_view path, std::string_view query,
                   uint64_t size, std::string_view content_sha256,
                   std::string_view range = {}) const {
    const std::string host = options_.host + ":" + std::to_string(options_.port);
    std::vector<sigv4::HeaderView> headers{{"Host", host}};
    const sigv4::RequestView view{
        .method = method, .path = path, .query = query, .headers = headers};
    std::string text(method);
    text += ' ';
    text += path;
    if (!query.empty()) (text += '?') += query;
    text += " HTTP/1.1\r\nHost: " + host + "\r\n";
    if (!options_.access_key.empty()) {
      const sigv4::SigningIdentity identity{
          .access_key = options_.access_key, .secret = options_.secret, .session_token = {}};
      const sigv4::SignedRequest with =
          sigv4::sign_v4(identity, view, content_sha256, system_clock().wall_now());
      for (const sigv4::SignedHeader& header : with.headers) {
        text += header.name + ": " + header.value + "\r\n";
      }
    }
    if (!range.empty()) ((text += "Range: bytes=") += range) += "\r\n";
    if (method != "GET") text += "Content-Length: " + std::to_string(size) + "\r\n";
    return text + "\r\n";
  }

  Connection::Answer exchange(const std::string& request_head, std::string_view body,
                              bool keep_body = false) {
    connection_.send(request_head, !body.empty());
    connection_.send(body);
    Connection::Answer answer = connection_.receive(keep_body);
    if (answer.status < 200 || answer.status > 299) {
      die("status " + std::to_string(answer.status) + "\n" + answer.head);
    }
    return answer;
  }

 private:
  const Options& options_;
  Connection connection_;
};

struct Totals {
  std::atomic<uint64_t> next{0};
  std::atomic<uint64_t> requests{0};
  std::atomic<uint64_t> bytes{0};
};

std::string random_body(uint64_t size, uint64_t seed) {
  SeededRandom random(seed);
  std::string body(size, '\0');
  random.fill({reinterpret_cast<uint8_t*>(body.data()), body.size()});
  return body;
}

// Makes the body of request `index` in place: with a seed, one that no other request or seed has.
void renew_body(const Options& options, uint64_t index, std::string& body) {
  if (options.seed != 0) {
    SeededRandom random((options.seed << 32) ^ index);
    random.fill({reinterpret_cast<uint8_t*>(body.data()), body.size()});
  }
  store_le(reinterpret_cast<uint8_t*>(body.data()), index);
}

std::string payload_hash(const Options& options, std::string_view body) {
  if (!options.hash_payload) return std::string(sigv4::kUnsignedPayload);
  return to_hex(crypto::sha256(as_bytes(body)));
}

using Latencies = std::vector<double>;

// Runs `work(client, index)` on every connection until the requests are used up or time is over.
template <typename Work>
void run_client(const Options& options, Totals& totals, Latencies& latencies, Work work) {
  using SteadyClock = std::chrono::steady_clock;
  Client client(options);
  const auto end = SteadyClock::now() + std::chrono::duration<double>(options.seconds);
  while (true) {
    const uint64_t index = totals.next.fetch_add(1);
    if (options.seconds > 0 ? SteadyClock::now() >= end : index >= options.requests) return;
    const auto began = SteadyClock::now();
    totals.bytes += work(client, index);
    ++totals.requests;
    latencies.push_back(std::chrono::duration<double>(SteadyClock::now() - began).count());
  }
}

// `make_work(thread)` gives each connection its own work.
template <typename MakeWork>
void run(const Options& options, MakeWork make_work) {
  Totals totals;
  std::vector<Latencies> latencies(options.connections);
  std::vector<std::thread> threads;
  const auto began = std::chrono::steady_clock::now();
  for (size_t i = 0; i < options.connections; ++i) {
    threads.emplace_back([&, i] { run_client(options, totals, latencies[i], make_work(i)); });
  }
  for (std::thread& thread : threads) thread.join();
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  Latencies all;
  for (const Latencies& part : latencies) all.insert(all.end(), part.begin(), part.end());
  std::sort(all.begin(), all.end());
  const auto at = [&](double q) {
    return all.empty() ? 0.0 : all[static_cast<size_t>(q * static_cast<double>(all.size() - 1))];
  };
  std::printf(
      "{\"requests\":%llu,\"bytes\":%llu,\"seconds\":%.4f,\"p50_ms\":%.4f,\"p99_ms\":%.4f}\n",
      static_cast<unsigned long long>(totals.requests),
      static_cast<unsigned long long>(totals.bytes), seconds, at(0.5) * 1e3, at(0.99) * 1e3);
}

void run_get(const Options& options) {
  run(options, [&](size_t) {
    return [&, head = std::string()](Client& client, uint64_t) mutable {
      if (head.empty()) {
        head = client.head("GET", options.path, options.query, 0, sigv4::kEmptySha256);
      }
      return client.exchange(head, {}).body_bytes;
    };
  });
}

// GETs of a trace file, one a line: a path, or a path and a range ("/b/k 0-65535").
void run_replay(Options options) {
  std::vector<std::pair<std::string, std::string>> gets;
  std::ifstream file(options.trace);
  for (std::string line; std::getline(file, line);) {
    const size_t blank = line.find(' ');
    gets.emplace_back(line.substr(0, blank),
                      blank == std::string::npos ? "" : line.substr(blank + 1));
  }
  if (gets.empty()) die("no requests in the trace " + options.trace);
  options.requests = gets.size();
  run(options, [&](size_t) {
    return [&](Client& client, uint64_t index) {
      const auto& [path, range] = gets[index];
      return client.exchange(client.head("GET", path, "", 0, sigv4::kEmptySha256, range), {})
          .body_bytes;
    };
  });
}

void run_put(const Options& options) {
  run(options, [&](size_t thread) {
    return
        [&, body = random_body(options.size, thread + 1)](Client& client, uint64_t index) mutable {
          renew_body(options, index, body);
          const std::string path = options.path + std::to_string(index);
          const std::string head =
              client.head("PUT", path, "", options.size, payload_hash(options, body));
          client.exchange(head, body);
          return options.size;
        };
  });
}

std::string between(const std::string& text, std::string_view open, std::string_view close) {
  const size_t begin = text.find(open);
  if (begin == std::string::npos) die("unexpected answer: " + text);
  const size_t end = text.find(close, begin + open.size());
  return text.substr(begin + open.size(), end - begin - open.size());
}

// One multipart upload of `size` bytes, its parts spread over the connections.
void run_multipart(Options options) {
  Client control(options);
  const auto created = control.exchange(
      control.head("POST", options.path, "uploads=", 0, sigv4::kUnsignedPayload), {}, true);
  const std::string upload_id = between(created.body, "<UploadId>", "</UploadId>");
  options.requests = (options.size + options.part_size - 1) / options.part_size;
  std::vector<std::string> etags(options.requests);
  run(options, [&](size_t thread) {
    return [&, body = random_body(options.part_size, options.size + thread)](
               Client& client, uint64_t index) mutable {
      renew_body(options, index, body);
      const std::string query =
          "partNumber=" + std::to_string(index + 1) + "&uploadId=" + upload_id;
      const auto answer = client.exchange(
          client.head("PUT", options.path, query, options.part_size, payload_hash(options, body)),
          body);
      std::string lower = answer.head;
      std::transform(lower.begin(), lower.end(), lower.begin(),
                     [](char c) { return static_cast<char>(std::tolower(c)); });
      etags[index] = between(lower, "etag: \"", "\"");
      return options.part_size;
    };
  });
  std::string xml = "<CompleteMultipartUpload>";
  for (size_t i = 0; i < etags.size(); ++i) {
    xml += "<Part><PartNumber>" + std::to_string(i + 1) + "</PartNumber><ETag>" + etags[i] +
           "</ETag></Part>";
  }
  xml += "</CompleteMultipartUpload>";
  control.exchange(control.head("POST", options.path, "uploadId=" + upload_id, xml.size(),
                                sigv4::kUnsignedPayload),
                   xml, true);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("HTTP load for Cairn's comparisons");
  app.add_option("mode", options.mode, "get | put | multipart | replay")->required();
  app.add_option("--host", options.host);
  app.add_option("--port", options.port)->required();
  app.add_option("--path", options.path, "Path; puts append a number to it");
  app.add_option("--query", options.query);
  app.add_option("--trace", options.trace, "File of what replay gets");
  app.add_option("--connections", options.connections);
  app.add_option("--requests", options.requests);
  app.add_option("--seconds", options.seconds, "Stop after this time instead");
  app.add_option("--size", options.size, "Bytes of a body");
  app.add_option("--part-size", options.part_size);
  app.add_option("--access-key", options.access_key);
  app.add_option("--secret", options.secret);
  app.add_option("--seed", options.seed, "Every body differs from all others and other seeds'");
  app.add_flag("--hash-payload", options.hash_payload, "Send the SHA-256 of each body");
  CLI11_PARSE(app, argc, argv);
  if (options.mode == "get") {
    run_get(options);
  } else if (options.mode == "replay") {
    run_replay(options);
  } else if (options.mode == "put") {
    run_put(options);
  } else if (options.mode == "multipart") {
    run_multipart(options);
  } else {
    die("unknown mode " + options.mode);
  }
  return 0;
}
