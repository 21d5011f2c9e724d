// Properties: where io_uring is refused, reactors run on epoll and a forced io_uring fails with a
// sentence; CAIRN_IO is obeyed; features that are missing are done without.
// Method: forked children under a seccomp filter like the one container runtimes install; backends
// built with features switched off.
#include "io/probe.h"

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdlib>

#include "io/os_stream.h"
#include "io/perform.h"
#include "io/scope.h"
#include "io/uring_backend.h"
#include "tests/unit/io/io_fixture.h"

namespace cairn::io {
namespace {

// From here on io_uring_setup fails with `error` in this process.
bool forbid_io_uring(unsigned error) {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter{.len = 4, .filter = program};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

// Runs `body` in a forked child; its exit status, or -1.
int in_child(int (*body)()) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(20);  // A hang ends the child and fails the test.
    ::_exit(body());
  }
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) != child) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

Task<Status> echo_once() {
  auto pair = co_await or_return(make_stream_pair());
  const BytesView pieces[] = {as_bytes("hello")};
  co_await or_return(pair.first->send(pieces, soon()));
  const Buffer got = co_await or_return(pair.second->receive_some(soon()));
  co_await pair.first->close();
  co_await pair.second->close();
  if (as_text(got.view()) != "hello") co_return fail(Code::kInternal, "wrong bytes");
  co_return Status();
}

// 0: a reactor of the wanted kind carries bytes. 1: not created. 2: another kind. 3: does not work.
int run_default_reactor(BackendKind wanted) {
  auto reactor = Reactor::create({});
  if (!reactor) return 1;
  if ((*reactor)->kind() != wanted) return 2;
  return (*reactor)->run(echo_once()) ? 0 : 3;
}

int fall_back(unsigned error) {
  if (!forbid_io_uring(error)) return 10;
  ::unsetenv("CAIRN_IO");
  return run_default_reactor(BackendKind::kEpoll);
}

TEST(Probe, FallsBackToEpollWhenSeccompForbidsIoUring) {
  EXPECT_EQ(in_child([] { return fall_back(EPERM); }), 0);
}

TEST(Probe, FallsBackToEpollWhenTheKernelHasNoIoUring) {
  EXPECT_EQ(in_child([] { return fall_back(ENOSYS); }), 0);
}

TEST(Probe, AForcedIoUringThatIsRefusedIsAClearError) {
  const int outcome = in_child([] {
    if (!forbid_io_uring(EPERM)) return 10;
    ::setenv("CAIRN_IO", "io_uring", 1);
    const auto reactor = Reactor::create({});
    if (reactor) return 1;
    if (reactor.error().code != Code::kUnsupported) return 2;
    const std::string& text = reactor.error().message;
    const bool clear = text.find("CAIRN_IO") != std::string::npos &&
                       text.find("io_uring_setup") != std::string::npos;
    return clear ? 0 : 3;
  });
  EXPECT_EQ(outcome, 0);
}

TEST(Probe, ObeysTheEnvironment) {
  EXPECT_EQ(in_child([] {
              ::setenv("CAIRN_IO", "epoll", 1);
              return run_default_reactor(BackendKind::kEpoll);
            }),
            0);
  EXPECT_EQ(in_child([] {
              if (!probe_uring()) return 0;
              ::setenv("CAIRN_IO", "io_uring", 1);
              return run_default_reactor(BackendKind::kIoUring);
            }),
            0);
  EXPECT_EQ(in_child([] {
              ::setenv("CAIRN_IO", "iouring", 1);
              const auto reactor = Reactor::create({});
              return !reactor && reactor.error().code == Code::kInvalidArgument ? 0 : 1;
            }),
            0);
}

Task<void> receive_ping(Stream& stream, int& received) {
  const Result<Buffer> got = co_await stream.receive_some(soon());
  EXPECT_TRUE(got) << got.error().message;
  if (got && as_text(got->view()) == "ping") ++received;
}

Task<Status> accept_and_receive(int& received) {
  auto listener = co_await or_return(system_network().listen({.host = "127.0.0.1", .port = 0}, {}));
  for (int i = 0; i < 3; ++i) {
    auto client = co_await or_return(system_network().connect(listener->local(), soon()));
    auto server = co_await or_return(listener->accept(soon()));
    Scope scope;
    scope.spawn(receive_ping(*server, received));
    const BytesView pieces[] = {as_bytes("ping")};
    const Status sent = co_await client->send(pieces, soon());
    EXPECT_TRUE(sent);
    co_await scope.join();
    co_await client->close();
    co_await server->close();
  }
  co_await listener->close();
  co_return Status();
}

TEST(Probe, WorksWithoutTheNewerFeatures) {
  const Result<UringFeatures> found = probe_uring();
  if (!found) GTEST_SKIP() << found.error().message;
  for (const bool defer : {false, true}) {
    for (const bool coop : {false, true}) {
      for (const bool ring : {false, true}) {
        UringFeatures features = *found;
        features.defer_taskrun &= defer;
        features.coop_taskrun &= coop;
        features.buffer_ring &= ring;
        SCOPED_TRACE(features.to_string());
        auto reactor = Reactor::create_with({}, [features](const BackendParts& parts) {
          return UringBackend::create(parts, features);
        });
        ASSERT_TRUE(reactor) << reactor.error().message;
        int received = 0;
        const Status done = (*reactor)->run(accept_and_receive(received));
        EXPECT_TRUE(done) << done.error().message;
        EXPECT_EQ(received, 3);
      }
    }
  }
}

}  // namespace
}  // namespace cairn::io
