// What `cairn` tells the shell.
#pragma once

#include "base/result.h"

namespace cairn::cli {

inline constexpr int kExitDone = 0;
inline constexpr int kExitFailed = 1;    // The command, or a part of it, could not be done.
inline constexpr int kExitUsage = 2;     // Wrong flags or configuration; nothing was done.
inline constexpr int kExitDamaged = 3;   // Damaged objects, files or manifests; altered audit log.
inline constexpr int kExitNotFound = 4;  // No such bucket, object, file or profile.
inline constexpr int kExitPrecondition = 5;   // It exists already, or is not what was expected.
inline constexpr int kExitDenied = 6;         // The server or the system refuses these credentials.
inline constexpr int kExitInterrupted = 130;  // Ctrl-C; what was begun can be resumed.

// One line for help texts.
inline constexpr char kExitCodesHelp[] =
    "Exit codes: 0 done, 1 failed in whole or in part, 2 wrong usage or configuration, 3 damage "
    "found, 4 not found, 5 exists already or precondition failed, 6 access denied, 130 interrupted "
    "(the same command resumes).";

int exit_code_of(Code code);
// Of a running server's answer to an admin command, by its HTTP status.
int exit_code_of_status(int status);

// Sums up the results of many files: one kind of failure keeps its own code when there was nothing
// else, a mixture is kExitFailed; an interruption outweighs all.
class ExitCodeSum {
 public:
  void add(const Error& error);
  // Something was done well: failures beside it are kExitFailed.
  void add_success() { has_success_ = true; }
  int value() const;

 private:
  int code_ = kExitDone;
  bool has_success_ = false;
};

}  // namespace cairn::cli
