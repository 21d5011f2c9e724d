#include "storage/volume.h"

#include <algorithm>

#include "base/assert.h"
#include "base/log.h"
#include "io/reactor.h"
#include "storage/chunk_index.h"
#include "storage/log_recovery.h"
#include "storage/log_writer.h"

namespace cairn::storage {
namespace {

constexpr std::string_view kFormatName = "FORMAT";
constexpr std::string_view kFormatDraftName = "FORMAT.tmp";
constexpr std::string_view kLockName = "lock";
constexpr std::string_view kQuarantineName = "quarantine";

// What ext4 and its like put into the root of a file system.
constexpr std::string_view kLostAndFoundName = "lost+found";

bool is_own_name(std::string_view name) {
  return name == kFormatName || name == kFormatDraftName || name == kLockName ||
         name == kQuarantineName || name == kLostAndFoundName;
}

}  // namespace

Volume::Volume(VolumeContext& context, std::string directory)
    : context_(context), directory_(std::move(directory)) {}

Volume::~Volume() {
  ASSERT(logs_.empty());
}

io::Task<Result<std::unique_ptr<Volume>>> Volume::open(VolumeContext& context,
                                                       std::string directory) {
  std::unique_ptr<Volume> volume(new Volume(context, std::move(directory)));
  co_await io::or_return(context.files.create_directories(volume->directory_));
  volume->lock_ =
      co_await io::or_return(context.files.lock(volume->path_of(std::string(kLockName))));
  co_await io::or_return(volume->read_format());
  co_await io::or_return(volume->refresh_space());
  co_return volume;
}

io::Task<Status> Volume::read_format() {
  Result<std::unique_ptr<io::File>> file =
      co_await context_.files.open(path_of(std::string(kFormatName)), {});
  if (!file && file.error().code == Code::kNotFound) co_return Status{};
  if (!file) co_return std::unexpected(file.error());
  Buffer block = Buffer::allocate(kBlockBytes);
  block.resize(kBlockBytes);
  Status read = co_await (*file)->read_exact(block.span(), 0);
  co_await (*file)->close();
  if (!read && read.error().code == Code::kOutOfRange) {
    co_return fail(Code::kCorruption, "the volume's FORMAT is too short");
  }
  if (!read) co_return read;
  format_ = co_await io::or_return(decode_volume_format(block.view()));
  has_format_ = true;
  co_return Status{};
}

io::Task<Status> Volume::write_format(VolumeFormat format) {
  if (!has_format_) {
    const std::vector<std::string> names = co_await io::or_return(context_.files.list(directory_));
    if (!std::ranges::all_of(names, is_own_name)) {
      co_return fail(Code::kFailedPrecondition,
                     "it holds files but no FORMAT: not a volume, and not empty either");
    }
  }
  const std::string draft = path_of(std::string(kFormatDraftName));
  std::unique_ptr<io::File> file = co_await io::or_return(
      context_.files.open(draft, {.write = true, .create = true, .truncate = true}));
  Buffer block = Buffer::allocate(kBlockBytes);
  block.resize(kBlockBytes);
  encode(format, block.span());
  Status written = co_await file->write_all(block.view(), 0);
  if (written) written = co_await file->sync_data();
  co_await file->close();
  if (!written) co_return written;
  co_await io::or_return(context_.files.rename(draft, path_of(std::string(kFormatName))));
  co_await io::or_return(context_.files.sync_directory(directory_));
  format_ = format;
  has_format_ = true;
  co_return Status{};
}

io::Task<Status> Volume::start_log(io::File& file, const LogHeader& header,
                                   uint64_t capacity_bytes) {
  co_await io::or_return(file.allocate(0, std::min(capacity_bytes, kPreallocationBytes)));
  Buffer block = Buffer::allocate(kBlockBytes);
  block.resize(kBlockBytes);
  encode(header, block.span());
  co_await io::or_return(file.write_all(block.view(), 0));
  co_await io::or_return(file.sync_data());
  Status synced = co_await context_.files.sync_directory(directory_);
  co_return synced;
}

io::Task<Result<std::shared_ptr<LogFile>>> Volume::create_log(uint64_t* capacity_bytes) {
  if (read_only()) {
    co_return fail(Code::kUnavailable, "volume " + directory_ + " is read-only after failures");
  }
  const io::SpaceInfo space = co_await io::or_return(refresh_space());
  const uint64_t available =
      space.available_bytes - std::min(space.available_bytes, context_.reserve_bytes);
  Status made = fail(Code::kNoSpace, "volume " + directory_ + " is full");
  for (uint64_t bytes = context_.log_file_bytes; bytes >= kLogFileBytesMin; bytes /= 4) {
    if (bytes > available) continue;
    LogHeader header{.log_id = {},
                     .store_id = format_.store_id,
                     .creation_sequence = next_creation_sequence_.fetch_add(1)};
    context_.random.fill(header.log_id);
    const std::string path = path_of(log_file_name(header));
    Result<std::unique_ptr<io::File>> file = co_await context_.files.open(
        path, {.write = true, .create = true, .exclusive = true, .direct = true});
    if (!file) {
      made = std::unexpected(file.error());
      break;
    }
    made = co_await start_log(**file, header, bytes);
    if (made) {
      auto log = std::make_shared<LogFile>(*this, std::move(*file), path, header);
      log->add_live();
      const std::lock_guard guard(mutex_);
      logs_.push_back(log);
      *capacity_bytes = bytes;
      StoreCounters::add(context_.counters.log_files_created);
      co_return log;
    }
    co_await (*file)->close();
    // Its name may be durable already; recovery removes a file without data as well.
    (void)co_await context_.files.unlink(path);
    if (made.error().code != Code::kNoSpace) break;
  }
  if (made.error().code != Code::kNoSpace) note_failure(made.error());
  co_return std::unexpected(made.error().with_context(directory_));
}

io::Task<Status> Volume::extend_log(LogFile& log, uint64_t allocated_bytes,
                                    uint64_t extension_bytes) {
  const io::SpaceInfo space = co_await io::or_return(refresh_space());
  if (space.available_bytes < context_.reserve_bytes + extension_bytes) {
    co_return fail(Code::kNoSpace, "volume " + directory_ + " is full");
  }
  Status extended = co_await log.file().allocate(allocated_bytes, extension_bytes);
  co_return extended;
}

io::Task<void> Volume::give_up(std::shared_ptr<LogFile> log) {
  {
    const std::lock_guard guard(mutex_);
    std::erase(logs_, log);
  }
  Status removed = co_await context_.files.unlink(log->path());
  if (removed) removed = co_await context_.files.sync_directory(directory_);
  if (removed) {
    StoreCounters::add(context_.counters.log_files_removed);
  } else {
    log::warning("storage.log_file_not_removed",
                 {{"file", log->path()}, {"error", removed.error().message}});
  }
  co_await log->release();
  (void)co_await refresh_space();
}

// The header block goes first: were the payload's hole durable without the header's, a crash would
// bring back a record that looks whole and is not.
io::Task<void> Volume::drop(Location location) {
  LogFile& log = *location.log;
  const uint64_t payload_bytes = round_up(location.payload_bytes, kBlockBytes);
  Status punched = co_await log.file().punch_hole(location.offset_bytes, kBlockBytes);
  if (punched && payload_bytes != 0) {
    punched = co_await log.file().punch_hole(location.offset_bytes + kBlockBytes, payload_bytes);
  }
  if (punched) {
    StoreCounters::add(context_.counters.punched_bytes, kBlockBytes + payload_bytes);
  } else {
    log::warning("storage.punch_failed",
                 {{"file", log.path()}, {"error", punched.error().message}});
  }
  if (log.remove_live()) co_await give_up(location.log);
}

io::Task<Status> Volume::write_footer(LogFile& log, uint64_t end_bytes,
                                      std::vector<FooterEntry> records) {
  Buffer footer = Buffer::allocate(footer_bytes(records.size()));
  footer.resize(footer_bytes(records.size()));
  encode_footer(log.header().log_id, end_bytes, records, footer.span());
  co_await io::or_return(log.file().write_all(footer.view(), end_bytes));
  co_await io::or_return(log.file().truncate(end_bytes + footer.size()));
  Status synced = co_await log.file().sync_data();
  co_return synced;
}

io::Task<Status> Volume::seal(std::shared_ptr<LogFile> log, uint64_t end_bytes) {
  std::vector<FooterEntry> records = context_.index.entries_of(log.get());
  Status sealed;
  if (!records.empty()) {
    sealed = co_await write_footer(*log, end_bytes, std::move(records));
    if (!sealed) note_failure(sealed.error());
  }
  if (log->remove_live()) co_await give_up(log);
  co_return sealed;
}

LogWriter& Volume::writer() {
  const std::lock_guard guard(mutex_);
  std::unique_ptr<LogWriter>& writer = writers_[io::Reactor::current().index()];
  if (writer == nullptr) writer = std::make_unique<LogWriter>(*this);
  return *writer;
}

void Volume::note_failure(const Error& error) {
  if (error.code == Code::kNoSpace || error.code == Code::kResourceExhausted) return;
  if (failures_in_a_row_.fetch_add(1) + 1 < kFailuresUntilReadOnly) return;
  if (read_only_.exchange(true)) return;
  log::error("storage.volume_read_only", {{"directory", directory_}, {"error", error.message}});
}

io::Task<Result<io::SpaceInfo>> Volume::refresh_space() {
  const io::SpaceInfo space = co_await io::or_return(context_.files.space(directory_));
  available_bytes_ =
      space.available_bytes - std::min(space.available_bytes, context_.reserve_bytes);
  co_return space;
}

std::vector<std::shared_ptr<LogFile>> Volume::logs() {
  const std::lock_guard guard(mutex_);
  return logs_;
}

io::Task<Result<uint64_t>> Volume::allocated_bytes() {
  uint64_t sum = 0;
  for (const std::shared_ptr<LogFile>& log : logs()) {
    log->acquire();
    Result<uint64_t> bytes = co_await log->file().allocated_bytes();
    co_await log->release();
    if (!bytes) co_return bytes;
    sum += *bytes;
  }
  co_return sum;
}

io::Task<Status> Volume::close() {
  Status closed;
  std::vector<LogWriter*> writers;
  {
    const std::lock_guard guard(mutex_);
    for (const auto& [index, writer] : writers_) writers.push_back(writer.get());
  }
  for (LogWriter* writer : writers) {
    Status ended = co_await writer->close();
    if (!ended && closed) closed = ended;
  }
  std::vector<std::shared_ptr<LogFile>> open_logs;
  {
    const std::lock_guard guard(mutex_);
    open_logs.swap(logs_);
  }
  for (const std::shared_ptr<LogFile>& log : open_logs) co_await log->release();
  lock_.reset();
  co_return closed;
}

}  // namespace cairn::storage
