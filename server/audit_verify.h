// Checks the audit log of a data directory against its chain and its anchor.
//
// Thread rule: blocking; any thread. Reads one file of at most kAuditFileBytesMax at a time.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "server/audit_chain.h"

namespace cairn::server {

// A file is turned over beyond this size; the line that reaches it is still in it.
inline constexpr uint64_t kAuditFileBytes = 64 << 20;
// Larger files are not ours.
inline constexpr uint64_t kAuditFileBytesMax = 2 * kAuditFileBytes;

struct AuditReport {
  bool intact = true;
  uint64_t files_count = 0;
  uint64_t lines_count = 0;
  uint64_t first_sequence = 0;
  uint64_t last_sequence = 0;
  uint64_t torn_bytes = 0;  // Of a last line that a crash cut short, or that is being written.
  // Where the chain breaks first; empty when it is intact.
  std::string file;
  uint64_t line = 0;  // From 1; 0 = the file as a whole.
  std::string problem;
};

// Names of the log's files in order. kNotFound when the directory is missing.
Result<std::vector<std::string>> list_audit_files(const std::string& directory);
// kCorruption when it is larger than kAuditFileBytesMax.
Result<std::string> read_audit_file(const std::string& path);

// REQUIRES: `anchor` was read before the call, so that lines written since are beyond it.
Result<AuditReport> verify_audit(const std::string& directory, const crypto::SecretKey& key,
                                 const AuditAnchor& anchor);

std::string to_json(const AuditReport& report);

}  // namespace cairn::server
