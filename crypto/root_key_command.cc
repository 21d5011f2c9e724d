#include "crypto/root_key_command.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <vector>

namespace cairn::crypto {
namespace {

using SteadyClock = std::chrono::steady_clock;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { close(); }
  int get() const { return fd_; }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

std::vector<std::string> split_at_blanks(std::string_view text) {
  std::vector<std::string> words;
  while (true) {
    const size_t begin = text.find_first_not_of(' ');
    if (begin == std::string_view::npos) return words;
    text.remove_prefix(begin);
    const size_t end = std::min(text.find(' '), text.size());
    words.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

// Waits for `fd` to become readable; false when the deadline passed.
bool wait_readable(int fd, SteadyClock::time_point deadline) {
  while (true) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - SteadyClock::now());
    if (left.count() <= 0) return false;
    pollfd wanted{.fd = fd, .events = POLLIN, .revents = 0};
    const int ready = ::poll(&wanted, 1, static_cast<int>(left.count()));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

// Spawns the command in a process group of its own with its standard output on `output_fd`.
Result<pid_t> spawn(const std::vector<std::string>& words, int output_fd) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output_fd, STDOUT_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setpgroup(&attributes, 0);
  pid_t pid = -1;
  const int error =
      ::posix_spawnp(&pid, arguments[0], &actions, &attributes, arguments.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return std::unexpected(errno_error(error, "cannot start the root key command"));
  return pid;
}

// Reads until the end of the stream.
Status read_all(int fd, SteadyClock::time_point deadline, std::string& output) {
  std::array<char, kCommandOutputBytesMax + 1> buffer;
  size_t size = 0;
  Status status;
  while (true) {
    if (!wait_readable(fd, deadline)) {
      status = fail(Code::kDeadlineExceeded, "the root key command took too long");
      break;
    }
    const ssize_t got = ::read(fd, buffer.data() + size, buffer.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      status = std::unexpected(errno_error(errno, "cannot read from the root key command"));
      break;
    }
    size += static_cast<size_t>(got);
    if (got == 0) break;
    if (size > kCommandOutputBytesMax) {
      status = fail(Code::kInvalidArgument, "the root key command printed too much");
      break;
    }
  }
  if (status) output.assign(buffer.data(), size);
  OPENSSL_cleanse(buffer.data(), buffer.size());
  return status;
}

// Reaps the child, killing its group first when it has not ended by the deadline.
Status reap(pid_t pid, SteadyClock::time_point deadline) {
  // A descriptor of the process becomes readable when it ends. Where the kernel has none (before
  // 5.3), the output is complete anyway and the child is killed.
  const Descriptor process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  const bool ended = process.get() >= 0 && wait_readable(process.get(), deadline);
  if (!ended) ::kill(-pid, SIGKILL);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!ended) return fail(Code::kDeadlineExceeded, "the root key command did not end");
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return fail(Code::kUnavailable, "the root key command failed");
  }
  return {};
}

}  // namespace

Result<std::string> run_key_command(std::string_view command_line, int timeout_ms) {
  const std::vector<std::string> words = split_at_blanks(command_line);
  if (words.empty() || words.size() > kCommandArgumentsMax) {
    return fail(Code::kInvalidArgument, "the root key command has no words, or too many");
  }
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return std::unexpected(errno_error(errno, "cannot make a pipe for the root key command"));
  }
  const Descriptor reading(ends[0]);
  Descriptor writing(ends[1]);
  const Result<pid_t> pid = spawn(words, writing.get());
  writing.close();
  if (!pid) return std::unexpected(pid.error());
  const auto deadline = SteadyClock::now() + std::chrono::milliseconds(timeout_ms);
  std::string output;
  Status status = read_all(reading.get(), deadline, output);
  // After a failure nothing more is expected of it.
  const Status ended = reap(*pid, status ? deadline : SteadyClock::now());
  if (status) status = ended;
  if (!status) {
    OPENSSL_cleanse(output.data(), output.size());
    return std::unexpected(status.error());
  }
  return output;
}

}  // namespace cairn::crypto
