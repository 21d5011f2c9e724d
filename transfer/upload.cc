#include "transfer/upload.h"

#include <algorithm>
#include <map>

#include "crypto/crc64.h"
#include "transfer/part_sender.h"
#include "transfer/repeat.h"

namespace cairn::transfer {
namespace {

Failure changed(const std::string& path) {
  return Failure(Error{Code::kFailedPrecondition,
                       path + " was changed while it was uploaded; nothing was stored"});
}

Failure stopped() {
  return Failure(Error{Code::kCancelled,
                       "stopped; the parts that were sent are kept and the next upload goes on "
                       "from them"});
}

// One multipart upload of one open file.
class Upload {
 public:
  Upload(Crew& crew, const UploadJob& job, const UploadOptions& options, Meter& meter,
         io::File& file, io::FileStatus status)
      : crew_(crew),
        job_(job),
        options_(options),
        meter_(meter),
        file_(file),
        status_(status),
        part_bytes_(part_bytes_of(status.size_bytes)),
        journal_path_(UploadJournal::path_of(options.journal_directory,
                                             crew.client().options().endpoint, job)) {}

  io::Task<S3Result<UploadReport>> run();

 private:
  io::Task<void> find_earlier();
  io::Task<S3Result<bool>> server_has(std::string upload_id, std::vector<SentPart>& parts);
  io::Task<S3Result<PutResult>> complete();
  io::Task<S3Result<PutResult>> send_and_complete();
  io::Task<void> give_up();

