#include "transfer/native_upload.h"

#include <utility>

#include "base/encoding.h"
#include "crypto/digest.h"
#include "transfer/journal.h"
#include "transfer/native_workers.h"
#include "transfer/s3_call.h"

namespace cairn::transfer {
namespace {

constexpr std::string_view kEncryptionPrefix = "x-amz-server-side-encryption";
constexpr std::string_view kStorageClassHeader = "x-amz-storage-class";
constexpr Duration kAbortPatience = seconds(10);

// What the chunks are sealed under, and where they go.
std::vector<HeaderPair> chunk_headers(const std::vector<HeaderPair>& headers) {
  std::vector<HeaderPair> out;
  for (const HeaderPair& header : headers) {
    const std::string_view name =
        std::string_view(header.first).substr(0, kEncryptionPrefix.size());
    if (http::equals_ignoring_case(name, kEncryptionPrefix) ||
        http::equals_ignoring_case(header.first, kStorageClassHeader)) {
      out.push_back(header);
    }
  }
  return out;
}

// Conditions are checked at once, and again at the commit.
std::vector<HeaderPair> begin_headers(const UploadJob& job) {
  std::vector<HeaderPair> out = chunk_headers(job.headers);
  detail::add_conditions(out, job.conditions);
  return out;
}

std::vector<HeaderPair> commit_headers(const UploadJob& job) {
  std::vector<HeaderPair> out = job.headers;
  detail::add_conditions(out, job.conditions);
  return out;
}

// Where the session of an unfinished upload is noted.
std::string journal_path(const std::string& directory, const std::string& endpoint,
                         const UploadJob& job) {
  if (directory.empty()) return {};
  RecordWriter name;
  name.text(endpoint).text(job.bucket).text(job.key).text(job.path);
  return directory + "/" + to_hex(crypto::sha256(name.view())) + ".native";
}

// Which state of which file the session is of.
Bytes subject_of(const UploadJob& job, const io::FileStatus& status) {
  RecordWriter out;
  out.text("native").text(job.bucket).text(job.key);
  out.number(status.size_bytes).number(static_cast<uint64_t>(status.modified_ns));
  out.number(status.inode);
  for (const auto& [name, value] : chunk_headers(job.headers)) out.text(name).text(value);
  return Bytes(out.view().begin(), out.view().end());
}

// One file.
class NativeUpload {
 public:
  NativeUpload(Crew& crew, const UploadJob& job, Meter& meter, io::File& file,
               io::FileStatus status, std::string journal)
      : crew_(crew),
        job_(job),
        meter_(meter),
        file_(file),
        status_(status),
        journal_path_(std::move(journal)),
        session_(job.bucket, job.key) {}

  // Finds the session of an earlier run, or begins one. False where there is no such door.
  io::Task<S3Result<bool>> open();
  io::Task<S3Result<UploadReport>> run();

 private:
  io::Task<S3Result<bool>> resume();
  io::Task<void> note_session();
  io::Task<S3Result<PutResult>> send_and_commit();
  io::Task<void> give_up();
  io::Until until() const { return {.stop = crew_.stop_token(0)}; }

