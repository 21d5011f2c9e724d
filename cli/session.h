// One command's dealings with an S3 server: a reactor on this thread, a client made of flags and
// profile, a console, and Ctrl-C.
//
// The first SIGINT or SIGTERM asks the work to stop (its Until fires, every transfer leaves a state
// that can be resumed) and the command ends with kExitInterrupted; a second one ends the process at
// once. Credentials go to the endpoint of the profile and nowhere else.
#pragma once

#include <functional>

#include "cli/client_flags.h"
#include "cli/console.h"
#include "io/stop.h"
#include "io/task.h"
#include "io/until.h"
#include "transfer/s3_client.h"

namespace cairn::cli {

class Session {
 public:
  struct Parts {
    Console& console;
    transfer::S3Client& s3;
    const Profile& profile;
    const ClientFlags& flags;
  };
  Session(const Parts& parts, io::StopToken stop)
      : console_(parts.console),
        s3_(parts.s3),
        profile_(parts.profile),
        flags_(parts.flags),
        stop_(stop) {}
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  Console& console() { return console_; }
  transfer::S3Client& s3() { return s3_; }
  // Whether uploads may use the native protocol of a Cairn server.
  bool may_use_native() const { return !flags_.is_plain_s3; }
  io::Until until() const { return {.stop = stop_}; }
  bool is_stopped() const { return stop_.stop_requested(); }

  // Shows a failure and counts it for the exit code. Adds what is likely to help.
  void report(const Error& error, std::string_view subject = {});
  void report(const transfer::Failure& failure, std::string_view subject = {});

 private:
  Console& console_;
  transfer::S3Client& s3_;
  const Profile& profile_;
  const ClientFlags& flags_;
  const io::StopToken stop_;
  bool has_told_endpoint_ = false;
};

// Called on the reactor; what went wrong is reported through the session.
using ClientWork = std::function<io::Task<void>(Session& session)>;

// Runs `work` to its end and returns what to tell the shell.
int run_client(const ClientFlags& flags, const ClientWork& work);

// Options for a client of this profile; further clients of the same server are made from them.
Result<transfer::S3ClientOptions> client_options(const Profile& profile, bool is_anonymous);

}  // namespace cairn::cli
