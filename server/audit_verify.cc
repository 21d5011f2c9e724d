#include "server/audit_verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "base/log.h"

namespace cairn::server {
namespace {

// Walks the files in order; stops at the first thing that is wrong.
class Verifier {
 public:
  Verifier(const crypto::SecretKey& key, const AuditAnchor& anchor)
      : anchor_(anchor), chain_(key, {}) {}

  Status take_file(const std::string& directory, const std::string& name, bool is_last) {
    const Result<std::string> text = read_audit_file(directory + "/" + name);
    if (!text) return std::unexpected(text.error());
    ++report_.files_count;
    take_lines(name, *text, is_last);
    return {};
  }

  AuditReport finish() {
    if (report_.intact && chain_.end().sequence < anchor_.end.sequence) {
      broken({}, 0,
             fmt::format("lines {} to {} are missing at the end", chain_.end().sequence + 1,
                         anchor_.end.sequence));
    }
    report_.last_sequence = chain_.end().sequence;
    return std::move(report_);
  }
  bool intact() const { return report_.intact; }

 private:
  void broken(const std::string& file, uint64_t line, std::string problem) {
    report_.intact = false;
    report_.file = file;
    report_.line = line;
    report_.problem = std::move(problem);
  }

  // The chain begins where the first file says; its first line proves that.
  bool begin(const std::string& name, std::string_view first_line) {
    const uint64_t first = *parse_audit_file_name(name);
    if (report_.files_count > 1) {
      if (first == chain_.end().sequence + 1) return true;
      broken(name, 0,
             fmt::format("begins with line {} where line {} was due: lines are missing", first,
                         chain_.end().sequence + 1));
      return false;
    }
    report_.first_sequence = first;
    // An older file than the anchor says is one whose removal a crash cut short.
    if (first > anchor_.first_sequence) {
      broken(name, 0,
             fmt::format("lines {} to {} are missing at the beginning", anchor_.first_sequence,
                         first - 1));
      return false;
    }
    const std::optional<AuditMac> previous = previous_of(first_line);
    if (!previous) {
      broken(name, 1, "the file does not begin with its head");
      return false;
    }
    chain_.restart({first - 1, *previous});
    return true;
  }

  void take_lines(const std::string& name, std::string_view rest, bool is_last) {
    for (uint64_t line = 1; !rest.empty(); ++line) {
      const size_t end = rest.find('\n');
      if (end == std::string_view::npos) {
        take_torn(name, line, rest.size(), is_last);
        return;
      }
      if (line == 1 && !begin(name, rest.substr(0, end))) return;
      if (!chain_.accept(rest.substr(0, end))) {
        return broken(name, line, "does not continue the chain: altered, removed or inserted");
      }
      ++report_.lines_count;
      if (chain_.end().sequence == anchor_.end.sequence && chain_.end() != anchor_.end) {
        return broken(name, line, "is not the line that the catalog knows");
      }
      rest.remove_prefix(end + 1);
    }
  }

  void take_torn(const std::string& name, uint64_t line, uint64_t size_bytes, bool is_last) {
    report_.torn_bytes = size_bytes;
    if (!is_last) broken(name, line, "the line is cut short");
  }

  const AuditAnchor& anchor_;
  AuditChain chain_;
  AuditReport report_;
};

}  // namespace

Result<std::vector<std::string>> list_audit_files(const std::string& directory) {
  std::error_code error;
  std::vector<std::string> names;
  for (std::filesystem::directory_iterator at(directory, error), end; !error && at != end;
       at.increment(error)) {
    std::string name = at->path().filename().string();
    if (parse_audit_file_name(name)) names.push_back(std::move(name));
  }
  if (error) return fail(Code::kNotFound, "cannot list " + directory + ": " + error.message());
  std::ranges::sort(names);
  return names;
}

Result<std::string> read_audit_file(const std::string& path) {
  std::error_code error;
  const uint64_t size = std::filesystem::file_size(path, error);
  if (error) return fail(Code::kNotFound, "cannot read " + path + ": " + error.message());
  if (size > kAuditFileBytesMax) return fail(Code::kCorruption, path + " is too large");
  std::string text(size, '\0');
  std::ifstream file(path, std::ios::binary);
  if (!file.read(text.data(), static_cast<std::streamsize>(size))) {
    return fail(Code::kIo, "cannot read " + path);
  }
  return text;
}

Result<AuditReport> verify_audit(const std::string& directory, const crypto::SecretKey& key,
                                 const AuditAnchor& anchor) {
  const Result<std::vector<std::string>> names = list_audit_files(directory);
  if (!names) return std::unexpected(names.error());
  Verifier verifier(key, anchor);
  for (size_t i = 0; i < names->size() && verifier.intact(); ++i) {
    const Status taken = verifier.take_file(directory, (*names)[i], i + 1 == names->size());
    if (!taken) return std::unexpected(taken.error());
  }
  return verifier.finish();
}

std::string to_json(const AuditReport& report) {
  std::string text = fmt::format(
      "{{\"intact\":{},\"files\":{},\"lines\":{},\"first\":{},\"last\":{},\"torn_bytes\":{}",
      report.intact, report.files_count, report.lines_count, report.first_sequence,
      report.last_sequence, report.torn_bytes);
  if (!report.intact) {
    text += ",\"file\":\"";
    log::append_json_escaped(text, report.file);
    text += fmt::format("\",\"line\":{},\"problem\":\"", report.line);
    log::append_json_escaped(text, report.problem);
    text += '"';
  }
  return text + "}\n";
}

}  // namespace cairn::server