  Crew& crew_;
  const UploadJob& job_;
  Meter& meter_;
  io::File& file_;
  const io::FileStatus status_;
  const std::string journal_path_;
  NativeSession session_;
  std::set<PieceName> held_;
  UploadReport report_;
};

io::Task<S3Result<bool>> NativeUpload::resume() {
  if (journal_path_.empty()) co_return false;
  const Result<std::vector<Bytes>> records = co_await Journal::read(crew_.files(), journal_path_);
  if (!records || records->size() != 2 || records->front() != subject_of(job_, status_)) {
    co_return false;
  }
  RecordReader in(records->back());
  std::string session = in.text();
  if (!in.is_whole() || session.empty()) co_return false;
  std::optional<std::vector<PieceName>> held = co_await or_fail(
      session_.resume(crew_.client(), std::move(session), status_.size_bytes, until()));
  if (!held) co_return false;
  held_.insert(held->begin(), held->end());
  co_return true;
}

// A hint: without it the next run begins anew.
io::Task<void> NativeUpload::note_session() {
  if (journal_path_.empty()) co_return;
  RecordWriter id;
  id.text(session_.id());
  std::vector<Bytes> records;
  records.push_back(subject_of(job_, status_));
  records.emplace_back(id.view().begin(), id.view().end());
  const size_t slash = journal_path_.rfind('/');
  (void)co_await crew_.files().create_directories(journal_path_.substr(0, slash));
  Result<std::unique_ptr<Journal>> journal =
      co_await Journal::create(crew_.files(), journal_path_, std::move(records));
  if (journal) co_await (*journal)->close();
}

io::Task<S3Result<bool>> NativeUpload::open() {
  const bool resumed = co_await or_fail(resume());
  if (resumed) co_return true;
  const bool begun = co_await or_fail(
      session_.begin(crew_.client(), status_.size_bytes, begin_headers(job_), until()));
  if (begun) co_await note_session();
  co_return begun;
}

io::Task<S3Result<UploadReport>> NativeUpload::run() {
  S3Result<PutResult> done = co_await send_and_commit();
  if (!done) {
    // Without a note nobody can go on from here; a changed file makes the chunks worthless, and a
    // condition that does not hold will not hold for the rest either.
    const bool is_lost = done.error().error.code == Code::kFailedPrecondition;
    if (journal_path_.empty() || is_lost) co_await give_up();
    co_return std::unexpected(std::move(done.error()));
  }
  if (!journal_path_.empty()) (void)co_await crew_.files().unlink(journal_path_);
  report_.etag = std::move(done->etag);
  report_.version_id = std::move(done->version_id);
  report_.size_bytes = status_.size_bytes;
  co_return std::move(report_);
}

io::Task<S3Result<PutResult>> NativeUpload::send_and_commit() {
  ChunkSupply supply(file_, status_.size_bytes, NativeWorkers::chunks_in_memory(crew_.size()));
  NativeWorkers workers(crew_, supply, session_, meter_, std::move(held_));
  co_await workers.run();
  const io::FileStatus now = co_await or_fail(file_.status());
  if (now != status_) {
    co_return std::unexpected(
        Failure(Error{Code::kFailedPrecondition,
                      job_.path + " was changed while it was uploaded; nothing was stored"}));
  }
  if (crew_.stop_requested()) {
    co_return std::unexpected(Failure(Error{
        Code::kCancelled, "stopped; what was sent is kept and the next upload goes on from it"}));
  }
  if (std::optional<Failure> failure = supply.failure()) co_return std::unexpected(*failure);
  const NativeCounts counts = workers.counts();
  report_.resumed_bytes = counts.resumed_bytes;
  report_.deduplicated_bytes = counts.deduplicated_bytes;
  if (counts.deduplicated_bytes == status_.size_bytes) {
    std::swap(report_.instant_bytes, report_.deduplicated_bytes);
  }
  S3Result<PutResult> done =
      co_await session_.commit(crew_.client(), workers.names(), commit_headers(job_), until());
  co_return done;
}

io::Task<void> NativeUpload::give_up() {
  const io::Until patience{.deadline = io::Reactor::current().now() + kAbortPatience};
  (void)co_await session_.abort(crew_.client(), patience);
  if (!journal_path_.empty()) (void)co_await crew_.files().unlink(journal_path_);
}

}  // namespace

io::Task<S3Result<std::optional<UploadReport>>> NativeDoor::upload_file(Crew& crew,
                                                                        const UploadJob& job,
                                                                        Meter& meter,
                                                                        io::File& file) {
  const io::FileStatus status = co_await or_fail(file.status());
  const bool fits = status.size_bytes > kSinglePutBytesMax && status.size_bytes <= kNativeBytesMax;
  if (!fits) co_return std::optional<UploadReport>();
  NativeUpload one(crew, job, meter, file, status,
                   journal_path(options_.journal_directory, crew.client().options().endpoint, job));
  const bool opened = co_await or_fail(one.open());
  if (!opened) {
    is_absent_ = true;
    co_return std::optional<UploadReport>();
  }
  UploadReport report = co_await or_fail(one.run());
  co_return std::optional(std::move(report));
}

io::Task<S3Result<std::optional<UploadReport>>> NativeDoor::upload(Crew& crew, UploadJob job,
                                                                   Meter& meter, io::Until) {
  const bool may_be_there = !is_absent_ && !crew.client().options().endpoint.empty();
  if (!may_be_there) co_return std::optional<UploadReport>();
  std::unique_ptr<io::File> file = co_await or_fail(crew.files().open(job.path, {}));
  S3Result<std::optional<UploadReport>> done = co_await upload_file(crew, job, meter, *file);
  co_await file->close();
  co_return done;
}

}  // namespace cairn::transfer