  Crew& crew_;
  const UploadJob& job_;
  const UploadOptions& options_;
  Meter& meter_;
  io::File& file_;
  const io::FileStatus status_;
  const uint64_t part_bytes_;
  const std::string journal_path_;
  std::string upload_id_;
  std::vector<SentPart> parts_;  // At the server; those of an earlier run at first.
  std::unique_ptr<UploadJournal> journal_;
  UploadReport report_;
};

// Keeps of `parts` those that the server has with this ETag and size. False when it does not know
// the upload any more.
io::Task<S3Result<bool>> Upload::server_has(std::string upload_id, std::vector<SentPart>& parts) {
  std::map<uint32_t, PartEntry> there;
  uint32_t marker = 0;
  do {
    S3Result<PartsPage> page = co_await crew_.client().list_parts(
        job_.bucket, job_.key, upload_id, marker, {.stop = crew_.stop_token(0)});
    if (!page && page.error().status == 404) co_return false;
    if (!page) co_return std::unexpected(std::move(page.error()));
    for (PartEntry& part : page->parts) there[part.number] = std::move(part);
    if (page->next_marker <= marker) break;
    marker = page->next_marker;
  } while (there.size() <= kPartsMax);
  std::erase_if(parts, [&](const SentPart& part) {
    const auto found = there.find(part.number);
    return found == there.end() || found->second.etag != part.etag ||
           found->second.size_bytes != part.size_bytes;
  });
  co_return true;
}

io::Task<void> Upload::find_earlier() {
  UploadJournal::Found found =
      co_await UploadJournal::find(crew_.files(), journal_path_, job_, status_);
  if (found.upload_id.empty()) co_return;
  const S3Result<bool> known = co_await server_has(found.upload_id, found.parts);
  if (!known || !*known) co_return;
  upload_id_ = std::move(found.upload_id);
  parts_ = std::move(found.parts);
}

io::Task<S3Result<UploadReport>> Upload::run() {
  co_await find_earlier();
  if (upload_id_.empty()) {
    const auto begin = [this] {
      return crew_.client().create_upload(job_.bucket, job_.key, job_.headers,
                                          {.stop = crew_.stop_token(0)});
    };
    upload_id_ = co_await or_fail(with_repeats(crew_.stop_token(0), begin));
  }
  journal_ = co_await UploadJournal::create(crew_.files(), journal_path_, job_, status_, upload_id_,
                                            parts_);
  S3Result<PutResult> done = co_await send_and_complete();
  if (journal_ != nullptr) co_await journal_->close();
  if (!done) {
    // Without a journal nobody can go on from here; a changed file makes the parts worthless.
    const bool is_lost = done.error().error.code == Code::kFailedPrecondition;
    if (journal_ == nullptr || is_lost) co_await give_up();
    co_return std::unexpected(std::move(done.error()));
  }
  if (journal_ != nullptr) (void)co_await crew_.files().unlink(journal_path_);
  report_.etag = std::move(done->etag);
  report_.version_id = std::move(done->version_id);
  report_.size_bytes = status_.size_bytes;
  co_return std::move(report_);
}

io::Task<S3Result<PutResult>> Upload::send_and_complete() {
  std::vector<DonePiece> there;
  for (const SentPart& part : parts_) {
    there.push_back({{(part.number - 1) * part_bytes_, part.size_bytes}, part.crc64});
  }
  RangePlan plan(status_.size_bytes, there);
  report_.resumed_bytes = plan.done_bytes();
  meter_.add_resumed(report_.resumed_bytes);
  meter_.add_done(report_.resumed_bytes);
  PartSender sender({crew_, job_, options_, file_, plan, meter_, journal_.get()}, upload_id_,
                    part_bytes_);
  co_await sender.run();
  report_.instant_bytes = sender.instant_bytes();
  for (SentPart& part : sender.take_sent()) parts_.push_back(std::move(part));
  const io::FileStatus now = co_await or_fail(file_.status());
  if (now != status_) co_return std::unexpected(changed(job_.path));
  if (crew_.stop_requested()) co_return std::unexpected(stopped());
  if (plan.has_failed()) co_return std::unexpected(*plan.failure());
  S3Result<PutResult> done = co_await complete();
  co_return done;
}

io::Task<S3Result<PutResult>> Upload::complete() {
  std::ranges::sort(parts_, {}, &SentPart::number);
  std::vector<PartEntry> entries;
  uint64_t crc = 0;
  for (const SentPart& part : parts_) {
    entries.push_back({.number = part.number, .etag = part.etag, .size_bytes = part.size_bytes});
    crc = crypto::combine_crc_words(crypto::kCrc64NvmePolynomial, crc, part.crc64, part.size_bytes);
  }
  const auto finish = [&] {
    return crew_.client().complete_upload(job_.bucket, job_.key, upload_id_, entries, crc,
                                          job_.conditions, {.stop = crew_.stop_token(0)});
  };
  S3Result<PutResult> done = co_await with_repeats(crew_.stop_token(0), finish);
  if (done || done.error().code != "NoSuchUpload") co_return done;
  // The answer to an earlier attempt may have been lost: then the object is there.
  const S3Result<ObjectInfo> there =
      co_await crew_.client().head(job_.bucket, job_.key, "", {.stop = crew_.stop_token(0)});
  const bool is_ours = there && there->size_bytes == status_.size_bytes && there->crc64_nvme == crc;
  if (!is_ours) co_return done;
  co_return PutResult{.etag = there->etag, .version_id = there->version_id};
}

io::Task<void> Upload::give_up() {
  constexpr Duration kPatience = seconds(10);
  const io::Until until{.deadline = io::Reactor::current().now() + kPatience};
  (void)co_await crew_.client().abort_upload(job_.bucket, job_.key, upload_id_, until);
  if (journal_ != nullptr) (void)co_await crew_.files().unlink(journal_path_);
}

io::Task<S3Result<UploadReport>> upload_parts(Crew& crew, const UploadJob& job,
                                              const UploadOptions& options, Meter& meter,
                                              io::File& file) {
  const io::FileStatus status = co_await or_fail(file.status());
  if (status.size_bytes > kObjectBytesMax) {
    co_return std::unexpected(
        Failure(Error{Code::kOutOfRange, job.path + " is larger than 5 TiB, S3's largest object"}));
  }
  Upload one(crew, job, options, meter, file, status);
  S3Result<UploadReport> done = co_await one.run();
  co_return done;
}

}  // namespace

io::Task<S3Result<UploadReport>> upload_whole(Crew& crew, size_t member, UploadJob job,
                                              Meter& meter) {
  const io::FileContents contents =
      co_await or_fail(crew.files().read_file(job.path, static_cast<size_t>(kSinglePutBytesMax)));
  const UploadBody body{.bytes = contents.bytes.view()};
  const PutOptions options{.conditions = job.conditions, .headers = job.headers};
  const auto send = [&] {
    return crew.client(member).put(job.bucket, job.key, body, options,
                                   {.stop = crew.stop_token(member)});
  };
  const PutResult put = co_await or_fail(with_repeats(crew.stop_token(member), send));
  UploadReport report{
      .etag = put.etag, .version_id = put.version_id, .size_bytes = contents.bytes.size()};
  if (put.was_instant) {
    report.instant_bytes = report.size_bytes;
    meter.add_instant(report.size_bytes);
  } else {
    meter.add_sent(report.size_bytes);
  }
  meter.add_done(report.size_bytes);
  co_return report;
}

io::Task<S3Result<UploadReport>> upload(Crew& crew, UploadJob job, UploadOptions options,
                                        Meter& meter, io::Until until) {
  const ForwardedStop forwarded(crew, until.stop);
  if (options.door != nullptr) {
    std::optional<UploadReport> native =
        co_await or_fail(options.door->upload(crew, job, meter, {.stop = crew.stop_token(0)}));
    if (native) co_return std::move(*native);
  }
  S3Result<UploadReport> small = co_await upload_whole(crew, 0, job, meter);
  if (small || small.error().error.code != Code::kOutOfRange) co_return small;
  std::unique_ptr<io::File> file = co_await or_fail(crew.files().open(job.path, {}));
  S3Result<UploadReport> done = co_await upload_parts(crew, job, options, meter, *file);
  co_await file->close();
  co_return done;
}

io::Task<S3Status> abandon_upload(Crew& crew, UploadJob job, UploadOptions options) {
  const std::string path =
      UploadJournal::path_of(options.journal_directory, crew.client().options().endpoint, job);
  const Result<std::vector<Bytes>> records = co_await Journal::read(crew.files(), path);
  if (!records || records->size() < 2) co_return S3Status();
  RecordReader id((*records)[1]);
  const std::string upload_id = id.text();
  S3Status aborted = co_await crew.client().abort_upload(job.bucket, job.key, upload_id,
                                                         {.stop = crew.stop_token(0)});
  if (aborted || aborted.error().status == 404) (void)co_await crew.files().unlink(path);
  co_return aborted;
}

}  // namespace cairn::transfer
