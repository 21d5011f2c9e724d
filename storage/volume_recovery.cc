// Volume::recover(): rebuilds the index from the log files of a directory.
#include <algorithm>
#include <array>

#include "base/encoding.h"
#include "base/log.h"
#include "storage/chunk_index.h"
#include "storage/log_recovery.h"
#include "storage/volume.h"

namespace cairn::storage {
namespace {

constexpr std::string_view kProbeName = "PROBE.tmp";

bool is_kept_name(std::string_view name) {
  return name == "FORMAT" || name == "lock" || name == "quarantine" || name == "lost+found";
}

// The header of a log file whose header block is damaged: everything in it stands in the file's
// name and the volume's FORMAT, and the first record that is left proves that name and content
// belong together. kCorruption when no such record is there.
io::Task<Result<LogHeader>> rebuilt_header(io::File& file, std::string name, RandomId store_id) {
  LogHeader header = header_of_log_file_name(name);
  header.store_id = store_id;
  const uint64_t offset_bytes = co_await io::or_return(file.next_data(kBlockBytes));
  Buffer block = Buffer::allocate(kBlockBytes);
  block.resize(kBlockBytes);
  co_await io::or_return(file.read_exact(block.span(), round_down(offset_bytes, kBlockBytes)));
  const RecordHeader record = co_await io::or_return(decode_record_header(block.view()));
  if (record.log_id != header.log_id) {
    co_return fail(Code::kCorruption, "its first record belongs to another log file");
  }
  co_return header;
}

}  // namespace

io::Task<void> Volume::look_at_holes() {
  const std::string path = path_of(std::string(kProbeName));
  Result<std::unique_ptr<io::File>> file = co_await context_.files.open(
      path, {.write = true, .create = true, .direct = true, .truncate = true});
  if (file) {
    holes_ = co_await probe_holes(**file);
    co_await (*file)->close();
    // One that stays is removed by the next start.
    (void)co_await context_.files.unlink(path);
  }
  if (holes_ == Holes::kExact) co_return;
  log::warning("storage.holes_are_coarse",
               {{"directory", directory_},
                {"message",
                 "blocks of 4 KiB do not become holes here: every start looks at the "
                 "header of each chunk"}});
}

io::Task<Status> Volume::recover() {
  co_await look_at_holes();
  const std::vector<std::string> names = co_await io::or_return(context_.files.list(directory_));
  std::vector<Found> found;
  for (const std::string& name : names) {
    if (is_kept_name(name)) continue;
    Status recovered = co_await recover_file(name, found);
    if (!recovered) co_return std::unexpected(recovered.error().with_context(name));
  }
  // All files are indexed now, so a footer written here lists exactly what is live.
  for (Found& file : found) {
    if (file.sealed) {
      if (file.log->remove_live()) co_await give_up(file.log);
      continue;
    }
    Status sealed = co_await seal(file.log, file.end_bytes);
    if (!sealed) {
      log::warning("storage.footer_not_written",
                   {{"file", file.log->path()}, {"error", sealed.error().message}});
    }
  }
  co_return Status{};
}

io::Task<Status> Volume::recover_file(std::string name, std::vector<Found>& found) {
  if (name == "FORMAT.tmp" || name == kProbeName) {
    Status removed = co_await context_.files.unlink(path_of(name));
    co_return removed;
  }
  if (!is_log_file_name(name)) {
    Status moved = co_await quarantine(name, "its name is unknown");
    co_return moved;
  }
  Result<std::shared_ptr<LogFile>> opened = co_await open_log(name);
  if (!opened) {
    if (opened.error().code != Code::kCorruption) co_return std::unexpected(opened.error());
    Status moved = co_await quarantine(name, opened.error().message);
    co_return moved;
  }
  if (*opened == nullptr) co_return Status{};
  Found file{.log = *opened};
  Result<RecoveredLog> recovered = co_await recover_log(*file.log, holes_, context_.counters);
  if (!recovered) co_return std::unexpected(recovered.error());
  file.sealed = recovered->sealed;
  file.end_bytes = recovered->end_bytes;
  // What a killed process wrote without having flushed it is found as well, and puts may rest on
  // what is found: it is made durable first. A flush that fails is no store to begin with.
  if (!file.sealed) co_await io::or_return(file.log->file().sync_data());
  std::vector<Location> duplicates;
  Status adopted = co_await adopt(file, std::move(recovered->records), duplicates);
  // The older one may lie on another volume.
  for (const Location& duplicate : duplicates) co_await duplicate.log->volume().drop(duplicate);
  found.push_back(std::move(file));
  co_return adopted;
}

// Two live records of one id remain when a crash loses the hole of the older one. The newer file's
// is kept: files are read in the order of their creation.
io::Task<Status> Volume::adopt(Found& found, std::vector<FooterEntry> records,
                               std::vector<Location>& duplicates) {
  for (const FooterEntry& record : records) {
    const Location location{found.log, record.offset_bytes, record.payload_bytes,
                            record.header_bytes};
    if (context_.index.insert_recovered(record.chunk, location)) continue;
    duplicates.push_back(context_.index.exchange(record.chunk, location));
  }
  co_return Status{};
}

// Null when the file holds no data at all: a crash came before its header was durable.
io::Task<Result<std::shared_ptr<LogFile>>> Volume::open_log(std::string name) {
  const std::string path = path_of(name);
  std::unique_ptr<io::File> file =
      co_await io::or_return(context_.files.open(path, {.write = true, .direct = true}));
  Buffer block = Buffer::allocate(kBlockBytes);
  block.resize(kBlockBytes);
  Status read = co_await file->read_exact(block.span(), 0);
  Result<LogHeader> header = fail(Code::kCorruption, "the log file is shorter than its header");
  if (read) header = decode_log_header(block.view());
  if (!read && read.error().code != Code::kOutOfRange) header = std::unexpected(read.error());
  if (read && !header && header.error().code == Code::kCorruption) {
    Result<LogHeader> rebuilt = co_await rebuilt_header(*file, name, format_.store_id);
    if (rebuilt) {
      StoreCounters::add(context_.counters.checksum_failures);
      log::error("storage.log_header_damaged",
                 {{"file", path}, {"reason", header.error().message}});
      header = std::move(rebuilt);
    }
  }
  if (header && (header->store_id != format_.store_id || log_file_name(*header) != name)) {
    header = fail(Code::kCorruption, "the log file belongs to another store or has another name");
  }
  if (header) {
    next_creation_sequence_ =
        std::max(next_creation_sequence_.load(), header->creation_sequence + 1);
    auto log = std::make_shared<LogFile>(*this, std::move(file), path, *header);
    log->add_live();
    const std::lock_guard guard(mutex_);
    logs_.push_back(log);
    co_return log;
  }
  const Result<uint64_t> data = co_await file->next_data(0);
  co_await file->close();
  if (header.error().code != Code::kCorruption) co_return std::unexpected(header.error());
  if (data || data.error().code != Code::kNotFound) co_return std::unexpected(header.error());
  co_await io::or_return(context_.files.unlink(path));
  co_return nullptr;
}

io::Task<Status> Volume::quarantine(std::string name, std::string reason) {
  const std::string directory = path_of("quarantine");
  co_await io::or_return(context_.files.create_directories(directory));
  // A suffix, because a file of that name may lie there already.
  std::array<uint8_t, 4> suffix;
  context_.random.fill(suffix);
  const std::string target = directory + "/" + name + "." + to_hex(suffix);
  co_await io::or_return(context_.files.rename(path_of(name), target));
  co_await io::or_return(context_.files.sync_directory(directory));
  co_await io::or_return(context_.files.sync_directory(directory_));
  StoreCounters::add(context_.counters.quarantined_files);
  log::error("storage.file_quarantined",
             {{"directory", directory_}, {"file", name}, {"reason", reason}});
  co_return Status{};
}

}  // namespace cairn::storage
