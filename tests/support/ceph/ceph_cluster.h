// A real Ceph cluster for tests (ceph_cluster.py makes it: one monitor, one manager, three OSDs on
// loopback). One per program; it goes down when the program ends, however it does.
#pragma once

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>

#include "storage/rados/rados_store.h"
#include "tests/support/temporary_directory.h"

namespace cairn::testing_support {

class CephCluster {
 public:
  static constexpr int kNotInstalled = 77;  // Exit code of the script.

  // Null where Ceph is not installed: then skip. `arguments` are those of `up`, at the first call.
  static CephCluster* shared(const std::string& arguments = "") {
    static const std::unique_ptr<CephCluster> cluster = start(arguments);
    return cluster.get();
  }
  ~CephCluster() { run("down"); }

  storage::RadosPlace place(std::string name_space, std::string pool = "data") const {
    storage::RadosPlace place;
    place.pool = std::move(pool);
    place.name_space = std::move(name_space);
    place.config_path = directory() + "/ceph.conf";
    place.op_timeout = seconds(10);
    return place;
  }
  // A command of the script, which names the directory itself. True when it succeeded.
  bool run(const std::string& command, const std::string& arguments = "") const {
    return exit_code(command, directory(), arguments) == 0;
  }
  // A signal to "osd.0", "mon.a".
  void signal(const std::string& daemon, int number) const {
    const pid_t pid = pid_of(daemon);
    ASSERT_GT(pid, 0) << daemon;
    ASSERT_EQ(::kill(pid, number), 0) << daemon;
  }

 private:
  CephCluster() = default;
  static std::unique_ptr<CephCluster> start(const std::string& arguments) {
    std::unique_ptr<CephCluster> cluster(new CephCluster());
    const int code =
        exit_code("up", cluster->directory(), arguments + " --until " + std::to_string(::getpid()));
    EXPECT_TRUE(code == 0 || code == kNotInstalled) << "the script ended with " << code;
    return code == 0 ? std::move(cluster) : nullptr;
  }
  static int exit_code(const std::string& command, const std::string& directory,
                       const std::string& arguments) {
    const char* const script = std::getenv("CAIRN_CEPH_SCRIPT");
    if (script == nullptr) return kNotInstalled;
    const std::string line = "/usr/bin/python3 '" + std::string(script) + "' " + command + " '" +
                             directory + "' " + arguments + " >/dev/null";
    const int status = std::system(line.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  std::string directory() const { return directory_.sub("c"); }
  pid_t pid_of(const std::string& daemon) const {
    std::ifstream file(directory() + "/run/" + daemon + ".pid");
    pid_t pid = 0;
    file >> pid;
    std::ifstream command("/proc/" + std::to_string(pid) + "/cmdline");
    std::string words((std::istreambuf_iterator<char>(command)), std::istreambuf_iterator<char>());
    return words.contains(directory()) ? pid : 0;
  }

  TemporaryDirectory directory_;
};

}  // namespace cairn::testing_support
