// Many files at a time: small ones pipelined over kept connections by the dozen on every member of
// the crew, large ones one after the other by upload() and download(), which use the crew by
// themselves.
//
// Jobs come from a stream, so that a listing of millions is never in memory; outcomes go to an
// observer, file by file, and one that fails does not end the others.
// Thread rule: called at the crew's home; the stream and the observer are called at home too.
#pragma once

#include <cstddef>
#include <optional>

#include "transfer/crew.h"
#include "transfer/download.h"
#include "transfer/upload.h"

namespace cairn::transfer {

template <typename Job>
class JobStream {
 public:
  virtual ~JobStream() = default;
  // The next job; nullopt at the end. Never called twice at the same time.
  virtual io::Task<std::optional<Job>> next() = 0;
};

template <typename Job, typename Report>
class OutcomeObserver {
 public:
  virtual ~OutcomeObserver() = default;
  virtual void on_outcome(const Job& job, const S3Result<Report>& outcome) = 0;
};

struct ManyOptions {
  size_t small_in_flight_max = 32;  // Over all members.
  size_t large_in_flight_max = 2;
};

using DownloadStream = JobStream<DownloadJob>;
using DownloadOutcomes = OutcomeObserver<DownloadJob, DownloadReport>;
using UploadStream = JobStream<UploadJob>;
using UploadOutcomes = OutcomeObserver<UploadJob, UploadReport>;

// Until the stream ends or a stop is requested. Counts files in the meter (totals are the
// caller's).
io::Task<void> download_many(Crew& crew, DownloadStream& jobs, DownloadOptions options,
                             ManyOptions many, DownloadOutcomes& outcomes, Meter& meter,
                             io::Until until);
io::Task<void> upload_many(Crew& crew, UploadStream& jobs, UploadOptions options, ManyOptions many,
                           UploadOutcomes& outcomes, Meter& meter, io::Until until);

}  // namespace cairn::transfer
