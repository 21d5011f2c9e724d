#include "cli/admin_client.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <fstream>

#include "base/units.h"

namespace cairn::cli {
namespace {

constexpr size_t kReplyBytesMax = 64 * MiB;

struct AdminAddress {
  std::string host;
  std::string port;
  std::string token;
};

Result<AdminAddress> read_address(const std::string& data) {
  const std::string path = data + "/admin.token";
  std::ifstream file(path);
  if (!file) {
    return fail(Code::kUnavailable, "cannot read " + path + ": is a server running on " + data +
                                        ", and may you read its files?");
  }
  AdminAddress address;
  std::string line;
  while (std::getline(file, line)) {
    if (line.starts_with("token=")) address.token = line.substr(6);
    const size_t colon = line.rfind(':');
    if (!line.starts_with("address=") || colon == std::string::npos) continue;
    address.host = line.substr(8, colon - 8);
    address.port = line.substr(colon + 1);
    if (address.host.starts_with('[')) {
      address.host = address.host.substr(1, address.host.size() - 2);
    }
  }
  if (address.host.empty() || address.token.empty()) {
    return fail(Code::kCorruption, path + " is damaged: restart the server");
  }
  return address;
}

// A connected socket that closes itself.
class Connection {
 public:
  Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() {
    if (fd_ >= 0) ::close(fd_);
  }

  Status open(const AdminAddress& address) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int failure = ::getaddrinfo(address.host.c_str(), address.port.c_str(), &hints, &found);
    if (failure != 0) return fail(Code::kUnavailable, ::gai_strerror(failure));
    fd_ = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool connected = fd_ >= 0 && ::connect(fd_, found->ai_addr, found->ai_addrlen) == 0;
    const int error_number = errno;
    ::freeaddrinfo(found);
    if (connected) return {};
    return fail(Code::kUnavailable, "no server answers at " + address.host + ":" + address.port +
                                        " (" + errno_error(error_number, "connect").message + ")");
  }

  Status send(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t sent = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent < 0) return std::unexpected(errno_error(errno, "send"));
      text.remove_prefix(static_cast<size_t>(sent));
    }
    return {};
  }

  // `on_more` sees all that has come, whenever there is more; false ends the reading.
  Result<std::string> receive_all(
      const std::function<bool(std::string_view)>& on_more = nullptr) const {
    std::string text;
    char piece[16384];
    for (;;) {
      const ssize_t got = ::recv(fd_, piece, sizeof piece, 0);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return std::unexpected(errno_error(errno, "receive"));
      if (got == 0) return text;
      text.append(piece, static_cast<size_t>(got));
      if (on_more && !on_more(text)) return text;
      if (text.size() > kReplyBytesMax) {
        return fail(Code::kResourceExhausted, "the reply is too long");
      }
    }
  }

 private:
  int fd_ = -1;
};

// The body is never chunked, for the request says HTTP/1.0.
Result<AdminReply> parse_reply(const std::string& text) {
  AdminReply reply;
  const size_t space = text.find(' ');
  const size_t body = text.find("\r\n\r\n");
  if (!text.starts_with("HTTP/1.") || space == std::string::npos || body == std::string::npos) {
    return fail(Code::kIo, "the server closed the connection without a reply");
  }
  std::from_chars(text.data() + space + 1, text.data() + body, reply.status);
  reply.body = text.substr(body + 4);
  return reply;
}

}  // namespace

namespace {

Result<AdminReply> ask(const std::string& data, const std::string& method, const std::string& name,
                       const std::string& body,
                       const std::function<bool(std::string_view)>& on_more) {
  const Result<AdminAddress> address = read_address(data);
  if (!address) return std::unexpected(address.error());
  Connection connection;
  const Status opened = connection.open(*address);
  if (!opened) return std::unexpected(opened.error());
  const Status sent =
      connection.send(method + " /admin/v1/" + name +
                      " HTTP/1.0\r\nHost: admin\r\nContent-Length: " + std::to_string(body.size()) +
                      "\r\n"
                      "Authorization: Bearer " +
                      address->token + "\r\n\r\n" + body);
  if (!sent) return std::unexpected(sent.error());
  const Result<std::string> text = connection.receive_all(on_more);
  if (!text) return std::unexpected(text.error());
  return parse_reply(*text);
}

}  // namespace

Result<AdminReply> ask_admin(const std::string& data, const std::string& method,
                             const std::string& name, const std::string& body) {
  return ask(data, method, name, body, nullptr);
}

Result<AdminReply> ask_admin_lines(const std::string& data, const std::string& method,
                                   const std::string& name,
                                   const std::function<bool(std::string_view)>& on_line) {
  constexpr std::string_view kHeadEnd = "\r\n\r\n";
  size_t told = 0;
  const auto on_more = [&](std::string_view text) {
    if (told == 0) {
      const size_t head = text.find(kHeadEnd);
      if (head == std::string_view::npos) return true;
      told = head + kHeadEnd.size();
    }
    for (size_t end = text.find('\n', told); end != std::string_view::npos;
         end = text.find('\n', told)) {
      const std::string_view line = text.substr(told, end - told);
      told = end + 1;
      if (!on_line(line)) return false;
    }
    return true;
  };
  return ask(data, method, name, {}, on_more);
}

std::string url_encoded(std::string_view text) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool is_plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                          (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
    if (is_plain) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out.append("%").append(1, kDigits[byte >> 4]).append(1, kDigits[byte & 15]);
    }
  }
  return out;
}

}  // namespace cairn::cli
